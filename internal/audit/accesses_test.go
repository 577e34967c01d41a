package audit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

func call(who *identity.Principal, at time.Time, service, name string) *Event {
	return &Event{Time: at, Source: service + ".amazonaws.com", Name: name, Region: "eu-west-1", RequestID: "r", Principal: who}
}

func openAccesses(t *testing.T, dir string, now time.Time) *Accesses {
	t.Helper()
	l, err := Open(dir, Options{Now: func() time.Time { return now }, MaxFile: 2000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return NewAccesses(l)
}

func TestAccesses(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	user := &identity.Principal{Kind: identity.User, Account: "123456789012", UserID: "AIDAUSER", EntityID: "AIDAUSER", EntityName: "ann"}
	role := &identity.Principal{Kind: identity.AssumedRole, Account: "123456789012", UserID: "AROAROLE:s", EntityID: "AROAROLE", EntityName: "web", Session: &identity.Session{}}
	federated := &identity.Principal{Kind: identity.FederatedUser, Account: "123456789012", UserID: "123456789012:x", EntityID: "AIDAUSER", EntityName: "ann", Session: &identity.Session{}}
	root := &identity.Principal{Kind: identity.Root, Account: "123456789012", UserID: "123456789012"}
	dir := t.TempDir()
	a := openAccesses(t, dir, now)
	for i, e := range []*Event{
		call(user, now.AddDate(0, 0, -401), "iam", "GetRole"),
		call(user, now.Add(-time.Hour), "iam", "GetUser"), call(user, now.Add(-time.Minute), "iam", "GetUser"),
		call(user, now.Add(-2*time.Hour), "iam", "GetUser"), call(federated, now.Add(-time.Hour), "s3", "ListBuckets"),
		call(role, now, "sts", "GetCallerIdentity"), call(root, now, "iam", "ListUsers"), call(nil, now, "iam", "ListUsers"),
	} {
		if i%2 == 0 {
			if err := a.AppendAsync(e); err != nil {
				t.Fatal(err)
			}
		} else if err := a.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	check := func(a *Accesses) {
		t.Helper()
		for id, want := range map[string][]Access{
			"AIDAUSER": {{"iam", "GetUser", "eu-west-1", now.Add(-time.Minute)}, {"s3", "ListBuckets", "eu-west-1", now.Add(-time.Hour)}},
			"AROAROLE": {{"sts", "GetCallerIdentity", "eu-west-1", now}},
			"AIDANONE": nil, "": nil,
		} {
			got, err := a.LastAccess(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", id, diff)
			}
		}
	}
	check(a)
	if err := a.log.Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := files(dir); len(names) < 2 {
		t.Errorf("the log is one file: %v", names)
	}
	// The next process knows it from the files, and reads them once.
	b := openAccesses(t, dir, now)
	check(b)
	if err := b.AppendAsync(call(role, now.Add(time.Second), "sts", "GetCallerIdentity")); err != nil {
		t.Fatal(err)
	}
	got, err := b.LastAccess(t.Context(), "AROAROLE")
	if want := []Access{{"sts", "GetCallerIdentity", "eu-west-1", now.Add(time.Second)}}; err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAccessesAreBounded(t *testing.T) {
	a := &Accesses{max: 10, byEntity: map[string]map[operation]lastCall{}}
	for i := range 1000 {
		a.note(fmt.Sprintf("AIDA%d", i%7), "iam", fmt.Sprintf("Op%d", i), "", int64(i/3))
		if n := count(a); n != a.size || n > a.max {
			t.Fatalf("after %d: %d entries, counted %d", i, n, a.size)
		}
	}
	if _, ok := a.byEntity["AIDA"+fmt.Sprint(999%7)][operation{"iam", "Op999"}]; !ok {
		t.Error("the last call was forgotten")
	}
}

func count(a *Accesses) int {
	n := 0
	for _, calls := range a.byEntity {
		n += len(calls)
	}
	return n
}

// BenchmarkAccesses is what the index adds to a record.
func BenchmarkAccesses(b *testing.B) {
	a := NewAccesses(nil)
	e := call(&identity.Principal{EntityID: "AROAROLE"}, time.Unix(1, 0), "sts", "GetCallerIdentity")
	b.ReportAllocs()
	for range b.N {
		a.noteEvent(e)
	}
}
