// Package audit writes the plane's record of who did what: CloudTrail-shaped JSON lines, chained by
// hash, append-only. It is no log: an operation whose record cannot be written fails.
package audit

import (
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Event is one record. Time, Source, Name and RequestID are always given; ID and the chain are
// filled by the log.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type Event struct {
	Time      time.Time
	Source    string // "sts.amazonaws.com"
	Name      string // "AssumeRole"
	Region    string
	SourceIP  string
	UserAgent string
	RequestID string
	// Principal is who asked; nil for a request that could not be authenticated.
	Principal *identity.Principal
	// IssuerARN is the ARN of the role or user behind a session; "" makes it of the principal's entity
	// name, without a path.
	IssuerARN string
	// AccessKeyID is recorded for requests that were not authenticated.
	AccessKeyID string
	ErrorCode   string
	// ErrorMessage is what the caller was told.
	ErrorMessage string
	// Request and Response are requestParameters and responseElements.
	Request, Response Fields
	// RequestJSON and ResponseJSON, if not nil, stand in place of Request and Response: complete JSON
	// objects. (The plane's wire layer has them encoded.) Members whose names say that they hold a secret
	// are hidden as in Fields, but the caller should not have them in there.
	RequestJSON, ResponseJSON []byte
	// Additional is additionalEventData.
	Additional Fields
	Resources  []Resource
	ReadOnly   bool
	// Data marks a data event (objects) as against a management event.
	Data bool
	// Recipient is the account whose trail it belongs to; default the principal's.
	Recipient identity.AccountID
	// ServiceEvent marks what the plane did by itself (eventType AwsServiceEvent).
	ServiceEvent bool
}

// Resource is what the request was about.
type Resource struct {
	ARN     string
	Account identity.AccountID
	Type    string // "AWS::IAM::Role"
}

// Fields is a JSON object in order.
type Fields []Field

// Field is one member of an object. Value is nil, string, bool, int, int64, float64, time.Time,
// []string, Fields, []Fields, json.RawMessage, or any other value that encoding/json takes.
// A rolecall.Secret, and every member whose name says that it holds a secret (secretAccessKey,
// sessionToken, password, …, at any depth), is written as HIDDEN_DUE_TO_SECURITY_REASONS.
type Field struct {
	Name  string
	Value any
}
