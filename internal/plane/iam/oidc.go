package iam

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

const (
	maxClientIDs   = 100
	maxThumbprints = 5
)

// issuer is an issuer's URL without the scheme, which is how ARNs and condition keys name it.
func issuer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", awsapi.ValidationError("Invalid Open ID Connect Provider URL")
	}
	return strings.ToLower(u.Host) + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

func thumbprints(list []string) ([]string, error) {
	if len(list) > maxThumbprints {
		return nil, iamapi.ErrInvalidInput("Thumbprint list must contain fewer than %d entries.", maxThumbprints)
	}
	out := make([]string, 0, len(list))
	for _, t := range list {
		t = strings.ToLower(t)
		if strings.Trim(t, "0123456789abcdef") != "" {
			return nil, iamapi.ErrInvalidInput("The thumbprint %s is not a SHA-1 hash in hexadecimal.", t)
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, nil
}

func (v *service) createOIDCProvider(ctx context.Context, c *awsapi.Call, in *iamapi.CreateOpenIDConnectProviderInput) (*iamapi.CreateOpenIDConnectProviderOutput, error) {
	tags := tagsIn(in.Tags)
	host, bad := issuer(in.Url)
	p := &identity.OIDCProvider{Account: account(c), URL: host, Created: seconds(c.Time)}
	err := v.directory.Update(ctx, func(tx *directory.Tx) (err error) {
		if err := v.askCreate(ctx, c, "CreateOpenIDConnectProvider", "TagOpenIDConnectProvider", p.ARN(), tags); err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
		if tx.OIDCProvider(p.ARN()) != nil {
			return iamapi.ErrEntityAlreadyExists("Provider with url %s already exists.", in.Url)
		}
		if err := room(count(tx.OIDCProviders(account(c))), v.quotas.OIDCProviders, "OpenIdConnectProvidersPerAccount"); err != nil {
			return err
		}
		if len(in.ClientIDList) > maxClientIDs {
			return iamapi.ErrLimitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClientIDs)
		}
		if p.Thumbprints, err = thumbprints(in.ThumbprintList); err != nil {
			return err
		}
		slices.Sort(in.ClientIDList)
		p.ClientIDs = slices.Compact(in.ClientIDList)
		if p.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		return tx.Put(p)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(p.ARN(), "AWS::IAM::OIDCProvider")
	return &iamapi.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: new(p.ARN()), Tags: tagsOut(p.Tags)}, nil
}

func (v *service) oidc(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, arn string, more ...with) (*identity.OIDCProvider, error) {
	p := s.OIDCProvider(arn)
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
		return nil, iamapi.ErrNoSuchEntity("OpenIDConnect Provider not found for arn %s", arn)
	}
	c.Touched(arn, "AWS::IAM::OIDCProvider")
	return p, nil
}

func (v *service) changeOIDC(ctx context.Context, c *awsapi.Call, action, arn string, change func(*identity.OIDCProvider) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.oidc(ctx, c, tx.Snapshot, action, arn, more...)
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

func (v *service) getOIDCProvider(ctx context.Context, c *awsapi.Call, in *iamapi.GetOpenIDConnectProviderInput) (*iamapi.GetOpenIDConnectProviderOutput, error) {
	p, err := v.oidc(ctx, c, v.directory.Snapshot(), "GetOpenIDConnectProvider", in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetOpenIDConnectProviderOutput{
		Url: &p.URL, ClientIDList: append([]string{}, p.ClientIDs...), ThumbprintList: append([]string{}, p.Thumbprints...),
		CreateDate: &p.Created, Tags: allTags(p.Tags),
	}, nil
}

func (v *service) listOIDCProviders(ctx context.Context, c *awsapi.Call, _ *iamapi.ListOpenIDConnectProvidersInput) (*iamapi.ListOpenIDConnectProvidersOutput, error) {
	if err := v.ask(ctx, c, "ListOpenIDConnectProviders", "*"); err != nil {
		return nil, err
	}
	out := &iamapi.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []iamapi.OpenIDConnectProviderListEntry{}}
	for p := range v.directory.Snapshot().OIDCProviders(account(c)) {
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, iamapi.OpenIDConnectProviderListEntry{Arn: new(p.ARN())})
	}
	return out, nil
}

func (v *service) deleteOIDCProvider(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteOpenIDConnectProviderInput) (*iamapi.DeleteOpenIDConnectProviderOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.oidc(ctx, c, tx.Snapshot, "DeleteOpenIDConnectProvider", in.OpenIDConnectProviderArn)
		var told *awsapi.Error
		if errors.As(err, &told) && told.Code == "NoSuchEntity" {
			return iamapi.ErrNoSuchEntity("OpenId connect Provider %s cannot be found.", in.OpenIDConnectProviderArn)
		}
		if err != nil {
			return err
		}
		return tx.Delete(p)
	})
}

func (v *service) updateOIDCThumbprint(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateOpenIDConnectProviderThumbprintInput) (*iamapi.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	return nil, v.changeOIDC(ctx, c, "UpdateOpenIDConnectProviderThumbprint", in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) (err error) {
		p.Thumbprints, err = thumbprints(in.ThumbprintList)
		return err
	})
}

func (v *service) addClientID(ctx context.Context, c *awsapi.Call, in *iamapi.AddClientIDToOpenIDConnectProviderInput) (*iamapi.AddClientIDToOpenIDConnectProviderOutput, error) {
	return nil, v.changeOIDC(ctx, c, "AddClientIDToOpenIDConnectProvider", in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		if slices.Contains(p.ClientIDs, in.ClientID) {
			return nil
		}
		p.ClientIDs = append(p.ClientIDs, in.ClientID)
		slices.Sort(p.ClientIDs)
		return room(len(p.ClientIDs)-1, maxClientIDs, "ClientIdsPerOpenIdConnectProvider")
	})
}

func (v *service) removeClientID(ctx context.Context, c *awsapi.Call, in *iamapi.RemoveClientIDFromOpenIDConnectProviderInput) (*iamapi.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return nil, v.changeOIDC(ctx, c, "RemoveClientIDFromOpenIDConnectProvider", in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == in.ClientID })
		return nil
	})
}

func (v *service) tagOIDC(ctx context.Context, c *awsapi.Call, in *iamapi.TagOpenIDConnectProviderInput) (*iamapi.TagOpenIDConnectProviderOutput, error) {
	return nil, v.changeOIDC(ctx, c, "TagOpenIDConnectProvider", in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) (err error) {
		p.Tags, err = v.merged(p.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagOIDC(ctx context.Context, c *awsapi.Call, in *iamapi.UntagOpenIDConnectProviderInput) (*iamapi.UntagOpenIDConnectProviderOutput, error) {
	return nil, v.changeOIDC(ctx, c, "UntagOpenIDConnectProvider", in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		p.Tags = without(p.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listOIDCTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListOpenIDConnectProviderTagsInput) (*iamapi.ListOpenIDConnectProviderTagsOutput, error) {
	o, err := v.oidc(ctx, c, v.directory.Snapshot(), "ListOpenIDConnectProviderTags", in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, o.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListOpenIDConnectProviderTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}
