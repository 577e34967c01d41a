package plane

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authn"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// maxBody bounds the body of an API request, in bytes: the largest legal one, a role policy of 10,240
// characters all of which are percent-encoded, is far below.
const maxBody = 1 << 20

// denialHeader carries the encoded authorization message of a refusal. AWS appends it to the message of
// some services (EC2), and to none of those that the plane has; a header leaves their wording alone.
const denialHeader = "X-Amzn-Encoded-Authorization-Message"

// serveAPI answers a request for one of the services.
func (p *Plane) serveAPI(w http.ResponseWriter, r *http.Request, s *Service, c *awsapi.Call) {
	model := s.API.Model()
	c.Service = model.Name
	body, refused := readBody(w, r)
	if refused != nil {
		p.refuse(w, s, c, refused)
		return
	}
	hash := sha256.Sum256(body)
	caller, refused := p.o.Authenticator.Authenticate(r, sigv4.Query, model.Name, hex.EncodeToString(hash[:]))
	adopt(c, &caller)
	if refused != nil {
		p.refuse(w, s, c, refused)
		return
	}
	match, refused := s.API.Match(r, body)
	if refused == nil && c.Principal.Kind == identity.Anonymous && !slices.Contains(s.Anonymous, match.Operation) {
		missing := sigv4.MissingAuthentication(sigv4.Query)
		refused = awsapi.Errorf(missing.Status, missing.Code, "%s", missing.Message)
	}
	if refused != nil {
		p.refuse(w, s, c, refused)
		return
	}
	if c.Principal.Kind != identity.Anonymous {
		p.touch(c, model.Name)
	}
	finish, failed := s.API.Run(r.Context(), match, c)
	if failed != nil && c.EncodedDenial != "" {
		w.Header().Set(denialHeader, c.EncodedDenial)
	}
	if err := p.record(r.Context(), c, failed); err != nil {
		finish(w, unrecorded(err))
		return
	}
	finish(w, nil)
}

// adopt takes over what authentication found out.
func adopt(c *awsapi.Call, caller *authn.Caller) {
	if caller.Principal != nil {
		c.Principal = caller.Principal
	}
	if caller.Signature != nil {
		c.Region = caller.Signature.Scope.Region
	}
}

// refuse answers a call that no operation has seen.
func (p *Plane) refuse(w http.ResponseWriter, s *Service, c *awsapi.Call, refused *awsapi.Error) {
	if err := p.recordRefusal(c, refused); err != nil {
		refused = unrecorded(err)
	}
	_ = s.API.WriteError(w, c.RequestID, refused)
}

// unknownService answers requests that are signed for a service that the plane does not have.
func (p *Plane) unknownService(w http.ResponseWriter, c *awsapi.Call, name string) {
	e := awsapi.Errorf(http.StatusBadRequest, "InvalidAction", "This endpoint does not serve the service %q", name)
	s := p.services["sts"]
	if s == nil {
		http.Error(w, e.Error(), e.HTTPStatus())
		return
	}
	_ = s.API.WriteError(w, c.RequestID, e)
}

// bodyTimeout is how long a client may take to send the body of an API request.
const bodyTimeout = 30 * time.Second

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *awsapi.Error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > maxBody {
		return nil, bodyTooLarge()
	}
	// Not every writer has deadlines; the network's have.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	if r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, bodyBroken(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, bodyBroken(err)
	case len(body) > maxBody:
		return nil, bodyTooLarge()
	default:
		return body, nil
	}
}

func bodyTooLarge() *awsapi.Error {
	return awsapi.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is larger than %d bytes", maxBody)
}

func bodyBroken(cause error) *awsapi.Error {
	return &awsapi.Error{Code: "IncompleteBody", Message: "The request body could not be read to its end", Status: http.StatusBadRequest, Cause: cause}
}

// unrecorded is the answer when the audit record could not be written: what cannot be accounted for
// does not happen.
func unrecorded(cause error) *awsapi.Error {
	return &awsapi.Error{
		Code: "ServiceUnavailable", Message: "The audit log does not take records.",
		Status: http.StatusServiceUnavailable, Cause: cause,
	}
}
