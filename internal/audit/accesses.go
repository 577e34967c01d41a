package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Access is the last time that an entity called an operation of a service, allowed or not.
type Access struct {
	Service string // "iam"
	Action  string // the operation's name, "CreateUser"
	Region  string
	At      time.Time // to the second, UTC
}

// tracking is how far back accesses are known, as in AWS.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
const tracking = 400 * 24 * time.Hour

// maxAccesses bounds the index: when it is full, the older half goes.
const maxAccesses = 1 << 17

// Accesses is a log that also remembers who last called what. What is appended is noted at once;
// what the files hold from before is read once, at the first question. It is safe for concurrent use.
type Accesses struct {
	log *Log
	max int

	mu sync.Mutex
	// by entity id, then service and operation.
	byEntity map[string]map[operation]lastCall
	size     int

	reading sync.Mutex
	read    bool
}

type operation struct{ service, name string }

type lastCall struct {
	at     int64 // Unix seconds
	region string
}

// NewAccesses returns an index over a log that nobody else appends to.
func NewAccesses(l *Log) *Accesses {
	return &Accesses{log: l, max: maxAccesses, byEntity: map[string]map[operation]lastCall{}}
}

// Append is [Log.Append].
func (a *Accesses) Append(ctx context.Context, e *Event) error {
	if err := a.log.Append(ctx, e); err != nil {
		return err
	}
	a.noteEvent(e)
	return nil
}

// AppendAsync is [Log.AppendAsync].
func (a *Accesses) AppendAsync(e *Event) error {
	if err := a.log.AppendAsync(e); err != nil {
		return err
	}
	a.noteEvent(e)
	return nil
}

func (a *Accesses) noteEvent(e *Event) {
	if e.Principal != nil {
		a.note(e.Principal.EntityID, strings.TrimSuffix(e.Source, ".amazonaws.com"), e.Name, e.Region, e.Time.Unix())
	}
}

// note remembers a call unless a later one is known.
func (a *Accesses) note(entity, service, name, region string, at int64) {
	if entity == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.byEntity[entity]
	if calls == nil {
		calls = map[operation]lastCall{}
		a.byEntity[entity] = calls
	}
	key := operation{service, name}
	last, known := calls[key]
	if known && last.at >= at {
		return
	}
	calls[key] = lastCall{at, region}
	if !known {
		if a.size++; a.size > a.max {
			a.dropOlder()
		}
	}
}

// dropOlder forgets the older half.
func (a *Accesses) dropOlder() {
	times := make([]int64, 0, a.size)
	for _, calls := range a.byEntity {
		for _, c := range calls {
			times = append(times, c.at)
		}
	}
	slices.Sort(times)
	drop := (len(times) + 1) / 2
	limit := times[drop-1] // of calls at this very second only as many go as must
	older, _ := slices.BinarySearch(times, limit)
	same := drop - older
	for entity, calls := range a.byEntity {
		for key, c := range calls {
			if c.at > limit || c.at == limit && same == 0 {
				continue
			}
			if c.at == limit {
				same--
			}
			delete(calls, key)
			a.size--
		}
		if len(calls) == 0 {
			delete(a.byEntity, entity)
		}
	}
}

// LastAccess returns what is known of an entity's calls in the last 400 days, by unique id ("AIDA…",
// "AROA…"), sorted by service and action. The first call reads the log's files.
func (a *Accesses) LastAccess(ctx context.Context, entityID string) ([]Access, error) {
	if err := a.readFiles(ctx); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	oldest := a.log.options.Now().Add(-tracking).Unix()
	a.mu.Lock()
	var list []Access
	for key, c := range a.byEntity[entityID] {
		if c.at >= oldest {
			list = append(list, Access{key.service, key.name, c.region, time.Unix(c.at, 0).UTC()})
		}
	}
	a.mu.Unlock()
	slices.SortFunc(list, func(x, y Access) int {
		return cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(x.Action, y.Action))
	})
	return list, nil
}

// readFiles reads what earlier processes wrote, once. Records of this one are noted already, and
// reading them again changes nothing.
func (a *Accesses) readFiles(ctx context.Context) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	if a.read {
		return nil
	}
	names, err := files(a.log.dir)
	if err != nil {
		return err
	}
	oldest := a.log.options.Now().Add(-tracking)
	for _, name := range names {
		if err := a.readFile(ctx, name, oldest); err != nil {
			return err
		}
	}
	a.read = true
	return nil
}

func (a *Accesses) readFile(ctx context.Context, name string, oldest time.Time) (err error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || info.ModTime().Before(oldest) {
		return err // its last record is older than what counts
	}
	lines := bufio.NewReaderSize(f, 256<<10)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long, rest := bytes.Clone(line), []byte(nil)
			if rest, err = lines.ReadBytes('\n'); err == nil {
				a.noteLine(append(long, rest...))
			}
		case err == nil:
			a.noteLine(line)
		}
		if errors.Is(err, io.EOF) {
			return nil // what follows the last line end is being written, and noted elsewhere
		}
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// noteLine notes a record as it was written. What is no record is for the verification to find.
func (a *Accesses) noteLine(line []byte) {
	var r struct {
		EventTime    time.Time `json:"eventTime"`
		EventSource  string    `json:"eventSource"`
		EventName    string    `json:"eventName"`
		Region       string    `json:"awsRegion"`
		UserIdentity struct {
			Type           string `json:"type"`
			PrincipalID    string `json:"principalId"`
			SessionContext struct {
				Issuer struct {
					PrincipalID string `json:"principalId"`
				} `json:"sessionIssuer"`
			} `json:"sessionContext"`
		} `json:"userIdentity"`
	}
	if json.Unmarshal(line, &r) != nil || r.EventTime.IsZero() {
		return
	}
	entity := r.UserIdentity.SessionContext.Issuer.PrincipalID
	if entity == "" {
		entity = r.UserIdentity.PrincipalID
	}
	if !strings.HasPrefix(entity, string(identity.PrefixUser)) && !strings.HasPrefix(entity, string(identity.PrefixRole)) {
		return // root, services, anonymous
	}
	a.note(entity, strings.TrimSuffix(r.EventSource, ".amazonaws.com"), r.EventName, r.Region, r.EventTime.Unix())
}
