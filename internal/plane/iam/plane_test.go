package iam_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/awspolicies"
	"github.com/rolecall-dev/rolecall/internal/store/sqlite"
	"github.com/rolecall-dev/rolecall/internal/store/storetest"
)

const (
	acct  = "123456789012"
	other = "210987654321"
	root  = "AKIAROOTROOTROOTROOT"
	arn   = "arn:aws:iam::" + acct + ":"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// plane is the service behind a real HTTP server, over a real directory and store. Its only fake is
// that the access key in a request is believed without its signature.
type plane struct {
	*testing.T
	dir     *directory.Directory
	service *awsapi.Service
	url     string
	// principals by access key id, beside the users' own keys.
	principals map[string]*identity.Principal
	audit      []*awsapi.AuditFields
	now        time.Time
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	ctx := context.Background()
	p := &plane{T: t, now: now, principals: map[string]*identity.Principal{}}
	st, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "db"), storetest.Sealer(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	p.dir, err = directory.Open(ctx, st, directory.Options{Now: func() time.Time { return p.now }, AWSPolicies: awspolicies.All()})
	if err != nil {
		t.Fatal(err)
	}
	p.update(func(tx *directory.Tx) error {
		return errors.Join(tx.Put(&identity.Account{ID: acct, Created: now}), tx.Put(&identity.Account{ID: other, Created: now}))
	})
	p.principals[root] = &identity.Principal{Kind: identity.Root, Account: acct, ARN: arn + "root", UserID: acct}
	p.service = awsapi.NewService(&iamapi.Model, awsapi.Options{})
	authorizer, err := authz.New(p.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	iam.Register(p.service, iam.Options{Authorizer: authorizer, Directory: p.dir})
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *plane) update(f func(*directory.Tx) error) {
	p.Helper()
	if err := p.dir.Update(context.Background(), f); err != nil {
		p.Fatal(err)
	}
}

func (p *plane) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id := awsapi.NewRequestID()
	m, bad := p.service.Match(r, body)
	if bad != nil {
		_ = p.service.WriteError(w, id, bad)
		return
	}
	c := &awsapi.Call{RequestID: id, Principal: p.principal(r), Time: p.now, SourceIP: netip.MustParseAddr("127.0.0.1"), Audit: &awsapi.AuditFields{}}
	_ = p.service.Serve(r.Context(), w, m, c)
	p.audit = append(p.audit, c.Audit)
}

func (p *plane) principal(r *http.Request) *identity.Principal {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	if known := p.principals[id]; known != nil {
		return known
	}
	s := p.dir.Snapshot()
	if k := s.AccessKey(id); k != nil {
		u := s.UserByID(k.UserID)
		return &identity.Principal{Kind: identity.User, Account: u.Account, ARN: u.ARN(), UserID: u.ID, EntityID: u.ID, EntityName: u.Name, AccessKeyID: id}
	}
	return &identity.Principal{}
}

// wholeAnswers keeps the SDK from cutting off long answers of a fast server: it closes the request's body when an
// answer begins, and net/http, which may still be looking for the end of that body through its WriteTo, takes the
// io.EOF that this returns for a failure and closes the connection. Read is the same without the failure. With retries
// nobody notices.
type wholeAnswers struct{}

func (wholeAnswers) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return http.DefaultClient.Do(r)
}

// client signs with an access key id.
func (p *plane) client(id string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(p.url), Region: "us-east-1", Retryer: aws.NopRetryer{}, HTTPClient: wholeAnswers{},
		Credentials: credentials.NewStaticCredentialsProvider(id, "secret", ""),
	})
}

func (p *plane) root() *sdk.Client { return p.client(root) }

// userWith makes a user with an inline policy and returns its client.
func (p *plane) userWith(name, document string) *sdk.Client {
	p.Helper()
	var id string
	p.update(func(tx *directory.Tx) error {
		u, err := identity.NewUser(acct, "/", name, now)
		if err != nil {
			return err
		}
		if document != "" {
			u.SetInline("test", document)
		}
		k, err := identity.NewAccessKey(acct, u.ID, now)
		if err != nil {
			return err
		}
		id = k.ID
		return errors.Join(tx.Put(u), tx.Put(k))
	})
	return p.client(id)
}

// fails wants an error answer with a code and, unless it is "", a message.
func fails(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("error %v; want %s", err, code)
		return
	}
	if e.ErrorCode() != code || message != "" && e.ErrorMessage() != message {
		t.Errorf("got  %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// must wants no error.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// same compares what an operation answered, without the middleware's metadata.
func same(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".ResultMetadata" || strings.HasSuffix(p.Last().String(), "noSmithyDocumentSerde")
	}, cmp.Ignore()), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
