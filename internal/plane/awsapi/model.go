package awsapi

import "net/http"

// Protocol is how a service speaks HTTP.
type Protocol uint8

// The protocols of the service models.
const (
	Query Protocol = iota + 1
	JSON10
	JSON11
	RESTJSON
)

// Model is what a service's model says about the service as a whole.
type Model struct {
	// Name is the name of the service in credential scopes and in IAM actions, such as "sts".
	Name string
	// Title is the full name, such as "AWS Security Token Service".
	Title    string
	Protocol Protocol
	// Version is the API version that query requests must name.
	Version string
	// Namespace is the XML namespace of answers.
	Namespace string
	// TargetPrefix starts the X-Amz-Target header of JSON requests.
	TargetPrefix string
	// Operations are the names of all modelled operations, sorted: also those that nobody serves.
	Operations []string
}

// Operation describes one operation of a service. Generated packages hold one value per operation,
// which nobody may change.
type Operation[In, Out any] struct {
	Name string
	// Method and Path are the HTTP binding; "POST" and "/" for query and JSON services. Path may
	// hold {label} and {label+} segments.
	Method, Path string
	// Status is that of a successful answer.
	Status int
	// ResultWrapper is the element around the output of query answers, "" if there is none.
	ResultWrapper string
	// DecodeQuery, DecodeJSON read an input and collect the violated constraints; the one that
	// fits the service's protocol is set.
	DecodeQuery func(n Node, p *Problems, in *In)
	DecodeJSON  func(n JSONNode, b *Bindings, p *Problems, in *In)
	// EncodeXML, EncodeJSON write the members of an output.
	EncodeXML  func(e *XMLEncoder, out *Out)
	EncodeJSON func(e *JSONEncoder, h http.Header, out *Out)
	// Audit writes the input's members as CloudTrail's requestParameters, sensitive ones hidden.
	Audit func(e *JSONEncoder, in *In)
	// AuditOutput writes the output's members as CloudTrail's responseElements, in the same way.
	AuditOutput func(e *JSONEncoder, out *Out)
}
