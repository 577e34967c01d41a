//go:build compat && linux

package compat

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

const farAway = "2036-11-18T22:14:33Z"

// world answers as STS, SSO, sign-in, a container endpoint and the metadata service of the situation that is staged. The keys
// that it gives out tell who asked for them: AK(Role<-key).
type world struct {
	url   string
	now   atomic.Pointer[sdk.Situation]
	extra []*http.Server
	main  *http.Server
}

func newWorld() (*world, error) {
	w := &world{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.url = "http://" + l.Addr().String()
	w.now.Store(&sdk.Situation{})
	w.main = w.serve(l)
	return w, nil
}

func (w *world) serve(l net.Listener) *http.Server {
	s := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // ends with Close
	return s
}

// stage opens the addresses that the situation has and no others: a connection to the rest is refused. Only the metadata
// service's is always open and answers 404, as some networks do: the SDKs try a refused connection again and again.
func (w *world) stage(s *sdk.Situation) error {
	w.shut()
	w.now.Store(s)
	open := []string{"169.254.169.254:80"}
	if s.Container != nil {
		open = append(open, "169.254.170.2:80", "169.254.170.23:80", "[fd00:ec2::23]:80")
	}
	for _, address := range open {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		w.extra = append(w.extra, w.serve(l))
	}
	return nil
}

func (w *world) shut() {
	for _, server := range w.extra {
		_ = server.Close()
	}
	w.extra = nil
}

func (w *world) close() {
	w.shut()
	_ = w.main.Close()
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
	switch {
	case strings.HasPrefix(local, "169.254.169.254:"), strings.HasPrefix(r.URL.Path, "/latest/"):
		w.imds(rw, r)
	case strings.HasPrefix(local, "169.254.170."), strings.HasPrefix(local, "[fd00:ec2::23]:"):
		w.container(rw, r, "AKECS-"+strings.Trim(host, "[]"))
	case strings.HasPrefix(r.URL.Path, "/container/"):
		w.container(rw, r, "AKECS-full")
	case strings.HasPrefix(r.URL.Path, "/sso/"):
		answerJSON(rw, map[string]any{"roleCredentials": map[string]any{
			"accessKeyId": "AKSSO-" + r.Header.Get("X-Amz-Sso_bearer_token"), "secretAccessKey": "S", "sessionToken": "T", "expiration": 2110659273000,
		}})
	case strings.HasPrefix(r.URL.Path, "/oidc/"):
		answerJSON(rw, map[string]any{"accessToken": "REFRESHED", "expiresIn": 3600, "refreshToken": "R2", "tokenType": "Bearer"})
	case strings.HasPrefix(r.URL.Path, "/signin/"):
		answerJSON(rw, map[string]any{
			"accessToken": map[string]any{"accessKeyId": "AKLOGINREFRESHED", "secretAccessKey": "S", "sessionToken": "T"},
			"tokenType":   "aws_sigv4", "expiresIn": 900, "refreshToken": "R2",
		})
	case r.Method == http.MethodPost && r.URL.Path == "/":
		sts(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

func answerJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(v)
}

func sts(rw http.ResponseWriter, r *http.Request) {
	_, role, _ := strings.Cut(r.FormValue("RoleArn"), "role/")
	by := "webid"
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		by, _, _ = strings.Cut(rest, "/20") // a key may have slashes of its own, a date follows it
	}
	if role == "" {
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>no role</Message></Error></ErrorResponse>`))
		return
	}
	op := r.FormValue("Action")
	rw.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(rw, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>AK(%[2]s&lt;-%[3]s)</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>%[4]s</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/%[2]s/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser></%[1]sResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></%[1]sResponse>`,
		op, html.EscapeString(role), html.EscapeString(by), farAway)
}

func (w *world) container(rw http.ResponseWriter, r *http.Request, name string) {
	c := w.now.Load().Container
	if c == nil {
		http.NotFound(rw, r)
		return
	}
	if c.Status != 0 && c.Status != http.StatusOK {
		rw.WriteHeader(c.Status)
		return
	}
	out := map[string]any{}
	for k, v := range map[string]string{"AccessKeyId": name + strings.ReplaceAll(r.URL.Path, "/", "."), "SecretAccessKey": "S", "Token": "T", "Expiration": farAway} {
		if !slices.Contains(c.Omit, k) {
			out[k] = v
		}
	}
	answerJSON(rw, out)
}

func (w *world) imds(rw http.ResponseWriter, r *http.Request) {
	i := w.now.Load().IMDS
	const roles = "/latest/meta-data/iam/security-credentials/"
	switch {
	case i == nil:
		http.NotFound(rw, r)
	case r.Method == http.MethodPut:
		switch put := i.Put.(type) {
		case float64:
			rw.WriteHeader(int(put))
		case string:
			<-r.Context().Done()
		default:
			rw.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = rw.Write([]byte("TOKEN"))
		}
	case i.V2Only && r.Header.Get("X-Aws-Ec2-Metadata-Token") == "":
		rw.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == roles && !i.NoRole:
		_, _ = rw.Write([]byte("imdsrole"))
	case r.URL.Path != roles+"imdsrole":
		http.NotFound(rw, r)
	case i.Fail:
		_, _ = rw.Write([]byte(`{"Code":"AssumeRoleUnauthorizedAccess","Message":"no","LastUpdated":"2026-01-01T00:00:00Z"}`))
	case i.BadJSON:
		_, _ = rw.Write([]byte(`{"Code":`))
	default:
		expires := farAway
		if i.Expired {
			expires = "2020-01-01T00:00:00Z"
		}
		answerJSON(rw, map[string]any{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
			"AccessKeyId": "AKIMDS", "SecretAccessKey": "S", "Token": "T", "Expiration": expires,
		})
	}
}
