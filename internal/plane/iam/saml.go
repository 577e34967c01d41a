package iam

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// metadata is what IAM itself looks at in a provider's metadata document.
type metadata struct {
	XMLName    xml.Name
	EntityID   string    `xml:"entityID,attr"`
	ValidUntil time.Time `xml:"validUntil,attr"`
	IDP        []struct {
		Keys []struct {
			Certificate string `xml:"KeyInfo>X509Data>X509Certificate"`
		} `xml:"KeyDescriptor"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
}

// samlValidity is how long a provider is good whose metadata does not say.
const samlValidity = 100 * 365 * 24 * time.Hour

// parseMetadata refuses what is no metadata of an identity provider with a certificate.
func parseMetadata(document string, now time.Time) (validUntil time.Time, err error) {
	d := xml.NewDecoder(strings.NewReader(document))
	d.Strict = true
	var m metadata
	if err := d.Decode(&m); err != nil || m.XMLName.Local != "EntityDescriptor" || m.EntityID == "" || len(m.IDP) == 0 {
		return time.Time{}, iamapi.ErrInvalidInput("Could not parse metadata")
	}
	certificate := false
	for _, k := range m.IDP[0].Keys {
		certificate = certificate || strings.TrimSpace(k.Certificate) != ""
	}
	if !certificate {
		return time.Time{}, iamapi.ErrInvalidInput("Could not parse metadata: the identity provider has no certificate")
	}
	if !m.ValidUntil.IsZero() {
		return seconds(m.ValidUntil), nil
	}
	return seconds(now.Add(samlValidity)), nil
}

// plainAssertions refuses encrypted assertions: this plane cannot read them, and must not seem to.
func plainAssertions(mode *iamapi.AssertionEncryptionModeType, added, removed *string) error {
	if mode != nil && *mode == iamapi.AssertionEncryptionModeTypeRequired || added != nil || removed != nil {
		return iamapi.ErrInvalidInput("Encrypted SAML assertions are not supported.")
	}
	return nil
}

func (v *service) createSAMLProvider(ctx context.Context, c *awsapi.Call, in *iamapi.CreateSAMLProviderInput) (*iamapi.CreateSAMLProviderOutput, error) {
	tags := tagsIn(in.Tags)
	p := &identity.SAMLProvider{Account: account(c), Name: in.Name, Metadata: in.SAMLMetadataDocument, Created: seconds(c.Time)}
	// Asked here too, since reading a large document is only for those who may.
	if err := v.askCreate(ctx, c, "CreateSAMLProvider", "TagSAMLProvider", p.ARN(), tags); err != nil {
		return nil, err
	}
	if err := plainAssertions(in.AssertionEncryptionMode, in.AddPrivateKey, nil); err != nil {
		return nil, err
	}
	validUntil, bad := parseMetadata(in.SAMLMetadataDocument, c.Time)
	p.ValidUntil = validUntil
	err := v.directory.Update(ctx, func(tx *directory.Tx) (err error) {
		if err := v.askCreate(ctx, c, "CreateSAMLProvider", "TagSAMLProvider", p.ARN(), tags); err != nil {
			return err
		}
		if tx.SAMLProvider(p.ARN()) != nil {
			return iamapi.ErrEntityAlreadyExists("SAMLProvider %s already exists.", in.Name)
		}
		if err := room(count(tx.SAMLProviders(account(c))), v.quotas.SAMLProviders, "SAMLProvidersPerAccount"); err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
		if p.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		return tx.Put(p)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(p.ARN(), "AWS::IAM::SAMLProvider")
	return &iamapi.CreateSAMLProviderOutput{SAMLProviderArn: new(p.ARN()), Tags: tagsOut(p.Tags)}, nil
}

func (v *service) saml(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, arn string, more ...with) (*identity.SAMLProvider, error) {
	p := s.SAMLProvider(arn)
	if p != nil && p.Account != account(c) {
		p = nil
	}
	if p != nil {
		more = append([]with{owned(p.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, iamapi.ErrNoSuchEntity("Manifest not found for arn %s", arn)
	}
	c.Touched(arn, "AWS::IAM::SAMLProvider")
	return p, nil
}

func (v *service) changeSAML(ctx context.Context, c *awsapi.Call, action, arn string, change func(*identity.SAMLProvider) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.saml(ctx, c, tx.Snapshot, action, arn, more...)
		if err != nil {
			return err
		}
		p = p.Clone()
		if err := change(p); err != nil {
			return err
		}
		return tx.Put(p)
	})
}

func (v *service) updateSAMLProvider(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateSAMLProviderInput) (*iamapi.UpdateSAMLProviderOutput, error) {
	if _, err := v.saml(ctx, c, v.directory.Snapshot(), "UpdateSAMLProvider", in.SAMLProviderArn); err != nil {
		return nil, err
	}
	if err := plainAssertions(in.AssertionEncryptionMode, in.AddPrivateKey, in.RemovePrivateKey); err != nil {
		return nil, err
	}
	var validUntil time.Time
	if in.SAMLMetadataDocument != nil {
		var err error
		if validUntil, err = parseMetadata(*in.SAMLMetadataDocument, c.Time); err != nil {
			return nil, err
		}
	}
	err := v.changeSAML(ctx, c, "UpdateSAMLProvider", in.SAMLProviderArn, func(p *identity.SAMLProvider) error {
		if in.SAMLMetadataDocument != nil {
			p.Metadata, p.ValidUntil = *in.SAMLMetadataDocument, validUntil
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.UpdateSAMLProviderOutput{SAMLProviderArn: &in.SAMLProviderArn}, nil
}

func (v *service) getSAMLProvider(ctx context.Context, c *awsapi.Call, in *iamapi.GetSAMLProviderInput) (*iamapi.GetSAMLProviderOutput, error) {
	p, err := v.saml(ctx, c, v.directory.Snapshot(), "GetSAMLProvider", in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetSAMLProviderOutput{
		SAMLProviderUUID: new(samlUUID(p)), SAMLMetadataDocument: &p.Metadata, CreateDate: &p.Created, ValidUntil: moment(p.ValidUntil),
		Tags: allTags(p.Tags), AssertionEncryptionMode: new(iamapi.AssertionEncryptionModeTypeAllowed), PrivateKeyList: []iamapi.SAMLPrivateKey{},
	}, nil
}

// samlUUID tells a provider from others that had its name before.
func samlUUID(p *identity.SAMLProvider) string {
	sum := sha256.Sum256([]byte(p.ARN() + " " + p.Created.Format(time.RFC3339)))
	return base32.StdEncoding.EncodeToString(sum[:20])
}

func (v *service) listSAMLProviders(ctx context.Context, c *awsapi.Call, _ *iamapi.ListSAMLProvidersInput) (*iamapi.ListSAMLProvidersOutput, error) {
	if err := v.ask(ctx, c, "ListSAMLProviders", "*"); err != nil {
		return nil, err
	}
	out := &iamapi.ListSAMLProvidersOutput{SAMLProviderList: []iamapi.SAMLProviderListEntry{}}
	for p := range v.directory.Snapshot().SAMLProviders(account(c)) {
		out.SAMLProviderList = append(out.SAMLProviderList, iamapi.SAMLProviderListEntry{
			Arn: new(p.ARN()), ValidUntil: moment(p.ValidUntil), CreateDate: &p.Created,
		})
	}
	return out, nil
}

func (v *service) deleteSAMLProvider(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteSAMLProviderInput) (*iamapi.DeleteSAMLProviderOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.saml(ctx, c, tx.Snapshot, "DeleteSAMLProvider", in.SAMLProviderArn)
		if err != nil {
			return err
		}
		return tx.Delete(p)
	})
}

func (v *service) tagSAML(ctx context.Context, c *awsapi.Call, in *iamapi.TagSAMLProviderInput) (*iamapi.TagSAMLProviderOutput, error) {
	return nil, v.changeSAML(ctx, c, "TagSAMLProvider", in.SAMLProviderArn, func(p *identity.SAMLProvider) (err error) {
		p.Tags, err = v.merged(p.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagSAML(ctx context.Context, c *awsapi.Call, in *iamapi.UntagSAMLProviderInput) (*iamapi.UntagSAMLProviderOutput, error) {
	return nil, v.changeSAML(ctx, c, "UntagSAMLProvider", in.SAMLProviderArn, func(p *identity.SAMLProvider) error {
		p.Tags = without(p.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listSAMLTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListSAMLProviderTagsInput) (*iamapi.ListSAMLProviderTagsOutput, error) {
	o, err := v.saml(ctx, c, v.directory.Snapshot(), "ListSAMLProviderTags", in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, o.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListSAMLProviderTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}
