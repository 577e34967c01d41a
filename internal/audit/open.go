package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Open opens the log in a directory, which it makes (mode 0700) if need be, and starts the writer.
//
// If a crash tore the end of the last file, the torn bytes are moved to a file of their own and the
// log says so in its next record. If the log is shorter than its head says, somebody has cut it: it
// says that too, and goes on.
func Open(dir string, o Options) (*Log, error) {
	o.fill()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	l := &Log{
		options: o, dir: dir, batch: newBatch(), create: create,
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	l.room.L = &l.mu
	findings, err := l.resume()
	if err == nil {
		err = l.flush() // from here on there is a head
	}
	if err != nil {
		if l.out != nil {
			err = errors.Join(err, l.out.Close())
		}
		if l.head != nil {
			err = errors.Join(err, l.head.Close())
		}
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	go l.run()
	for _, e := range findings {
		o.Log.Warn("audit log", "finding", e.Name, "message", e.ErrorMessage)
		if err := l.Append(context.Background(), e); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func create(path string) (file, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// resume finds the end of the chain and opens the files. It returns what is to be recorded.
func (l *Log) resume() (findings []*Event, err error) {
	head, headErr := ReadHead(l.dir)
	l.head, err = os.OpenFile(filepath.Join(l.dir, headName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	names, err := files(l.dir)
	if err != nil {
		return nil, err
	}
	for i := len(names) - 1; i >= 0 && l.last.sequence == 0; i-- {
		end, err := findEnd(names[i])
		if err != nil {
			return nil, err
		}
		if end.torn > 0 {
			kept, err := setAside(names[i], end)
			if err != nil {
				return nil, err
			}
			findings = append(findings, l.finding("AuditLogRepaired", "the end of a file was torn and has been set aside", Fields{
				{"file", filepath.Base(names[i])}, {"bytes", end.torn}, {"setAside", filepath.Base(kept)}, {"sha256", end.tornHash},
			}))
		}
		l.last = end.last
		if i == len(names)-1 {
			l.size = end.size
		}
	}
	if err := l.openLast(names); err != nil {
		return nil, err
	}
	return append(findings, l.compare(head, headErr)...), nil
}

// openLast opens the file that is written on, the first one if there is none.
func (l *Log) openLast(names []string) (err error) {
	if len(names) == 0 {
		l.out, err = create(fileName(l.dir, 1))
		return err
	}
	l.out, err = os.OpenFile(filepath.Clean(names[len(names)-1]), os.O_WRONLY|os.O_APPEND, 0o600)
	return err
}

// compare holds the end of the chain against the head.
func (l *Log) compare(head Head, headErr error) []*Event {
	if headErr != nil {
		if l.last.sequence == 0 {
			return nil // a first start
		}
		return []*Event{l.finding("AuditLogHeadMissing", "the log has records, but its head cannot be read", Fields{{"lastSequence", int64(l.last.sequence)}})} //nolint:gosec // a count
	}
	fields := Fields{{"headSequence", int64(head.Sequence)}, {"headHash", head.Hash}, {"lastSequence", int64(l.last.sequence)}} //nolint:gosec // counts
	switch {
	case !head.genuine(l.options.Key):
		return []*Event{l.finding("AuditLogHeadForged", "the head of the log was not written by this plane", fields)}
	case head.Sequence > l.last.sequence:
		return []*Event{l.finding("AuditLogShortened", "records are missing at the end of the log", fields)}
	case head.Sequence == l.last.sequence && head.Hash != hex.EncodeToString(l.last.hash[:]):
		return []*Event{l.finding("AuditLogAltered", "the last record is not the one that was written", fields)}
	}
	return nil
}

func (l *Log) finding(name, message string, fields Fields) *Event {
	return &Event{
		Time: l.options.Now(), Source: "rolecall", Name: name, Region: "-", SourceIP: "-", UserAgent: "rolecall",
		ErrorCode: name, ErrorMessage: message, Additional: fields, ServiceEvent: true,
	}
}

// end is the end of a file.
type end struct {
	last     link  // of the last whole record; zero if there is none
	size     int64 // up to the end of that record
	torn     int64 // bytes behind it
	tornHash string
}

// findEnd looks for the last whole record of a file. It reads only as much from the end as it must.
func findEnd(name string) (end, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return end{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return end{}, err
	}
	for window := int64(256 << 10); ; window *= 8 {
		from := max(0, info.Size()-window)
		tail := make([]byte, info.Size()-from)
		if _, err := io.ReadFull(io.NewSectionReader(f, from, int64(len(tail))), tail); err != nil {
			return end{}, err
		}
		if e, ok := lastRecord(tail, from); ok || from == 0 {
			if torn := tail[e.size-from:]; len(torn) > 0 {
				sum := sha256.Sum256(torn)
				e.torn, e.tornHash = int64(len(torn)), hex.EncodeToString(sum[:])
			}
			return e, nil
		}
	}
}

// lastRecord finds the last whole record in a piece of a file that begins at from.
func lastRecord(tail []byte, from int64) (end, bool) {
	for stop := bytes.LastIndexByte(tail, '\n'); stop >= 0; stop = bytes.LastIndexByte(tail[:stop], '\n') {
		start := bytes.LastIndexByte(tail[:stop], '\n') + 1
		if start == 0 && from > 0 {
			break // the line may begin before the piece
		}
		line := tail[start:stop]
		if sequence, _, err := readChain(line); err == nil {
			return end{last: link{sequence, sha256.Sum256(line)}, size: from + int64(stop) + 1}, true
		}
	}
	return end{size: from}, false
}

// setAside moves the torn end of a file to a file of its own.
func setAside(name string, e end) (kept string, err error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	torn := make([]byte, e.torn)
	if _, err := io.ReadFull(io.NewSectionReader(f, e.size, e.torn), torn); err != nil {
		return "", err
	}
	kept = filepath.Join(filepath.Dir(name), fmt.Sprintf("torn-%016d-%s.bin", e.last.sequence, e.tornHash[:8]))
	out, err := os.OpenFile(filepath.Clean(kept), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	_, err = out.Write(torn)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", err
	}
	return kept, errors.Join(syncDir(filepath.Dir(name)), f.Truncate(e.size), f.Sync())
}
