package objects

import (
	"context"
	"net/http"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// exchange is one request and its answer.
type exchange struct {
	f      *Front
	w      http.ResponseWriter
	r      *http.Request
	call   *awsapi.Call
	sig    *sigv4.Signature
	secret rolecall.Secret
	req    *s3req.Request
}

func (x *exchange) serve(ctx context.Context) error { return nil }

func (x *exchange) fail(err error) error { return err }
