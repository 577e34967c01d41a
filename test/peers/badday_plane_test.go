//go:build peers

package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/test/kit"
)

func rootConfig(plane *kit.Plane) aws.Config {
	id, secret := kit.RootKey()
	return aws.Config{
		Region:           kit.Region,
		BaseEndpoint:     aws.String(plane.Endpoint),
		Credentials:      credentials.NewStaticCredentialsProvider(id, secret, ""),
		RetryMaxAttempts: 1,
	}
}

// The plane is killed amid writes, again and again: what it acknowledged is there afterwards, sessions go on, and the
// audit log verifies.
func TestPlaneKilledAmidWritesLosesNothingAcknowledged(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	plane := startPlaneOn(t, state, "127.0.0.1:0")
	listen := plane.Listen()
	ctx := t.Context()
	if _, err := s3.NewFromConfig(rootConfig(plane), pathStyle).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(rootConfig(plane)).GetFederationToken(ctx, &sts.GetFederationTokenInput{
		Name: aws.String("before"), Policy: aws.String(policy(statement("s3:GetObject", "arn:aws:s3:::private/*"))),
	})
	if err != nil {
		// Root may be refused a federation token; a session of a user does as well.
		t.Logf("GetFederationToken as root: %v", err)
	}
	var users, objects []string
	for round := range 5 {
		u, o := writeUntilKilled(t, plane, round)
		users, objects = append(users, u...), append(objects, o...)
		plane = startPlaneOn(t, state, listen)
	}
	if len(users) < 10 || len(objects) < 10 {
		t.Fatalf("only %d users and %d objects were acknowledged: the test tests nothing", len(users), len(objects))
	}
	t.Logf("%d users and %d objects were acknowledged before five kills", len(users), len(objects))
	id := iam.NewFromConfig(rootConfig(plane))
	for _, name := range users {
		if _, err := id.GetUser(ctx, &iam.GetUserInput{UserName: &name}); err != nil {
			t.Errorf("user %s was acknowledged: %v", name, err)
		}
	}
	client := s3.NewFromConfig(rootConfig(plane), pathStyle)
	for _, key := range objects {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
		if err != nil {
			t.Errorf("object %s was acknowledged: %v", key, err)
			continue
		}
		body, err := io.ReadAll(out.Body)
		if err != nil || string(body) != key {
			t.Errorf("object %s holds %q, %v", key, body, err)
		}
		_ = out.Body.Close()
	}
	if session != nil {
		cfg := rootConfig(plane)
		cfg.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
		if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("a session from before the kills: %v", err)
		}
	}
	if err := plane.Stop(); err != nil {
		t.Fatal(err)
	}
	verifyAudit(t, state)
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

// writeUntilKilled makes users and objects until the plane is killed in the midst of it, and returns what was
// acknowledged.
func writeUntilKilled(t *testing.T, plane *kit.Plane, round int) (users, objects []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	id, client := iam.NewFromConfig(rootConfig(plane)), s3.NewFromConfig(rootConfig(plane), pathStyle)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("r%d-w%d-%d", round, worker, i)
				var err error
				if worker%2 == 0 {
					_, err = id.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
				} else {
					_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader(name)})
				}
				if err != nil {
					return
				}
				mu.Lock()
				if worker%2 == 0 {
					users = append(users, name)
				} else {
					objects = append(objects, name)
				}
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(300+137*round) * time.Millisecond)
	plane.Kill()
	wg.Wait()
	return users, objects
}

func TestSecondPlaneOnTheSameStateIsRefused(t *testing.T) {
	plane := startPlane(t)
	out := refused(t, plane.State)
	for _, want := range []string{"another plane", fmt.Sprint(plane.PID())} {
		if !strings.Contains(out, want) {
			t.Errorf("the refusal does not say %q:\n%s", want, out)
		}
	}
	// The first one goes on.
	awscli(t, plane, "sts", "get-caller-identity")
}

// refused starts a plane that must not start, and returns what it says.
func refused(t *testing.T, state string) string {
	t.Helper()
	args, err := kit.PlaneArgs(state, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := run(t, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, t.TempDir(), build(t).Plane, args...)
	if exitCode(err) <= 0 {
		t.Fatalf("the plane ended with %v: want a refusal\n%s%s", err, stdout, stderr)
	}
	if strings.Contains(stdout, "ready") {
		t.Errorf("it said that it is ready:\n%s", stdout)
	}
	return stderr
}

func TestWrongPermissionsAreRefusedWithTheCommandThatMendsThem(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := startPlaneOn(t, state, "127.0.0.1:0").Stop(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the state directory was made with mode %v, %v: want 0700", info.Mode(), err)
	}
	var checked int
	err := filepath.Walk(state, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if !info.IsDir() {
			checked++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v: others can read it", path, info.Mode())
			}
		}
		return nil
	})
	if err != nil || checked == 0 {
		t.Errorf("looking at %d files of the state: %v", checked, err)
	}
	key := masterKey(t, state)
	for _, c := range []struct {
		path        string
		wrong, mend os.FileMode
	}{{state, 0o755, 0o700}, {state, 0o770, 0o700}, {key, 0o644, 0o600}, {key, 0o640, 0o600}} {
		if err := os.Chmod(c.path, c.wrong); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("chmod %o '%s'", c.mend, c.path)
		if out := refused(t, state); !strings.Contains(out, want) {
			t.Errorf("with mode %o on %s it does not say %q:\n%s", c.wrong, filepath.Base(c.path), want, out)
		}
		if err := os.Chmod(c.path, c.mend); err != nil {
			t.Fatal(err)
		}
	}
	startPlaneOn(t, state, "127.0.0.1:0")
}

// masterKey finds the master key in the state directory.
func masterKey(t *testing.T, state string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(state, "*master*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("looking for the master key in %s: %v, %v", state, found, err)
	}
	return found[0]
}

// Whatever comes over the wire, the answer is an error of AWS's shape with status 4xx, and the plane goes on.
func TestMalformedRequestsGetAWSErrors(t *testing.T) {
	plane := startPlane(t)
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	post := func(headers, body string) string {
		return "POST / HTTP/1.1\r\nHost: sts.us-east-1.amazonaws.com\r\n" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n"
	}
	authorization := "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	for _, c := range []struct {
		name, request, code string
	}{
		{"no signature", post(form, "Action=GetCallerIdentity&Version=2011-06-15"), "MissingAuthenticationToken"},
		{"old signature", post(form+authorization+strings.Repeat("0", 64)+"\r\nX-Amz-Date: 20260101T000000Z\r\n", "Action=GetCallerIdentity&Version=2011-06-15"), ""},
		{"half an authorization", post(form+"Authorization: AWS4-HMAC-SHA256 Credential=AKIA\r\n", "Action=GetCallerIdentity&Version=2011-06-15"), "IncompleteSignature"},
		{"authorization of garbage", post(form+"Authorization: AWS4-HMAC-SHA256 \xff\xfe,,,=\r\n", "Action=GetCallerIdentity"), ""},
		{"other scheme", post(form+"Authorization: Bearer x\r\n", "Action=GetCallerIdentity&Version=2011-06-15"), ""},
		{"unknown action", post(form, "Action=Nothing&Version=2011-06-15"), ""},
		{"no action", post(form, "x=y"), ""},
		{"broken percent encoding", post(form, "Action=%zz"), ""},
		{"a body of nothing but ampersands", post(form, strings.Repeat("&", 100_000)), ""},
		{"huge body", post(form, "Action=GetCallerIdentity&x="+strings.Repeat("a", 20<<20)), ""},
		{"json nobody asked for", post("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Nothing.Nothing\r\n", strings.Repeat("[", 100_000)), ""},
		{"object without signature", get("/private/x", ""), "NoSuchBucket"},
		{"bucket name of dots", get("/../../etc/passwd", ""), ""},
		{"encoded slashes and zero bytes", get("/%2e%2e%2f%00/%00", ""), ""},
		{"presigned with half the query", get("/private/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", ""), ""},
		{"many headers", get("/", strings.Repeat("X-A: b\r\n", 5000)), ""},
		{"long target", get("/"+strings.Repeat("a", 60_000), ""), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, contentType, body := raw(t, plane.Listen(), c.request)
			if status < 400 || status > 499 {
				t.Errorf("status %d: want 4xx\n%.300s", status, body)
			}
			if !strings.Contains(body, "<Code>") && !strings.Contains(body, `"__type"`) {
				t.Errorf("no error of AWS's shape (%s):\n%.300s", contentType, body)
			}
			if c.code != "" && !strings.Contains(body, c.code) {
				t.Errorf("no %s in\n%.300s", c.code, body)
			}
		})
	}
	t.Run("bytes that are no HTTP", func(t *testing.T) {
		for _, text := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET\r\n\r\n", "\r\n\r\n\r\n", strings.Repeat("A", 1<<16)} {
			conn, err := net.Dial("tcp", plane.Listen())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, text) // it may hang up amid it
			_ = conn.(*net.TCPConn).CloseWrite()
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.ReadAll(conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("the plane keeps %.20q waiting", text)
			}
			_ = conn.Close()
		}
	})
	t.Run("truncated body", func(t *testing.T) {
		conn, err := net.Dial("tcp", plane.Listen())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+form+"Content-Length: 1000\r\n\r\nAction=Get")
	})
	awscli(t, plane, "sts", "get-caller-identity")
	if out := plane.Output(); strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
		t.Errorf("the plane's log has a panic:\n%s", tail(out))
	}
}

// raw sends bytes and reads one answer.
func raw(t *testing.T, addr, request string) (status int, contentType, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }() // the plane may answer before it has read all
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil && len(data) == 0 {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(data)
}
