package profiles_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/profiles"
)

// BenchmarkRun lists 5,000 profiles of all kinds.
func BenchmarkRun(b *testing.B) {
	home := b.TempDir()
	var config, keys strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintf(&config, "[profile k%d]\nregion = eu-west-1\n[profile r%d]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = k%d\n", i, i, i)
		_, _ = fmt.Fprintf(&config, "[profile s%d]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = R\n[profile p%d]\ncredential_process = x\n", i, i)
		_, _ = fmt.Fprintf(&config, "[profile w%d]\nrole_arn = arn:aws:iam::111122223333:role/w\nweb_identity_token_file = /token\n", i)
		_, _ = fmt.Fprintf(&keys, "[k%d]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n", i)
	}
	config.WriteString("[sso-session s]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n")
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"config": config.String(), "credentials": keys.String()} {
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	io, _, out, _ := iostreams.Test()
	f := &cmdutil.Factory{
		IO: io, Environ: func() []string { return []string{"HOME=" + home} }, Now: time.Now,
		Logger: func() *slog.Logger { return slog.New(slog.DiscardHandler) }, HTTPClient: func() *http.Client { return nil },
	}
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := profiles.Run(b.Context(), &profiles.Options{Factory: f}); err != nil {
			b.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 5001 {
		b.Errorf("%d lines", n)
	}
}
