package awsapi

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
	// Quiet violations do not repeat the values that are to blame: IAM's do not, STS's do.
	Quiet bool
	// Shapes are the constraints that members of inputs name in their tags.
	Shapes map[string]*Shape
}

// Operation describes one operation of a service. Generated packages hold one value per operation,
// which nobody may change. In and Out are structures whose fields carry their place on the wire in a
// tag `aws:"SHAPE,OPTION,…"`:
//
//	SHAPE         name of the constraints in Model.Shapes; empty if there are none
//	required      a list, map, structure or blob that must be there; what else must be there is no pointer
//	name=NAME     name on the wire; without it, that of the field
//	in=PLACE      uri, querystring or header: where a REST service has it
//	payload       a structure that is the whole body
//	iso8601       a time that is text in JSON, too
//	hidden        not for audit records
//	omitempty     a string that XML answers leave out if it is empty
type Operation[In, Out any] struct {
	Name string
	// Method and Path are the HTTP binding; "POST" and "/" for query and JSON services. Path may
	// hold {label} and {label+} segments.
	Method, Path string
	// Status is that of a successful answer; 0 means 200.
	Status int
	// ResultWrapper is the element around the output of query answers, "" if there is none.
	ResultWrapper string
}
