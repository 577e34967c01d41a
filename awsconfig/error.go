package awsconfig

import "strconv"

// Error is a fault in a file, with its place.
type Error struct {
	// Path is the file as it was named.
	Path string
	// Line counts from 1; 0 when the fault has no line.
	Line int
	// Message says what is wrong, lower case, without the value of any setting.
	Message string
	// Err is the cause, if any.
	Err error
}

func (e *Error) Error() string {
	s := e.Path
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	s += ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
