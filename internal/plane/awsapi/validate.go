package awsapi

import (
	"net/http"
	"strconv"
	"strings"
)

// Problems collects the constraints that an input violates, in AWS's wording. The zero value is
// ready.
type Problems struct {
	list  []string
	bad   *Error // a value that cannot be read at all: answered instead of the list
	own   *Error // a violation with words of its own: answered if the list is empty
	path  []step
	json  bool // JSON services call the same violations otherwise
	quiet bool // see [Model]
}

// maxProblems bounds what one answer lists; the input may be large, the answer should not be.
const maxProblems = 100

// Err returns nil, or the answer that lists the violations.
func (p *Problems) Err() error {
	switch {
	case p.bad != nil:
		return p.bad
	case len(p.list) == 0 && p.own != nil:
		return p.own
	case len(p.list) == 0:
		return nil
	}
	code, text := "ValidationError", "1 validation error detected: "
	if p.json {
		code = "ValidationException"
	}
	if len(p.list) > 1 {
		text = strconv.Itoa(len(p.list)) + " validation errors detected: "
	}
	return &Error{Code: code, Message: text + strings.Join(p.list, "; "), Status: http.StatusBadRequest}
}

func (p *Problems) reset() {
	*p = Problems{list: p.list[:0], path: p.path[:0]}
}

func (p *Problems) push(name string) { p.path = append(p.path, step{name: name}) }
func (p *Problems) pop()             { p.path = p.path[:len(p.path)-1] }

// pushIndex enters an element of a list, counted from 1.
func (p *Problems) pushIndex(name string, i int) { p.path = append(p.path, step{name, i}) }

// step is one structure member on the way to a value; index is that of a list's element, or 0.
type step struct {
	name  string
	index int
}

func (p *Problems) at(name string) string {
	var b strings.Builder
	for _, s := range p.path {
		b.WriteString(s.name)
		if s.index > 0 {
			b.WriteString("." + strconv.Itoa(s.index) + ".member")
		}
		b.WriteByte('.')
	}
	b.WriteString(name)
	return b.String()
}

func (p *Problems) add(value, name, constraint string) {
	if p.quiet {
		value = ""
	}
	if len(p.list) < maxProblems {
		p.list = append(p.list, "Value "+value+"at '"+p.at(name)+"' failed to satisfy constraint: "+constraint)
	}
}

func (p *Problems) missing(name string) { p.add("null ", name, "Member must not be null") }

// complain notes a violation with words of its own.
func (p *Problems) complain(name, complaint string) {
	if p.own == nil {
		p.own = ValidationError("The specified value for %s is invalid. %s", p.at(name), complaint)
	}
}

func (p *Problems) malformed(format string, args ...any) {
	if p.bad != nil {
		return
	}
	code := "MalformedInput"
	if p.json {
		code = "SerializationException"
	}
	p.bad = Errorf(http.StatusBadRequest, code, format, args...)
}
