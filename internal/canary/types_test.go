package canary_test

import (
	"reflect"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// registered lists every exported type that holds a secret; TestEveryHolderIsRegistered names those that are missing.
func registered() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[rolecall.Credentials](),
		reflect.TypeFor[rolecall.Secret](),
		reflect.TypeFor[sigv4.Signature](),
	}
}

// exempt are types that hold one and cannot be filled from here, each with the reason.
func exempt() map[string]string { return nil }
