package awsapi

import (
	"net/http"
	"strconv"
)

// answer is the scratch space of one call, pooled: what is being decoded wrongly and what is being
// written. Nothing in it outlives the call.
type answer struct {
	model    *Model
	status   int
	problems Problems
	xml      XMLEncoder
	json     JSONEncoder
	header   http.Header // bound output members
}

// maxPooled keeps one large listing from holding its buffer for ever.
const maxPooled = 64 << 10

func (a *answer) reset(m *Model) {
	a.model, a.status, a.header = m, http.StatusOK, nil
	a.problems.reset()
	if cap(a.xml.buf) > maxPooled {
		a.xml.buf = nil
	}
	if cap(a.json.buf) > maxPooled {
		a.json.buf = nil
	}
	a.xml.buf = a.xml.buf[:0]
	a.json.buf, a.json.comma = a.json.buf[:0], false
}

func (a *answer) write(w http.ResponseWriter, requestID string) {
	body, kind := a.xml.buf, "text/xml"
	switch a.model.Protocol {
	case JSON10:
		body, kind = a.json.buf, "application/x-amz-json-1.0"
	case JSON11:
		body, kind = a.json.buf, "application/x-amz-json-1.1"
	case RESTJSON:
		body, kind = a.json.buf, "application/json"
	case Query:
	}
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h["Content-Type"] = []string{kind}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	// AWS spells this header so, and Go's canonical form differs only in case.
	h["X-Amzn-Requestid"] = []string{requestID}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the caller went away: nobody is left to tell
}

func (a *answer) writeError(w http.ResponseWriter, requestID string, e *Error) {
	a.status = e.HTTPStatus()
	switch a.model.Protocol {
	case Query:
		x := &a.xml
		x.buf = append(x.buf, `<ErrorResponse xmlns="`...)
		x.buf = append(x.buf, a.model.Namespace...)
		x.buf = append(x.buf, `">`...)
		x.Open("Error")
		x.String("Type", e.Fault())
		x.String("Code", e.Code)
		if e.Message != "" {
			x.String("Message", e.Message)
		}
		x.Close("Error")
		x.String("RequestId", requestID)
		x.Close("ErrorResponse")
	case JSON10, JSON11, RESTJSON:
		j := &a.json
		j.OpenObject()
		if a.model.Protocol == RESTJSON {
			a.header = http.Header{"X-Amzn-Errortype": {e.Code}}
		} else {
			j.Name("__type")
			j.String(e.Code)
		}
		j.Name("message")
		j.String(e.Message)
		for _, name := range SortedKeys(e.Fields) {
			j.Name(name)
			j.String(e.Fields[name])
		}
		j.CloseObject()
	}
	a.write(w, requestID)
}
