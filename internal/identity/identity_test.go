package identity

import (
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall"
)

func TestAccessKeyIDCarriesItsAccount(t *testing.T) {
	for _, account := range []AccountID{"000000000000", "000000000001", "123456789012", "999999999999"} {
		for _, prefix := range []Prefix{PrefixAccessKey, PrefixTemporaryKey} {
			id := NewAccessKeyID(prefix, account)
			if len(id) != 20 || !strings.HasPrefix(id, string(prefix)) {
				t.Fatalf("NewAccessKeyID(%s, %s) = %q", prefix, account, id)
			}
			got, ok := rolecall.AccountOfAccessKey(id)
			if !ok || got != string(account) {
				t.Errorf("account of %s = %q, %v; want %s", id, got, ok, account)
			}
		}
	}
}

func TestAccountOfPublishedKeys(t *testing.T) {
	for id, want := range map[string]string{"ASIAQAAAAAAAGMKEM7X5": "000000000000", "AKIARZPUZDIKGB2VALC4": "123456789012"} {
		if got, ok := rolecall.AccountOfAccessKey(id); !ok || got != want {
			t.Errorf("account of %s = %q, %v; want %s", id, got, ok, want)
		}
	}
	for _, id := range []string{"", "AKIA", "AKIA1", "AKIA01890189018901", "AKIAééééééééééé"} {
		if got, ok := rolecall.AccountOfAccessKey(id); ok {
			t.Errorf("account of %q = %q; want none", id, got)
		}
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID(PrefixRole, "123456789012")
		if len(id) != 21 || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}
