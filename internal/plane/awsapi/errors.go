package awsapi

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an answer that tells the caller why not, in AWS's terms.
type Error struct {
	// Code is the wire code, such as "NoSuchEntity".
	Code string
	// Message is shown to the caller.
	Message string
	// Status is the HTTP status; 0 means 400.
	Status int
	// Fields are further members of JSON answers, such as OAuth's "error"; nil if there are none.
	Fields map[string]string
	// Cause is logged with the request id and never sent; nil if there is none.
	Cause error
}

// Error returns code and message, and the cause for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is the status that the answer has.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Fault is "Sender" if the caller is to blame, "Receiver" if the plane is.
func (e *Error) Fault() string {
	if e.HTTPStatus() >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// Errorf returns an Error with a formatted message.
func Errorf(status int, code, format string, args ...any) *Error {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &Error{Code: code, Message: format, Status: status}
}

// ValidationError is for constraints that the models do not express.
func ValidationError(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}

// Internal hides cause behind AWS's answer for failures of its own.
func Internal(cause error) *Error {
	return &Error{
		Code:    "InternalFailure",
		Message: "The request processing has failed because of an unknown error, exception or failure.",
		Status:  http.StatusInternalServerError,
		Cause:   cause,
	}
}

// AsError returns err as an *Error: itself if it is or wraps one, otherwise [Internal] of it.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Internal(err)
}
