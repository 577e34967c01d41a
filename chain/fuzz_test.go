package chain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
)

// FuzzCacheEntry: whatever is in a file of the AWS CLI's cache, only a whole session that lives is used from it.
func FuzzCacheEntry(f *testing.F) {
	const whole = `{"Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":"2036-01-01T00:00:00Z"}}`
	f.Add(whole)
	f.Add(`{"ProviderType":"sso","Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":"2036-01-01T00:00:00UTC","AccountId":"111122223333"}}`)
	f.Add(`{"Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":"2020-01-01T00:00:00Z"}}`)
	f.Add(whole[:len(whole)/2])
	f.Add("\xef\xbb\xbf" + whole)
	f.Add(`[]`)
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "id.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := &chain.FileSessions{Dir: dir, Now: func() time.Time { return now }}
		asked := errors.New("asked for a new one")
		creds, err := s.Session(context.Background(), chain.SessionKey{ID: "id", Shared: true},
			func(rolecall.Credentials) bool { return true },
			func(context.Context) (rolecall.Credentials, error) { return rolecall.Credentials{}, asked })
		switch {
		case err == nil && (!creds.Complete() || creds.SessionToken.IsZero() || !creds.Expires.After(now)):
			t.Errorf("used: %v", creds)
		case err != nil && !errors.Is(err, asked):
			t.Error(err)
		}
	})
}
