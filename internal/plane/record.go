package plane

import (
	"context"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

// record writes the audit record of a call that an operation has answered with failed (nil for
// success). What changed something is on disk when record returns; reads, refusals and the issuing
// of credentials are queued, which keeps the disk out of the way of every SDK's refresh.
func (p *Plane) record(ctx context.Context, c *awsapi.Call, failed *awsapi.Error) error {
	e := event(c, failed)
	if failed == nil && !e.ReadOnly && c.Service != "sts" && !e.Data {
		return p.o.Auditor.Append(context.WithoutCancel(ctx), e)
	}
	return p.o.Auditor.AppendAsync(e)
}

// recordRefusal writes the record of a request that never reached an operation.
func (p *Plane) recordRefusal(c *awsapi.Call, refused *awsapi.Error) error {
	if c.Operation == "" {
		c.Operation = "Unauthenticated"
	}
	return p.o.Auditor.AppendAsync(event(c, refused))
}

func event(c *awsapi.Call, failed *awsapi.Error) *audit.Event {
	e := &audit.Event{
		Time: c.Time, Source: c.Service + ".amazonaws.com", Name: c.Operation, Region: c.Region,
		UserAgent: c.UserAgent, RequestID: c.RequestID,
		RequestJSON: c.Audit.RequestParameters, ResponseJSON: c.Audit.ResponseElements,
		ReadOnly: c.Audit.ReadOnly || readOnly(c.Operation), Data: c.Service == "s3" && objectOperation(c.Operation),
	}
	if c.SourceIP.IsValid() {
		e.SourceIP = c.SourceIP.String()
	}
	if c.Principal.Kind == identity.Anonymous {
		e.AccessKeyID = c.Principal.AccessKeyID
	} else {
		e.Principal, e.IssuerARN = c.Principal, c.Principal.EntityARN
	}
	if failed != nil {
		e.ErrorCode, e.ErrorMessage, e.ResponseJSON = failed.Code, failed.Message, nil
	}
	for _, r := range c.Audit.Resources {
		e.Resources = append(e.Resources, audit.Resource{ARN: r.ARN, Account: r.Account, Type: r.Type})
	}
	for name, value := range c.Audit.AdditionalData {
		e.Additional = append(e.Additional, audit.Field{Name: name, Value: value})
	}
	return e
}

// readOnly tells by the name, as AWS's own naming allows.
func readOnly(operation string) bool {
	for _, prefix := range []string{"Get", "List", "Head", "Describe", "Simulate"} {
		if strings.HasPrefix(operation, prefix) {
			return operation != "GetSessionToken" && operation != "GetFederationToken"
		}
	}
	return false
}

// dataOperations are those of CloudTrail's S3 data events, by the names of package s3req.
var dataOperations = []string{
	"GetObject", "HeadObject", "PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "ListObjects",
	"ListObjectsV2", "ListObjectVersions", "CreateMultipartUpload", "UploadPart", "UploadPartCopy",
	"CompleteMultipartUpload", "AbortMultipartUpload", "ListParts", "ListMultipartUploads",
	"GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging", "GetObjectAttributes",
}

func objectOperation(name string) bool { return slices.Contains(dataOperations, name) }
