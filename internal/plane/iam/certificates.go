package iam

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"iter"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// parseCertificate reads the first certificate of a PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, iamapi.ErrMalformedCertificate("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, iamapi.ErrMalformedCertificate("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	}
	return certificate, nil
}

func certificateMetadata(s *identity.ServerCertificate) iamapi.ServerCertificateMetadata {
	return iamapi.ServerCertificateMetadata{
		Path: s.Path, ServerCertificateName: s.Name, ServerCertificateId: s.ID, Arn: s.ARN(),
		UploadDate: &s.Uploaded, Expiration: moment(s.Expires),
	}
}

// uploadServerCertificate keeps the certificate and its chain. The private key must fit, and is not
// kept: no service of this plane serves TLS with it.
func (v *service) uploadServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.UploadServerCertificateInput) (*iamapi.UploadServerCertificateOutput, error) {
	tags := tagsIn(in.Tags)
	s := &identity.ServerCertificate{
		ID: identity.NewID(identity.PrefixCertificate, account(c)), Account: account(c), Path: orSlash(in.Path),
		Name: in.ServerCertificateName, Body: in.CertificateBody, Chain: value(in.CertificateChain), Uploaded: seconds(c.Time),
	}
	err := v.directory.Update(ctx, func(tx *directory.Tx) (err error) {
		if err := v.askCreate(ctx, c, "UploadServerCertificate", "TagServerCertificate", s.ARN(), tags); err != nil {
			return err
		}
		if tx.ServerCertificate(account(c), in.ServerCertificateName) != nil {
			return iamapi.ErrEntityAlreadyExists("The Server Certificate with name %s already exists.", in.ServerCertificateName)
		}
		if err := room(count(tx.ServerCertificates(account(c), "", "")), v.quotas.ServerCertificates, "ServerCertificatesPerAccount"); err != nil {
			return err
		}
		certificate, err := parseCertificate(in.CertificateBody)
		if err != nil {
			return err
		}
		if in.CertificateChain != nil {
			if _, err := parseCertificate(*in.CertificateChain); err != nil {
				return err
			}
		}
		if _, err := tls.X509KeyPair([]byte(in.CertificateBody), []byte(in.PrivateKey)); err != nil {
			return iamapi.ErrKeyPairMismatch("The public key in the certificate does not match the private key.")
		}
		s.Expires = seconds(certificate.NotAfter)
		if s.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		return tx.Put(s)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(s.ARN(), "AWS::IAM::ServerCertificate")
	return &iamapi.UploadServerCertificateOutput{ServerCertificateMetadata: new(certificateMetadata(s)), Tags: tagsOut(s.Tags)}, nil
}

func (v *service) serverCertificate(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string, more ...with) (*identity.ServerCertificate, error) {
	e := s.ServerCertificate(account(c), name)
	arn := identity.ServerCertificateARN(account(c), "/", name)
	if e != nil {
		arn = e.ARN()
		more = append([]with{owned(e.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, iamapi.ErrNoSuchEntity("The Server Certificate with name %s cannot be found.", name)
	}
	c.Touched(arn, "AWS::IAM::ServerCertificate")
	return e, nil
}

func (v *service) changeServerCertificate(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.ServerCertificate) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		e, err := v.serverCertificate(ctx, c, tx.Snapshot, action, name, more...)
		if err != nil {
			return err
		}
		e = e.Clone()
		if err := change(tx, e); err != nil {
			return err
		}
		return tx.Put(e)
	})
}

func (v *service) getServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.GetServerCertificateInput) (*iamapi.GetServerCertificateOutput, error) {
	e, err := v.serverCertificate(ctx, c, v.directory.Snapshot(), "GetServerCertificate", in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetServerCertificateOutput{ServerCertificate: &iamapi.ServerCertificate{
		ServerCertificateMetadata: new(certificateMetadata(e)), CertificateBody: e.Body, CertificateChain: text(e.Chain), Tags: allTags(e.Tags),
	}}, nil
}

func (v *service) listServerCertificates(ctx context.Context, c *awsapi.Call, in *iamapi.ListServerCertificatesInput) (*iamapi.ListServerCertificatesOutput, error) {
	if err := v.ask(ctx, c, "ListServerCertificates", identity.ServerCertificateARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[*identity.ServerCertificate] {
		return s.ServerCertificates(account(c), value(in.PathPrefix), after)
	}, func(e *identity.ServerCertificate) string { return e.Name })
	if err != nil {
		return nil, err
	}
	return &iamapi.ListServerCertificatesOutput{ServerCertificateMetadataList: mapped(p.items, certificateMetadata), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) updateServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateServerCertificateInput) (*iamapi.UpdateServerCertificateOutput, error) {
	return nil, v.changeServerCertificate(ctx, c, "UpdateServerCertificate", in.ServerCertificateName, func(tx *directory.Tx, e *identity.ServerCertificate) error {
		if in.NewPath != nil {
			e.Path = *in.NewPath
		}
		if in.NewServerCertificateName != nil {
			if other := tx.ServerCertificate(account(c), *in.NewServerCertificateName); other != nil && other.ID != e.ID {
				return iamapi.ErrEntityAlreadyExists("The Server Certificate with name %s already exists.", *in.NewServerCertificateName)
			}
			e.Name = *in.NewServerCertificateName
		}
		return v.ask(ctx, c, "UpdateServerCertificate", e.ARN(), owned(e.Tags))
	})
}

func (v *service) deleteServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteServerCertificateInput) (*iamapi.DeleteServerCertificateOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		e, err := v.serverCertificate(ctx, c, tx.Snapshot, "DeleteServerCertificate", in.ServerCertificateName)
		if err != nil {
			return err
		}
		return tx.Delete(e)
	})
}

func (v *service) tagServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.TagServerCertificateInput) (*iamapi.TagServerCertificateOutput, error) {
	return nil, v.changeServerCertificate(ctx, c, "TagServerCertificate", in.ServerCertificateName, func(_ *directory.Tx, e *identity.ServerCertificate) (err error) {
		e.Tags, err = v.merged(e.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagServerCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.UntagServerCertificateInput) (*iamapi.UntagServerCertificateOutput, error) {
	return nil, v.changeServerCertificate(ctx, c, "UntagServerCertificate", in.ServerCertificateName, func(_ *directory.Tx, e *identity.ServerCertificate) error {
		e.Tags = without(e.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listServerCertificateTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListServerCertificateTagsInput) (*iamapi.ListServerCertificateTagsOutput, error) {
	e, err := v.serverCertificate(ctx, c, v.directory.Snapshot(), "ListServerCertificateTags", in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, e.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListServerCertificateTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func signingOut(name string, s *identity.SigningCertificate) iamapi.SigningCertificate {
	return iamapi.SigningCertificate{
		UserName: name, CertificateId: s.ID, CertificateBody: s.Body, Status: iamapi.StatusType(s.Status), UploadDate: &s.Uploaded,
	}
}

// signingID is a certificate's id: 32 characters that follow from the account, the user and the
// certificate, so that one user has a certificate once.
func signingID(account identity.AccountID, userID string, certificate *x509.Certificate) string {
	h := crypto.SHA256.New()
	h.Write([]byte(string(account) + "/" + userID + "/"))
	h.Write(certificate.Raw)
	return base32.StdEncoding.EncodeToString(h.Sum(nil)[:sha256.Size])[:32]
}

// signingUser finds whose certificate is meant; this plane keeps none for root.
func (v *service) signingUser(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action string, name *string) (*identity.UserEntity, error) {
	o, err := v.owner(ctx, c, s, action, name)
	if err != nil {
		return nil, err
	}
	if o.user == nil {
		return nil, awsapi.ValidationError("Must specify userName: the root of an account has no signing certificates.")
	}
	return o.user, nil
}

func (v *service) uploadSigningCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.UploadSigningCertificateInput) (*iamapi.UploadSigningCertificateOutput, error) {
	var out iamapi.SigningCertificate
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.signingUser(ctx, c, tx.Snapshot, "UploadSigningCertificate", in.UserName)
		if err != nil {
			return err
		}
		certificate, err := parseCertificate(in.CertificateBody)
		if err != nil {
			return iamapi.ErrMalformedCertificate("Certificate %s is malformed.", in.CertificateBody)
		}
		s := &identity.SigningCertificate{
			ID: signingID(account(c), u.ID, certificate), Account: account(c), UserID: u.ID,
			Body: in.CertificateBody, Status: identity.StatusActive, Uploaded: seconds(c.Time),
		}
		if tx.SigningCertificate(s.ID) != nil {
			return iamapi.ErrDuplicateCertificate("The certificate is already uploaded.")
		}
		if err := room(count(tx.SigningCertificates(u.ID)), v.quotas.SigningCertificates, "CertificatesPerUser"); err != nil {
			return err
		}
		out = signingOut(u.Name, s)
		return tx.Put(s)
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.UploadSigningCertificateOutput{Certificate: &out}, nil
}

func (v *service) listSigningCertificates(ctx context.Context, c *awsapi.Call, in *iamapi.ListSigningCertificatesInput) (*iamapi.ListSigningCertificatesOutput, error) {
	s := v.directory.Snapshot()
	u, err := v.signingUser(ctx, c, s, "ListSigningCertificates", in.UserName)
	if err != nil {
		return nil, err
	}
	var all []*identity.SigningCertificate
	for e := range s.SigningCertificates(u.ID) {
		all = append(all, e)
	}
	name := func(e *identity.SigningCertificate) string { return e.ID }
	p, err := paginate(in.Marker, in.MaxItems, sliced(all, name), name)
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(e *identity.SigningCertificate) iamapi.SigningCertificate { return signingOut(u.Name, e) })
	return &iamapi.ListSigningCertificatesOutput{Certificates: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// signing finds a certificate of a user and authorizes on the user.
func (v *service) signing(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action string, name *string, id string) (*identity.SigningCertificate, error) {
	u, err := v.signingUser(ctx, c, s, action, name)
	if err != nil {
		return nil, err
	}
	e := s.SigningCertificate(id)
	if e == nil || e.UserID != u.ID {
		return nil, iamapi.ErrNoSuchEntity("The Certificate with id %s cannot be found.", id)
	}
	return e, nil
}

func (v *service) updateSigningCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateSigningCertificateInput) (*iamapi.UpdateSigningCertificateOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		e, err := v.signing(ctx, c, tx.Snapshot, "UpdateSigningCertificate", in.UserName, in.CertificateId)
		if err != nil {
			return err
		}
		e = e.Clone()
		e.Status = identity.KeyStatus(in.Status)
		if e.Status != identity.StatusActive && e.Status != identity.StatusInactive {
			return awsapi.ValidationError("The status %s cannot be set.", in.Status)
		}
		return tx.Put(e)
	})
}

func (v *service) deleteSigningCertificate(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteSigningCertificateInput) (*iamapi.DeleteSigningCertificateOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		e, err := v.signing(ctx, c, tx.Snapshot, "DeleteSigningCertificate", in.UserName, in.CertificateId)
		if err != nil {
			return err
		}
		return tx.Delete(e)
	})
}
