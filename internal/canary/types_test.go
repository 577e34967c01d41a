package canary_test

import (
	"reflect"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/agent"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/ecs"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/imds"
	"github.com/rolecall-dev/rolecall/internal/declare"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authn"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/proxy"
	"github.com/rolecall-dev/rolecall/provider/container"
	"github.com/rolecall-dev/rolecall/provider/profile"
	"github.com/rolecall-dev/rolecall/provider/saml"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/sigv4"
	"github.com/rolecall-dev/rolecall/sts"
)

// registered lists every exported type that holds a secret; TestEveryHolderIsRegistered names those
// that are missing.
func registered() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[agent.Agent](),
		reflect.TypeFor[authn.Authenticator](),
		reflect.TypeFor[authn.Caller](),
		reflect.TypeFor[authn.Options](),
		reflect.TypeFor[broker.Answer](),
		reflect.TypeFor[chain.Resolution](),
		reflect.TypeFor[container.Options](),
		reflect.TypeFor[container.Provider](),
		reflect.TypeFor[declare.Plan](),
		reflect.TypeFor[delivery.Event](),
		reflect.TypeFor[delivery.Log](),
		reflect.TypeFor[ecs.Handler](),
		reflect.TypeFor[identity.AccessKey](),
		reflect.TypeFor[identity.LoginProfile](),
		reflect.TypeFor[identity.MFADevice](),
		reflect.TypeFor[imds.Handler](),
		reflect.TypeFor[imds.Options](),
		reflect.TypeFor[profile.Keys](),
		reflect.TypeFor[profile.Provider](),
		reflect.TypeFor[proxy.Store](),
		reflect.TypeFor[rolecall.Cache](),
		reflect.TypeFor[rolecall.Credentials](),
		reflect.TypeFor[rolecall.Secret](),
		reflect.TypeFor[sigv4.Body](),
		reflect.TypeFor[sigv4.KeyCache](),
		reflect.TypeFor[sigv4.SignOptions](),
		reflect.TypeFor[sigv4.Signature](),
		reflect.TypeFor[sigv4.Verifier](),
		reflect.TypeFor[sigv4.VerifierOptions](),
		reflect.TypeFor[saml.Response](),
		reflect.TypeFor[sso.Token](),
		reflect.TypeFor[sts.AssumeRoleWithSAMLInput](),
		reflect.TypeFor[sts.AssumeRoleWithWebIdentityInput](),
		reflect.TypeFor[sts.SessionOutput](),
	}
}

// exempt are types that hold a secret and are not filled here, each with the reason.
func exempt() map[string]string {
	const module = "github.com/rolecall-dev/rolecall"
	return map[string]string{
		module + "/internal/plane/planetest.Plane": "a test kit; its keys are made up",
		module + "/internal/plane/server.Config":   "links the whole plane; what it holds is identity.AccessKey, which is listed",
		module + "/internal/plane/server.Server":   "links the whole plane; what it holds is listed",
	}
}
