package iam

import (
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// parsed refuses a document that IAM refuses.
func parsed(kind policy.Kind, document string) (*policy.Document, error) {
	d, err := policy.Parse(kind, []byte(document))
	if err != nil {
		return nil, answer(err)
	}
	return d, nil
}

// trust checks a trust policy, also that the principals that it names exist if they are of an
// account of this plane.
func trust(s *directory.Snapshot, document string) error {
	d, err := parsed(policy.Trust, document)
	if err != nil {
		return err
	}
	if d.Size() > policy.MaxTrustSize {
		return iamapi.ErrLimitExceeded("Cannot exceed quota for ACLSizePerRole: %d", policy.MaxTrustSize)
	}
	for _, arn := range d.PrincipalARNs() {
		a, err := identity.ParseARN(arn)
		if err != nil {
			return invalidPrincipal(arn)
		}
		if _, ok := s.Resolve(arn); !ok && s.Account(a.Account) != nil {
			return invalidPrincipal(arn)
		}
	}
	return nil
}

func invalidPrincipal(arn string) *awsapi.Error {
	return iamapi.ErrMalformedPolicyDocument(`Invalid principal in policy: "AWS":"%s"`, arn)
}

// managed checks the document of a managed policy.
func managed(document string) error {
	d, err := parsed(policy.Managed, document)
	if err != nil {
		return err
	}
	if d.Size() > policy.MaxManagedSize {
		return iamapi.ErrLimitExceeded("Cannot exceed quota for PolicySize: %d", policy.MaxManagedSize)
	}
	return nil
}

// inline checks the document of an inline policy that is to be put under name beside the others:
// their sizes add up. kind and owner word the message.
func inline(g *identity.Grants, name, document string, most int, kind, owner string) error {
	d, err := parsed(policy.Identity, document)
	if err != nil {
		return err
	}
	size := d.Size()
	for _, p := range g.Inline {
		if identity.Fold(p.Name) == identity.Fold(name) {
			continue
		}
		other, err := policy.ParseStored(policy.Identity, []byte(p.Document))
		if err != nil {
			return err
		}
		size += other.Size()
	}
	if size > most {
		return iamapi.ErrLimitExceeded("Maximum policy size of %d bytes exceeded for %s %s", most, kind, owner)
	}
	return nil
}
