package process_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/process"
)

const canary = "CANARYSECRET"

func TestRetrieve(t *testing.T) {
	creds, err := process.New(process.Options{
		Command: `printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"S","SessionToken":"T","Expiration":"2036-01-01T00:00:00Z","AccountId":"1"}' "$ID" | cat # a shell`,
		Profile: "p", Location: "config:3", Environ: []string{"PATH=/usr/bin:/bin", "ID=AKIA1"},
	}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if creds.AccessKeyID != "AKIA1" || creds.SessionToken.Expose() != "T" || creds.AccountID != "1" || creds.Expires.Year() != 2036 {
		t.Errorf("%+v", creds)
	}
	if got := creds.Origin.String(); got != "process printf (config:3)" {
		t.Error(got)
	}
}

func TestFaults(t *testing.T) {
	answer := func(fields string) string { return `printf '%s' '{` + fields + `}'` }
	good := `"Version":1,"AccessKeyId":"A","SecretAccessKey":"` + canary + `"`
	for command, want := range map[string]string{
		"true":                          "printed nothing",
		"echo " + canary:                "printed what is not the JSON it should be",
		"exit 3":                        "failed: exit status 3",
		"no-such-command-here":          "failed: exit status 127",
		"kill -9 $$":                    "failed: signal: killed",
		"sleep 30":                      "took longer than 300ms",
		"head -c 100000 /dev/zero":      "printed more than 65536 bytes",
		"printf '[1]'":                  "printed what is not the JSON it should be",
		"printf '<html>" + canary + "'": "printed what is not the JSON it should be",
		answer(`"AccessKeyId":"A","SecretAccessKey":"` + canary + `"`):               `printed JSON without "Version": 1`,
		answer(`"Version":"1","AccessKeyId":"A","SecretAccessKey":"` + canary + `"`): "printed JSON of a version that is not 1",
		answer(`"Version":2`): "printed JSON of a version that is not 1",
		answer(`"Version":1,"SecretAccessKey":"` + canary + `"`):                 "printed JSON without AccessKeyId",
		answer(`"Version":1,"AccessKeyId":"A"`):                                  "printed JSON without SecretAccessKey",
		answer(`"Version":1,"AccessKeyId":7,"SecretAccessKey":"` + canary + `"`): "printed what is not the JSON it should be",
		answer(good + `,"Expiration":"soon"`):                                    "printed an Expiration that is no time (RFC 3339)",
		answer(good + `,"Expiration":"2020-01-01T00:00:00Z"`):                    "printed credentials that are expired since 2020-01-01T00:00:00Z",
		answer(good) + "; printf x":                                              "printed what is not the JSON it should be",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := process.New(process.Options{Command: command, Profile: "p", Location: "f:1", Environ: []string{"PATH=/usr/bin:/bin"}, Timeout: 300 * time.Millisecond}).Retrieve(t.Context())
			if err == nil || err.Error() != `f:1: credential_process of profile "p" `+want {
				t.Errorf("%s: got %v, want %s", command, err, want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Error("the error shows the secret")
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

func TestRecursionEnds(t *testing.T) {
	run := func(chain string) error {
		_, err := process.New(process.Options{Command: "true", Profile: "p", Environ: []string{process.ChainVariable + "=" + chain}}).Retrieve(t.Context())
		return err
	}
	if err := run("a\np"); err == nil || !strings.Contains(err.Error(), "runs itself") {
		t.Error(err)
	}
	if err := run("1\n2\n3\n4\n5\n6\n7\n8"); err == nil || !strings.Contains(err.Error(), "nested 8 deep") {
		t.Error(err)
	}
	if err := run("a\nb"); err == nil || !strings.Contains(err.Error(), "printed nothing") {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "{}", `{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2036-01-01T00:00:00Z"}`, `{"Version":1e0}`, "null", "\xff"} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		creds, err := process.Decode(b, now)
		if err == nil && (!creds.Complete() || creds.ExpiredAt(now)) {
			t.Errorf("%q gave unusable credentials", b)
		}
		if err != nil && creds != (rolecall.Credentials{}) {
			t.Error("credentials beside an error")
		}
	})
}
