package wire

import (
	"net/http"
	"strconv"
	"time"
)

// Error is a refusal as an endpoint words it. Message is shown to the workload, whose SDK prints it:
// it says what is wrong and names no secret.
type Error struct {
	Status  int
	Code    string
	Message string
	// RetryAfter asks the client to come back; 0 sends no header.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

type errorBody struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	CapitalCode  string `json:"Code"`
	CapitalMsg   string `json:"Message"`
	StatusNumber int    `json:"HTTPErrorCode"`
}

// Write answers with e. Go's SDK reads code and message, JavaScript's Code and Message, and the ECS
// agent sends HTTPErrorCode, so all of them are there.
func (e *Error) Write(w http.ResponseWriter) {
	body := encode(errorBody{e.Code, e.Message, e.Code, e.Message, e.Status})
	h := w.Header()
	h["Content-Type"] = []string{ContentTypeJSON}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if e.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int((e.RetryAfter + time.Second - 1) / time.Second))}
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // the client has gone if this fails
}

// Unavailable words that a workload's credentials cannot be had. An SDK comes back after a 503 and
// gives up after a 4xx, so final is the code of a refusal that waiting does not mend, and "" when the
// credentials may yet come.
func Unavailable(workload string, err error, final string) *Error {
	message := "rolecall agent: workload " + workload + ": " + err.Error()
	if final != "" {
		return &Error{Status: http.StatusForbidden, Code: final, Message: message}
	}
	return &Error{Status: http.StatusServiceUnavailable, Code: "CredentialsUnavailable", Message: message, RetryAfter: time.Second}
}
