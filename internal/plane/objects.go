package plane

import (
	"net/http"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// serveObjects answers an S3 request. The front writes its answers while it works, so that the
// record comes after; a log that takes no records refuses the next request.
func (p *Plane) serveObjects(w http.ResponseWriter, r *http.Request, c *awsapi.Call) {
	c.Service = "s3"
	caller, refused := p.o.Authenticator.Authenticate(r, sigv4.S3, "s3", "")
	adopt(c, &caller)
	if refused != nil {
		if err := p.recordRefusal(c, refused); err != nil {
			refused = unrecorded(err)
		}
		_ = p.o.Objects.Fail(w, r, c, refused)
		return
	}
	if c.Principal.Kind != identity.Anonymous {
		p.touch(c, "s3")
	}
	if p.broken.Load() {
		_ = p.o.Objects.Fail(w, r, c, unrecorded(nil))
		return
	}
	err := p.o.Objects.Serve(r.Context(), w, r, c, caller.Signature, caller.Secret)
	var failed *awsapi.Error
	if err != nil {
		failed = awsapi.AsError(err)
	}
	if failed == nil && !p.o.DataEvents && objectOperation(c.Operation) {
		return
	}
	if err := p.record(r.Context(), c, failed); err != nil {
		p.broken.Store(true)
	}
}
