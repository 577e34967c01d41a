package objects

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

func noSuchBucket() error {
	return awsapi.Errorf(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
}

func accessDenied(message string) error {
	return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "%s", message)
}

func invalidArgument(message string) error {
	return awsapi.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
}

func invalidRequest(message string) error {
	return awsapi.Errorf(http.StatusBadRequest, "InvalidRequest", "%s", message)
}

func malformedXML() error {
	return awsapi.Errorf(http.StatusBadRequest, "MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema")
}

func notImplemented(what string) error {
	return awsapi.Errorf(http.StatusNotImplemented, "NotImplemented",
		"A header you provided implies functionality that is not implemented: %s", what)
}

func aclsDisabled() error {
	return awsapi.Errorf(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// wire says how an error looks to the client. fallback tells that it is none of theirs.
func wire(err error) (e *awsapi.Error, internal bool) {
	var known *awsapi.Error
	var sig *sigv4.Error
	var pol *policy.Error
	switch {
	case errors.As(err, &known):
		return known, known.HTTPStatus() >= 500 && known.Cause != nil
	case errors.As(err, &sig):
		return &awsapi.Error{Code: sig.Code, Message: sig.Message, Status: sig.Status}, false
	case errors.Is(err, sigv4.ErrNoSignature):
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied"), false
	case errors.As(err, &pol):
		return awsapi.Errorf(http.StatusBadRequest, "MalformedPolicy", "%s", pol.Message), false
	case errors.Is(err, directory.ErrPrincipal):
		return awsapi.Errorf(http.StatusBadRequest, "MalformedPolicy", "Invalid principal in policy"), false
	}
	for _, row := range storeErrors {
		if errors.Is(err, row.err) {
			return awsapi.Errorf(row.status, row.code, "%s", row.message), row.status >= 500
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return awsapi.Errorf(http.StatusBadRequest, "RequestTimeout",
			"Your socket connection to the server was not read from or written to within the timeout period."), false
	}
	return awsapi.Errorf(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."), true
}

// storeErrors is what the errors of stores and bodies mean on the wire. Nothing writes to it.
var storeErrors = [...]struct {
	err           error
	status        int
	code, message string
}{
	{objectstore.ErrNoSuchKey, 404, "NoSuchKey", "The specified key does not exist."},
	{objectstore.ErrNoSuchVersion, 404, "NoSuchVersion", "The specified version does not exist."},
	{objectstore.ErrNoSuchBucket, 404, "NoSuchBucket", "The specified bucket does not exist"},
	{objectstore.ErrNoSuchUpload, 404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."},
	{objectstore.ErrNotModified, 304, "NotModified", "Not Modified"},
	{objectstore.ErrPrecondition, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"},
	{objectstore.ErrConflict, 409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource."},
	{objectstore.ErrInvalidRange, 416, "InvalidRange", "The requested range is not satisfiable"},
	{objectstore.ErrPartNumber, 416, "InvalidPartNumber", "The requested partnumber is not satisfiable"},
	{objectstore.ErrInvalidPart, 400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."},
	{objectstore.ErrPartOrder, 400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number."},
	{objectstore.ErrPartTooSmall, 400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"},
	{objectstore.ErrBucketNotEmpty, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty"},
	{objectstore.ErrBadDigest, 400, "BadDigest", "The checksum you specified did not match the calculated checksum."},
	{objectstore.ErrSizeMismatch, 400, "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed."},
	{objectstore.ErrUnsupported, 501, "NotImplemented", "The store behind this endpoint does not support this."},
	{objectstore.ErrUnavailable, 503, "ServiceUnavailable", "Service is unable to handle request."},
	{checksum.ErrMD5, 400, "BadDigest", "The Content-MD5 you specified did not match what we received."},
	{checksum.ErrChecksum, 400, "BadDigest", "The checksum you specified did not match the calculated checksum."},
	{checksum.ErrTrailer, 400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema."},
	{checksum.ErrSize, 400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."},
}

// fail answers with err in S3's shape and returns what it answered.
func (x *exchange) fail(err error) error {
	e, internal := wire(err)
	if internal {
		x.f.logger.Error("s3 request failed", "request", x.call.RequestID, "operation", x.call.Operation, "error", err)
	}
	var marker *objectstore.DeleteMarkerError
	if errors.As(err, &marker) {
		x.set("X-Amz-Delete-Marker", "true")
		x.set("X-Amz-Version-Id", marker.VersionID)
		if marker.Named {
			x.set("Last-Modified", httpDate(marker.LastModified))
			x.set("Allow", "DELETE")
			e = awsapi.Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		}
	}
	status := e.HTTPStatus()
	if status == http.StatusServiceUnavailable {
		x.set("Retry-After", "1")
	}
	if status == http.StatusNotModified || x.r.Method == http.MethodHead {
		x.empty(status)
		return e
	}
	resource := x.r.URL.Path
	if x.req != nil {
		resource = x.req.Resource
	}
	doc := newXML("Error", false)
	doc.text("Code", e.Code)
	doc.text("Message", e.Message)
	if x.req != nil {
		switch e.Code {
		case "NoSuchBucket", "InvalidBucketName", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty":
			doc.text("BucketName", x.req.Bucket)
		case "NoSuchKey":
			doc.text("Key", x.req.Key)
		}
	}
	doc.text("Resource", resource)
	doc.text("RequestId", x.call.RequestID)
	doc.text("HostId", x.call.RequestID)
	b := doc.end("Error")
	x.stamp()
	x.set("Content-Type", "application/xml")
	x.set("Content-Length", strconv.Itoa(len(b)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b) // who has gone does not hear it
	return e
}
