package webidentity_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/webidentity"
	"github.com/rolecall-dev/rolecall/sts"
)

const canary = "CANARYSECRET"

// echo answers with the request.
type echo struct{ life time.Duration }

func (e echo) AssumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleOutput, error) {
	if in.Token.Expose() == "refused" {
		return nil, &sts.Error{Operation: "AssumeRoleWithWebIdentity", Code: "InvalidIdentityToken", Message: "no", Status: 400}
	}
	return &sts.AssumeRoleOutput{Credentials: rolecall.Credentials{
		AccessKeyID: in.RoleARN + "/" + in.SessionName, SecretAccessKey: in.Token, SessionToken: in.Token, Expires: time.Now().Add(e.life),
	}}, nil
}

func TestRetrieve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		file, role string
		life       time.Duration
		want       string
	}{
		"good":            {write("good", canary), "r", time.Hour, ""},
		"with line feed":  {write("lf", canary+"\n"), "r", time.Hour, ""},
		"missing":         {filepath.Join(dir, "missing"), "r", time.Hour, "no such file or directory"},
		"a folder":        {dir, "r", time.Hour, "it is no regular file"},
		"empty":           {write("empty", "\n"), "r", time.Hour, "it is empty"},
		"huge":            {write("huge", strings.Repeat("x", 20001)), "r", time.Hour, "longer than 20000 bytes"},
		"no role":         {write("norole", canary), "", time.Hour, "without a role"},
		"refused":         {write("refused", "refused"), "r", time.Hour, "InvalidIdentityToken: no"},
		"expired already": {write("expired", canary), "r", -time.Hour, "already expired"},
	} {
		t.Run(name, func(t *testing.T) {
			creds, err := webidentity.New(webidentity.Options{
				Client: echo{tc.life}, RoleARN: tc.role, SessionName: "s", TokenFile: tc.file, Location: "here",
			}).Retrieve(t.Context())
			if tc.want == "" {
				if err != nil || creds.AccessKeyID != "r/s" || creds.SecretAccessKey.Expose() != canary || creds.Origin.Via.Location != tc.file {
					t.Errorf("%v, %v", creds, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) || errors.Is(err, rolecall.ErrNotHere) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
