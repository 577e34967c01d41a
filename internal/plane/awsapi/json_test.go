package awsapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/oidcapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/ssoapi"
)

func portal(got *ssoapi.GetRoleCredentialsInput) *awsapi.Service {
	s := awsapi.NewService(&ssoapi.Model, awsapi.Options{})
	awsapi.Handle(s, ssoapi.GetRoleCredentials, func(_ context.Context, _ *awsapi.Call, in *ssoapi.GetRoleCredentialsInput) (*ssoapi.GetRoleCredentialsOutput, error) {
		*got = *in
		return &ssoapi.GetRoleCredentialsOutput{RoleCredentials: &ssoapi.RoleCredentials{
			AccessKeyId: new("ASIAX"), SecretAccessKey: new("s\"e\\c\n\x01é"), SessionToken: new("t"), Expiration: new(1700000000000),
		}}, nil
	})
	awsapi.Handle(s, ssoapi.ListAccounts, func(_ context.Context, _ *awsapi.Call, in *ssoapi.ListAccountsInput) (*ssoapi.ListAccountsOutput, error) {
		return &ssoapi.ListAccountsOutput{AccountList: []ssoapi.AccountInfo{{AccountId: new("1")}, {AccountId: new("2")}}, NextToken: in.NextToken}, nil
	})
	awsapi.Handle(s, ssoapi.Logout, func(context.Context, *awsapi.Call, *ssoapi.LogoutInput) (*ssoapi.LogoutOutput, error) {
		return nil, ssoapi.ErrUnauthorized("Session token not found or invalid")
	})
	return s
}

func get(target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestRESTJSON(t *testing.T) {
	var got ssoapi.GetRoleCredentialsInput
	s := portal(&got)
	w := call(s, get("/federation/credentials?role_name=admin&account_id=123456789012", "x-amz-sso_bearer_token", "tok"), "")
	if d := cmp.Diff(ssoapi.GetRoleCredentialsInput{RoleName: "admin", AccountId: "123456789012", AccessToken: "tok"}, got); d != "" {
		t.Error(d)
	}
	want := `{"roleCredentials":{"accessKeyId":"ASIAX","secretAccessKey":"s\"e\\c\n\u0001é","sessionToken":"t","expiration":1700000000000}}`
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("x-amzn-RequestId") != requestID {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	w = call(s, get("/assignment/accounts?max_result=1&next_token=n", "x-amz-sso_bearer_token", "tok"), "")
	if w.Body.String() != `{"nextToken":"n","accountList":[{"accountId":"1"},{"accountId":"2"}]}` {
		t.Errorf("%s", w.Body)
	}
	for name, test := range map[string]struct {
		r      *http.Request
		status int
		code   string
	}{
		"missing":     {get("/federation/credentials?role_name=admin"), 400, "ValidationException"},
		"range":       {get("/assignment/accounts?max_result=101", "x-amz-sso_bearer_token", "tok"), 400, "ValidationException"},
		"not a int":   {get("/assignment/accounts?max_result=x", "x-amz-sso_bearer_token", "tok"), 400, "SerializationException"},
		"twice":       {get("/federation/credentials?role_name=a&role_name=b&account_id=1", "x-amz-sso_bearer_token", "tok"), 400, "SerializationException"},
		"no path":     {get("/nope"), 404, "UnknownOperationException"},
		"other verb":  {httptest.NewRequest(http.MethodDelete, "/logout", nil), 404, "UnknownOperationException"},
		"bad query":   {get("/assignment/accounts?%zz"), 400, "MalformedQueryString"},
		"own error":   {httptest.NewRequest(http.MethodPost, "/logout", nil), 400, "ValidationException"},
		"trailing":    {get("/federation/credentials/"), 404, "UnknownOperationException"},
		"prefix only": {get("/federation"), 404, "UnknownOperationException"},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(s, test.r, "")
			var body struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Message == "" {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || w.Header().Get("X-Amzn-Errortype") != test.code {
				t.Errorf("%d %s: %s", w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body)
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.Header.Set("x-amz-sso_bearer_token", "tok")
	if w := call(s, r, ""); w.Code != 401 || w.Body.String() != `{"message":"Session token not found or invalid"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// oidc serves CreateToken under a model of one's choice.
func oidc(m *awsapi.Model, got *oidcapi.CreateTokenInput) *awsapi.Service {
	s := awsapi.NewService(m, awsapi.Options{})
	awsapi.Handle(s, oidcapi.CreateToken, func(_ context.Context, _ *awsapi.Call, in *oidcapi.CreateTokenInput) (*oidcapi.CreateTokenOutput, error) {
		if got != nil {
			*got = *in
		}
		if in.GrantType == "pending" {
			e := oidcapi.ErrAuthorizationPending("")
			e.Fields = map[string]string{"error": "authorization_pending", "error_description": "not yet"}
			return nil, e
		}
		return &oidcapi.CreateTokenOutput{AccessToken: new("at"), ExpiresIn: new(60)}, nil
	})
	return s
}

func TestJSONBodies(t *testing.T) {
	var got oidcapi.CreateTokenInput
	target := awsapi.Model{Name: "x", Protocol: awsapi.JSON11, TargetPrefix: "Svc_20200101"}
	body := `{"clientId":"c","clientSecret":"s","grantType":"g","scope":["a","b"],"code":null,"unknown":{"x":[1]}}`
	want := oidcapi.CreateTokenInput{ClientId: "c", ClientSecret: "s", GrantType: "g", Scope: []string{"a", "b"}}
	for name, test := range map[string]struct {
		s    *awsapi.Service
		r    *http.Request
		kind string
	}{
		"REST": {oidc(&oidcapi.Model, &got), httptest.NewRequest(http.MethodPost, "/token", nil), "application/json"},
		"1.1":  {oidc(&target, &got), httptest.NewRequest(http.MethodPost, "/", nil), "application/x-amz-json-1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			got = oidcapi.CreateTokenInput{}
			test.r.Header.Set("X-Amz-Target", "Svc_20200101.CreateToken")
			w := call(test.s, test.r, body)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if w.Code != 200 || w.Body.String() != `{"accessToken":"at","expiresIn":60}` || w.Header().Get("Content-Type") != test.kind {
				t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
			}
			for bad, code := range map[string]string{
				`{`: "SerializationException", `[]`: "SerializationException", `null`: "SerializationException", `{} {}`: "SerializationException",
				`{"clientId":1}`: "SerializationException", `{"clientId":"c","clientSecret":"s","grantType":"g","scope":[1]}`: "SerializationException",
				``: "ValidationException", `{}`: "ValidationException",
			} {
				w := call(test.s, test.r, bad)
				if w.Code != 400 || !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Errortype"), code) {
					t.Errorf("%s: %d %s", bad, w.Code, w.Body)
				}
			}
		})
	}
	w := call(oidc(&oidcapi.Model, nil), httptest.NewRequest(http.MethodPost, "/token", nil), strings.Replace(body, `"g"`, `"pending"`, 1))
	if w.Code != 400 || w.Body.String() != `{"message":"","error":"authorization_pending","error_description":"not yet"}` || w.Header().Get("X-Amzn-Errortype") != "AuthorizationPendingException" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Amz-Target", "Svc_20200101.Nope")
	if w := call(oidc(&target, nil), r, "{}"); w.Code != 400 || w.Body.String() != `{"__type":"UnknownOperationException","message":"The operation that was requested is not known."}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"clientId":"c","clientSecret":"s","grantType":"g","scope":["a"]}`)
	f.Add(`{"clientId":1,"scope":{}}`)
	f.Add(`[[[[`)
	s := oidc(&oidcapi.Model, nil)
	f.Fuzz(func(t *testing.T, body string) {
		w := call(s, httptest.NewRequest(http.MethodPost, "/token", nil), body)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
