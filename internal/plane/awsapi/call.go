package awsapi

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Call is one request on its way through the plane, apart from its input.
type Call struct {
	// RequestID is the UUID that goes into the answer, the log and the audit record.
	RequestID string
	// Service and Operation name what is called, such as "iam" and "CreateUser". Serve sets them.
	Service, Operation string
	// Principal is who signed; its Kind is Anonymous if nobody did. Never nil in a handler.
	Principal *identity.Principal
	// Region is that of the credential scope.
	Region string
	// SourceIP is the caller's address; not Valid if unknown.
	SourceIP  netip.Addr
	UserAgent string
	// Secure reports whether the request came over TLS.
	Secure bool
	// Time is when the request arrived; handlers use it as now.
	Time time.Time
	// EncodedDenial is the encoded authorization message of the call's last refusal, for
	// sts:DecodeAuthorizationMessage; "" if there was none.
	EncodedDenial string
	// Audit gathers what the audit record says beyond the above; nil when nobody records.
	Audit *AuditFields

	output *plan // of the operation's output
}

// AuditFields is what a service adds to the audit record of a call. No secret may enter.
type AuditFields struct {
	// RequestParameters is a JSON object; Serve sets it from the input, sensitive members hidden.
	RequestParameters []byte
	// ResponseElements is a JSON object, or nil for calls that change nothing.
	ResponseElements []byte
	// Resources are what the call acted on.
	Resources []AuditResource
	// ReadOnly is set by handlers of operations that change nothing.
	ReadOnly bool
	// AdditionalData are further facts for additionalEventData.
	AdditionalData map[string]string
}

// AuditResource is one thing that a call acted on.
type AuditResource struct {
	ARN     string
	Account identity.AccountID
	// Type is as CloudTrail's, for example "AWS::IAM::Role".
	Type string
}

// Touched records that the call acted on the resource. It is safe to call when nobody records.
func (c *Call) Touched(arn, kind string) {
	if c.Audit == nil {
		return
	}
	r := AuditResource{ARN: arn, Type: kind}
	if c.Principal != nil {
		r.Account = c.Principal.Account
	}
	if !slices.Contains(c.Audit.Resources, r) {
		c.Audit.Resources = append(c.Audit.Resources, r)
	}
}

// ReadOnly records that the call changes nothing. It is safe to call when nobody records.
func (c *Call) ReadOnly() {
	if c.Audit != nil {
		c.Audit.ReadOnly = true
	}
}

// NewRequestID returns a fresh random UUID (version 4).
func NewRequestID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var b [36]byte
	hex.Encode(b[:8], raw[:4])
	b[8] = '-'
	hex.Encode(b[9:13], raw[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], raw[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], raw[8:10])
	b[23] = '-'
	hex.Encode(b[24:], raw[10:])
	return string(b[:])
}

func (c *Call) recordInput(pl *plan, in reflect.Value) {
	if c.Audit != nil {
		c.Audit.RequestParameters = pl.audit(in)
	}
}

// RecordOutput puts out, the output of the operation that is being served, into the audit record,
// sensitive members hidden. Handlers call it for operations that change something. It is safe to call
// when nobody records.
func RecordOutput[Out any](c *Call, out *Out) {
	if c.Audit == nil || c.output == nil || out == nil {
		return
	}
	if text := c.output.audit(reflect.ValueOf(out).Elem()); len(text) > 2 {
		c.Audit.ResponseElements = text
	}
}
