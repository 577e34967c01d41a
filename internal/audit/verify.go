package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Problem is one place where the log is not as it was written.
type Problem struct {
	File string
	Line int // from 1; 0 if the file or the log as a whole is meant
	What string
}

// String renders the problem on one line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
}

// Report is what a verification found.
type Report struct {
	// Records counts the lines that were read.
	Records uint64
	// First is the sequence number of the first record. More than 1 means that older files are
	// elsewhere; what they held is not vouched for by this report.
	First uint64
	// Last and LastHash are of the last record. Kept elsewhere, they let a later verification see
	// whether the log still holds it.
	Last     uint64
	LastHash string
	// Torn says that the last line has no end: it is being written, or a crash tore it.
	Torn bool
	// Problems are the places where the chain breaks, at most 100.
	Problems []Problem
}

const maxProblems = 100

// Verifier reads a log, file after file.
type Verifier struct {
	report Report
	last   link
	file   string
	anchor func(sequence uint64, hash string) (what string)
}

// Verify checks the chain in one stream of records.
func Verify(r io.Reader) (Report, error) {
	v := &Verifier{}
	if err := v.Read("audit log", r); err != nil {
		return Report{}, err
	}
	return v.Report(), nil
}

// VerifyDir checks the files of a log directory, oldest first, and its end against the head. With
// the key that wrote the head (see [Options]) it also sees whether the head is genuine; a nil key
// skips that. The error is for what could not be read, the report for what is wrong.
//
// It is safe to verify a log that is being written to.
func VerifyDir(dir string, key []byte) (Report, error) {
	names, err := files(dir)
	if err != nil {
		return Report{}, fmt.Errorf("verifying the audit log: %w", err)
	}
	if len(names) == 0 {
		return Report{}, fmt.Errorf("verifying the audit log: no files in %s", dir)
	}
	// The head first: what it names must be in the files then.
	head, headErr := ReadHead(dir)
	v := &Verifier{}
	seen := false
	v.anchor = func(sequence uint64, hash string) string {
		if headErr != nil || sequence != head.Sequence {
			return ""
		}
		seen = true
		if hash != head.Hash {
			return "this record is not the one that was written: the head of the log has another hash"
		}
		return ""
	}
	for _, name := range names {
		if err := v.readFile(name); err != nil {
			return Report{}, fmt.Errorf("verifying the audit log: %w", err)
		}
	}
	v.file = headName
	switch {
	case headErr != nil && !notExist(headErr):
		v.problem(0, "the head of the log cannot be read, so nobody can tell whether records are missing at the end")
	case headErr != nil:
		v.problem(0, "there is no head, so nobody can tell whether records are missing at the end")
	case key != nil && !head.genuine(key):
		v.problem(0, "the head was not written with this plane's key")
	case !seen && head.Sequence > 0:
		v.problem(0, fmt.Sprintf("record %d, which was on disk, is missing: the log ends at %d", head.Sequence, v.report.Last))
	}
	return v.Report(), nil
}

func (v *Verifier) readFile(name string) (err error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return v.Read(filepath.Base(name), f)
}

func (v *Verifier) problem(line int, what string) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{File: v.file, Line: line, What: what})
	}
}

// Read checks the records of one file. Files are given in their order.
func (v *Verifier) Read(file string, r io.Reader) error {
	v.file = file
	if v.report.Torn {
		v.report.Torn = false
		v.problem(0, "the file before this one ends in the middle of a record")
	}
	lines := bufio.NewReaderSize(r, 256<<10)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			v.report.Torn = len(line) > 0
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		v.line(number, bytes.TrimSuffix(line, []byte{'\n'}))
	}
}

func (v *Verifier) line(number int, line []byte) {
	v.report.Records++
	sequence, before, err := readChain(line)
	if err != nil {
		v.problem(number, "this record was altered: "+err.Error())
		return
	}
	switch {
	case v.report.First == 0:
		v.report.First = sequence
		if sequence == 1 && before != [sha256.Size]byte{} {
			v.problem(number, "the first record follows another one")
		}
	case sequence != v.last.sequence+1:
		v.problem(number, fmt.Sprintf("record %d follows record %d", sequence, v.last.sequence))
	case before != v.last.hash:
		v.problem(number, fmt.Sprintf("the record before this one (%d) is not the one that was written", v.last.sequence))
	}
	v.last = link{sequence, sha256.Sum256(line)}
	v.report.Last, v.report.LastHash = sequence, hex.EncodeToString(v.last.hash[:])
	if v.anchor != nil {
		if what := v.anchor(sequence, v.report.LastHash); what != "" {
			v.problem(number, what)
		}
	}
}

// Report returns what was found so far.
func (v *Verifier) Report() Report { return v.report }
