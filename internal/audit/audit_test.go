package audit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

func key() []byte { return bytes.Repeat([]byte{7}, 32) }

func at() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.FixedZone("", 7200)) }

func open(t testing.TB, dir string, o audit.Options) *audit.Log {
	t.Helper()
	if o.Key == nil {
		o.Key = key()
	}
	if o.Now == nil {
		o.Now = at
	}
	l, err := audit.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func event(name string) *audit.Event {
	return &audit.Event{
		Time: at(), Source: "iam.amazonaws.com", Name: name, Region: "us-east-1", SourceIP: "192.0.2.1",
		UserAgent: "aws-cli/2.0", RequestID: "11111111-2222-3333-4444-555555555555",
		Principal: &identity.Principal{
			Kind: identity.AssumedRole, Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/web/s1",
			UserID: "AROAQAAAAAAAGMKEM7X5A:s1", EntityID: "AROAQAAAAAAAGMKEM7X5A", EntityName: "web", AccessKeyID: "ASIAQAAAAAAAGMKEM7X5",
			Session: &identity.Session{IssuedAt: at(), SourceIdentity: "anna"},
		},
		Request: audit.Fields{{"userName", "bea"}, {"tags", []audit.Fields{{{"key", "a"}}}}},
	}
}

func lines(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(dir + "/audit-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		data, err := os.ReadFile(name) //nolint:gosec // a test's own file
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			all = append(all, line)
		}
	}
	return all
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for _, line := range lines(t, dir) {
		var record struct{ EventName string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		names = append(names, record.EventName)
	}
	return names
}

// decode parses a line and blanks what is different each time.
func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if id, _ := record["eventID"].(string); len(id) != 36 || id[14] != '4' {
		t.Errorf("eventID %q", id)
	}
	delete(record, "eventID")
	return record
}

func appended(t *testing.T, events ...*audit.Event) []string {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, audit.Options{})
	for _, e := range events {
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return lines(t, dir)
}

func TestRecordShape(t *testing.T) {
	got := decode(t, appended(t, event("CreateUser"))[0])
	want := map[string]any{
		"eventVersion": "1.11",
		"userIdentity": map[string]any{
			"type": "AssumedRole", "principalId": "AROAQAAAAAAAGMKEM7X5A:s1", "arn": "arn:aws:sts::123456789012:assumed-role/web/s1",
			"accountId": "123456789012", "accessKeyId": "ASIAQAAAAAAAGMKEM7X5",
			"sessionContext": map[string]any{
				"sessionIssuer": map[string]any{
					"type": "Role", "principalId": "AROAQAAAAAAAGMKEM7X5A", "arn": "arn:aws:iam::123456789012:role/web",
					"accountId": "123456789012", "userName": "web",
				},
				"attributes":     map[string]any{"creationDate": "2026-05-01T10:00:00Z", "mfaAuthenticated": "false"},
				"sourceIdentity": "anna",
			},
		},
		"eventTime": "2026-05-01T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
		"awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2.0",
		"requestParameters": map[string]any{"userName": "bea", "tags": []any{map[string]any{"key": "a"}}},
		"responseElements":  nil, "requestID": "11111111-2222-3333-4444-555555555555", "readOnly": false,
		"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management",
		"sequence": 1.0, "prevHash": strings.Repeat("0", 64),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUserIdentities(t *testing.T) {
	session := &identity.Session{IssuedAt: at(), MFAAt: at(), Federation: "accounts.example"}
	context := func(issuer map[string]any) map[string]any {
		c := map[string]any{"attributes": map[string]any{"creationDate": "2026-05-01T10:00:00Z", "mfaAuthenticated": "true"}}
		if issuer != nil {
			c["sessionIssuer"], c["webIdFederationData"] = issuer, map[string]any{"federatedProvider": "accounts.example"}
		}
		return c
	}
	for name, c := range map[string]struct {
		e    audit.Event
		want map[string]any
	}{
		"root": {audit.Event{Principal: &identity.Principal{Kind: identity.Root, Account: "1", ARN: "a", UserID: "1", AccessKeyID: "k"}},
			map[string]any{"type": "Root", "principalId": "1", "arn": "a", "accountId": "1", "accessKeyId": "k"}},
		"user with a session": {audit.Event{Principal: &identity.Principal{Kind: identity.User, Account: "1", ARN: "a", UserID: "AIDA", EntityName: "anna", AccessKeyID: "k", Session: session}},
			map[string]any{"type": "IAMUser", "principalId": "AIDA", "arn": "a", "accountId": "1", "accessKeyId": "k", "userName": "anna", "sessionContext": context(nil)}},
		"federated user of a user": {audit.Event{IssuerARN: "i", Principal: &identity.Principal{Kind: identity.FederatedUser, Account: "1", ARN: "a", UserID: "1:f", EntityID: "AIDA", EntityName: "anna", AccessKeyID: "k", Session: session}},
			map[string]any{"type": "FederatedUser", "principalId": "1:f", "arn": "a", "accountId": "1", "accessKeyId": "k",
				"sessionContext": context(map[string]any{"type": "IAMUser", "principalId": "AIDA", "arn": "i", "accountId": "1", "userName": "anna"})}},
		"federated user of root": {audit.Event{Principal: &identity.Principal{Kind: identity.FederatedUser, Account: "1", ARN: "a", UserID: "1:f", AccessKeyID: "k", Session: session}},
			map[string]any{"type": "FederatedUser", "principalId": "1:f", "arn": "a", "accountId": "1", "accessKeyId": "k",
				"sessionContext": context(map[string]any{"type": "Root", "principalId": "", "arn": "arn:aws:iam::1:root", "accountId": "1"})}},
		"service":   {audit.Event{Principal: &identity.Principal{Kind: identity.Service, EntityName: "ec2.amazonaws.com"}}, map[string]any{"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}},
		"anonymous": {audit.Event{Principal: &identity.Principal{}}, map[string]any{"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}},
		"bad key":   {audit.Event{AccessKeyID: "AKIAX"}, map[string]any{"type": "Unknown", "accessKeyId": "AKIAX"}},
		"nobody":    {audit.Event{}, map[string]any{"type": "Unknown"}},
		"the plane": {audit.Event{ServiceEvent: true}, map[string]any{"type": "AWSService", "invokedBy": "rolecall"}},
	} {
		if diff := cmp.Diff(c.want, decode(t, appended(t, &c.e)[0])["userIdentity"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestHostileText(t *testing.T) {
	hostile := "a\"b\\c\n\r\x00\x1f\x7f\xff\xc3\x28é\u2028</script>{}},\"sequence\":9,\"prevHash\":\"" + strings.Repeat("0", 64) + "\"}"
	e := event(hostile)
	e.UserAgent = hostile + strings.Repeat("é", 2000)
	e.ErrorCode, e.ErrorMessage = "X", hostile
	e.Request = audit.Fields{{hostile, hostile}, {"list", []string{hostile}}}
	e.ResponseJSON = []byte("{\n  \"a\" : \"x\\\"y : \" ,\n\t\"b\": [1, 2,{\"c\":null}] }")
	e.Resources = []audit.Resource{{ARN: hostile, Account: "1", Type: "AWS::IAM::User"}}
	all := appended(t, e, event("next"))
	if len(all) != 2 {
		t.Fatalf("%d lines", len(all))
	}
	record := decode(t, all[0])
	clean := strings.ToValidUTF8(hostile, "\ufffd")
	clean = strings.ReplaceAll(clean, "\ufffd(", "\ufffd\ufffd(") // one for each byte
	if got := record["eventName"]; got != clean {
		t.Errorf("eventName %q, want %q", got, clean)
	}
	if diff := cmp.Diff(map[string]any{"a": `x"y : `, "b": []any{1.0, 2.0, map[string]any{"c": nil}}}, record["responseElements"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if agent, _ := record["userAgent"].(string); len(agent) > 1100 || !strings.HasPrefix(agent, clean) {
		t.Errorf("userAgent of %d bytes", len(agent))
	}
	report, err := audit.Verify(strings.NewReader(strings.Join(all, "")))
	if err != nil || len(report.Problems) > 0 || report.Last != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	const canary = "canary-secret"
	e := event("CreateAccessKey")
	type credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	e.Request = audit.Fields{
		{"password", canary}, {"newPassword", []byte(canary)}, {"shape", credentials{"AKIA", canary, canary}},
		{"field", rolecall.NewSecret(canary)}, {"tokenCode", canary}, {"inner", audit.Fields{{"SecretAccessKey", canary}}},
		{"map", map[string]any{"credentials": map[string]string{"sessionToken": canary}}}, {"wrapped", map[string]any{"s": rolecall.NewSecret(canary)}},
	}
	e.ResponseJSON = []byte(`{"credentials":{"accessKeyId":"AKIA","secretAccessKey" : "` + canary + `","sessionToken":"` + canary + `\"","expiration":"x"},` +
		`"list":[{"Password":"` + canary + `"}],"passwordResetRequired":true}`)
	e.Additional = audit.Fields{{"secretAccessKey", rolecall.NewSecret(canary)}}
	line := appended(t, e)[0]
	if strings.Contains(line, canary) {
		t.Errorf("the record holds a secret: %s", line)
	}
	record := decode(t, line)
	want := map[string]any{
		"credentials": map[string]any{"accessKeyId": "AKIA", "secretAccessKey": "HIDDEN_DUE_TO_SECURITY_REASONS", "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS", "expiration": "x"},
		"list":        []any{map[string]any{"Password": "HIDDEN_DUE_TO_SECURITY_REASONS"}}, "passwordResetRequired": true,
	}
	if diff := cmp.Diff(want, record["responseElements"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLargeParametersAreLeftOut(t *testing.T) {
	e := event("PutRolePolicy")
	e.Request = audit.Fields{{"policyDocument", strings.Repeat("x", 200<<10)}}
	e.ResponseJSON = []byte(`{"a":"` + strings.Repeat("x", 200<<10) + `"}`)
	if line := appended(t, e)[0]; len(line) > 2000 || !strings.Contains(line, `"omitted":true`) {
		t.Errorf("%d bytes", len(line))
	}
}

func TestConcurrentAppends(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	l := open(t, dir, audit.Options{MaxFile: 20_000, Queue: 16})
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			for j := range 50 {
				var err error
				if (i+j)%5 == 0 {
					err = l.Append(t.Context(), event(fmt.Sprintf("sync-%d-%d", i, j)))
				} else {
					err = l.AppendAsync(event(fmt.Sprintf("async-%d-%d", i, j)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyDir(dir, key())
	if err != nil || len(report.Problems) > 0 || report.Records != 1000 || report.First != 1 || report.Last != 1000 {
		t.Errorf("%+v, %v", report, err)
	}
	if parts, _ := filepath.Glob(dir + "/audit-*"); len(parts) < 10 {
		t.Errorf("%d files", len(parts))
	}
	seen := map[string]bool{}
	for _, name := range names(t, dir) {
		seen[name] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different records", len(seen))
	}
}

func TestAppendIsOnDiskAndAsyncSoonAfter(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Options{})
	if err := l.Append(t.Context(), event("one")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one"}, names(t, dir)); diff != "" {
		t.Errorf("when Append returned (-want +got):\n%s", diff)
	}
	if err := l.AppendAsync(event("two")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); len(names(t, dir)) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second record is not written")
		}
	}
	// The head follows without any further record.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if head, err := audit.ReadHead(dir); err == nil && head.Sequence == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the head does not move")
		}
	}
}

func TestClosedLogTakesNothing(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), event("x")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if err := l.AppendAsync(event("x")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A file system of 256 kB fills up: from the first record that does not fit, everything fails, and
// what was acknowledged is there after a restart.
func TestFullDiskFailsClosed(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mounting a small file system: %v", err)
		}
		t.Skipf("cannot mount a small file system here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(dir, "audit")
	l := open(t, logs, audit.Options{})
	acknowledged := 0
	var err error
	for ; err == nil && acknowledged < 10_000; acknowledged++ {
		err = l.Append(t.Context(), event("x"))
	}
	acknowledged--
	if !errors.Is(err, audit.ErrClosed) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := l.AppendAsync(event("x")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("after the failure: %v", err)
	}
	if err := l.Err(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Err: %v", err)
	}
	if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	l = open(t, logs, audit.Options{})
	if err := l.Append(t.Context(), event("again")); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	report, err := audit.VerifyDir(logs, key())
	if err != nil || len(report.Problems) > 0 || int(report.Records) < acknowledged+1 { //nolint:gosec // a count
		t.Errorf("%d acknowledged, %+v, %v", acknowledged, report, err)
	}
}

// TestHelperAppends is no test: it is the process that is killed in the next one.
func TestHelperAppends(t *testing.T) {
	dir := os.Getenv("ROLECALL_TEST_APPENDS")
	if dir == "" {
		return
	}
	l := open(t, dir, audit.Options{MaxFile: 50_000})
	for n := 1; ; n++ {
		for range 5 {
			if err := l.AppendAsync(event("async")); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Append(t.Context(), event("sync")); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("acknowledged %d\n", n)
	}
}

func TestKillInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	total := 0
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run=^TestHelperAppends$") //nolint:gosec // this test binary
		child.Env = append(os.Environ(), "ROLECALL_TEST_APPENDS="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(60+31*round)*time.Millisecond, func() { _ = child.Process.Kill() })
		last := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "acknowledged ")); err == nil {
				last = n
			}
		}
		_ = child.Wait()
		total += last
		l := open(t, dir, audit.Options{})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		report, err := audit.VerifyDir(dir, key())
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("round %d: %+v, %v", round, report, err)
		}
	}
	synced := 0
	for _, name := range names(t, dir) {
		if name == "sync" {
			synced++
		}
	}
	if synced < total {
		t.Errorf("%d records of %d that were acknowledged", synced, total)
	}
}

func BenchmarkAppendAsync(b *testing.B) {
	l := open(b, b.TempDir(), audit.Options{})
	e := event("GetCallerIdentity")
	e.Request, e.ReadOnly = nil, true
	b.ReportAllocs()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if err := l.AppendAsync(e); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), audit.Options{})
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(b.Context(), event("CreateUser")); err != nil {
				b.Error(err)
			}
		}
	})
}
