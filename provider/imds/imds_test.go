package imds_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/imds"
)

const (
	canary = "CANARYSECRET"
	good   = `{"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"` + canary + `","Token":"` + canary + `","Expiration":"2036-01-01T00:00:00Z"}`
	list   = "/latest/meta-data/iam/security-credentials/"
)

// service answers as the instance metadata service, with parts replaced.
type service struct {
	put        int
	hang       bool
	v2Only     bool
	list, cred string
	listStatus int
}

func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/latest/api/token":
		if s.hang {
			<-r.Context().Done()
			return
		}
		if r.Method != http.MethodPut || r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "21600" || s.put != 0 {
			w.WriteHeader(max(s.put, http.StatusBadRequest))
			return
		}
		_, _ = w.Write([]byte("token"))
	case s.v2Only && r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == list:
		if s.listStatus != 0 {
			w.WriteHeader(s.listStatus)
		}
		_, _ = w.Write([]byte(s.list))
	case r.URL.Path == list+"role":
		_, _ = w.Write([]byte(s.cred))
	default:
		http.NotFound(w, r)
	}
}

func TestRetrieve(t *testing.T) {
	for name, tc := range map[string]struct {
		s        service
		v1off    bool
		want     string
		absent   bool
		yieldsID string
	}{
		"version 2":              {s: service{v2Only: true, list: "role\n", cred: good}, yieldsID: "ASIA1"},
		"version 1 after 403":    {s: service{put: 403, list: "role", cred: good}, yieldsID: "ASIA1"},
		"version 1 after 404":    {s: service{put: 404, list: "role", cred: good}, yieldsID: "ASIA1"},
		"version 1 after 500":    {s: service{put: 500, list: "role", cred: good}, yieldsID: "ASIA1"},
		"version 1, hop limit":   {s: service{hang: true, list: "role", cred: good}, yieldsID: "ASIA1"},
		"version 1 is off":       {s: service{put: 403, list: "role", cred: good}, v1off: true, absent: true, want: "version 1 is disabled"},
		"bad request":            {s: service{put: 400}, want: "answered 400"},
		"no role":                {s: service{list: ""}, absent: true, want: "the instance has no role"},
		"no role, 404":           {s: service{listStatus: 404}, absent: true, want: "the instance has no role"},
		"turned off":             {s: service{listStatus: 403}, absent: true, want: "answers 403"},
		"portal":                 {s: service{list: "<html>sign in</html>"}, want: "does not answer as the service does"},
		"role without a session": {s: service{list: "other"}, want: "role other answered 404"},
		"failure code":           {s: service{list: "role", cred: `{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}`}, want: "AssumeRoleUnauthorizedAccess: no"},
		"not JSON":               {s: service{list: "role", cred: canary}, want: "what is not the JSON of credentials"},
		"truncated":              {s: service{list: "role", cred: good[:80]}, want: "what is not the JSON of credentials"},
		"incomplete":             {s: service{list: "role", cred: `{"Code":"Success","SecretAccessKey":"` + canary + `"}`}, want: "incomplete credentials"},
		"expired":                {s: service{list: "role", cred: strings.Replace(good, "2036", "2020", 1)}, want: "expired since 2020"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tc.s)
			defer server.Close()
			creds, err := imds.New(imds.Options{Endpoint: server.URL + "/", V1Disabled: tc.v1off, Timeout: 300 * time.Millisecond}).Retrieve(t.Context())
			if creds.AccessKeyID != tc.yieldsID {
				t.Fatalf("%v, %v", creds.AccessKeyID, err)
			}
			if tc.yieldsID != "" {
				if creds.Origin.Detail != "role" {
					t.Errorf("%+v", creds.Origin)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, rolecall.ErrNotHere) != tc.absent {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Error("the error shows a secret")
			}
		})
	}
	for _, endpoint := range []string{"http://127.0.0.1:1", "http://198.51.100.1:9"} {
		start := time.Now()
		_, err := imds.New(imds.Options{Endpoint: endpoint, Timeout: 200 * time.Millisecond}).Retrieve(t.Context())
		if !errors.Is(err, rolecall.ErrNotHere) || time.Since(start) > time.Second {
			t.Errorf("%s: %v after %s", endpoint, err, time.Since(start))
		}
	}
	if _, err := imds.New(imds.Options{Endpoint: "nonsense"}).Retrieve(t.Context()); err == nil || errors.Is(err, rolecall.ErrNotHere) {
		t.Error(err)
	}
}
