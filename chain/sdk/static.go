package sdk

import (
	"slices"
	"strings"
	"time"
)

// first returns the first of the variables that is set and not empty.
func (w *walk) first(names []string) string {
	for _, n := range names {
		v := w.s.Env[n]
		if w.m.Env.Trim {
			v = strings.TrimSpace(v)
		}
		if v != "" {
			return v
		}
	}
	return ""
}

// env are keys in the environment.
func (w *walk) env() result {
	r := w.pair(w.m.Env.AccessKey, w.m.Env.SecretKey)
	if r.ok && w.m.Env.NeedsToken && w.s.Env["AWS_SESSION_TOKEN"] == "" {
		return absent()
	}
	if name := w.m.Env.ExpirationEnv; r.ok && name != "" && w.s.Env[name] != "" {
		expires, err := time.Parse(time.RFC3339, w.s.Env[name])
		if err != nil || !w.now.Before(expires) {
			return fails(FromEnv, name+" has passed, or is no time")
		}
	}
	return r
}

func (w *walk) pair(access, secret []string) result {
	id, key := w.first(access), w.first(secret)
	switch {
	case id != "" && key != "":
		return yields(FromEnv, id)
	case id != "":
		return half(w.m.Env.AKIDWithoutSecret, id)
	case key != "":
		return half(w.m.Env.SecretWithoutAKID, id)
	}
	return absent()
}

func half(rule, id string) result {
	switch rule {
	case "accepted-anonymous":
		return yields(FromEnv, id)
	case "error":
		return fails(FromEnv, "half a key pair in the environment")
	}
	return absent()
}

// envMinio are MinIO's own variables.
func (w *walk) envMinio() result {
	for _, names := range [][2]string{{"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}, {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"}} {
		if id, secret := w.s.Env[names[0]], w.s.Env[names[1]]; id != "" && secret != "" {
			return yields(FromEnv, id)
		}
	}
	return absent()
}

const (
	accessKey = "aws_access_key_id"
	secretKey = "aws_secret_access_key" //nolint:gosec // a setting's name
)

// static is a profile's keys as the two files give them together.
func (w *walk) static(profile string) result {
	if w.filesErr != nil {
		return absent()
	}
	if w.only != nil {
		return w.staticIn(w.only, profile)
	}
	switch w.m.Merge {
	case "separate-static":
		if r := w.staticIn(w.credentials, profile); r.applies() {
			return r
		}
		return w.staticIn(w.config, profile)
	case "credentials-only":
		return w.staticIn(w.credentials, profile)
	case "pair", "separate":
		for _, f := range w.sources() {
			if r := w.staticIn(f, profile); r.ok {
				return r
			}
		}
		return absent()
	}
	if w.m.Merge == "present-pair" {
		for _, f := range w.sources() {
			if f == nil {
				continue
			}
			id, hasID := w.in(f, profile, accessKey)
			if secret, hasSecret := w.in(f, profile, secretKey); hasID && hasSecret {
				return w.keys(id, secret, true, secret != "")
			}
		}
		for _, f := range w.sources() {
			if r := w.staticIn(f, profile); r.applies() {
				return r
			}
		}
		return absent()
	}
	id, hasID := w.get(profile, accessKey)
	secret, hasSecret := w.get(profile, secretKey)
	return w.keys(id, secret, hasID, hasSecret)
}

func (w *walk) staticIn(f *ini, profile string) result {
	if f == nil || w.filesErr != nil {
		return absent()
	}
	id, hasID := w.in(f, profile, accessKey)
	secret, hasSecret := w.in(f, profile, secretKey)
	return w.keys(id, secret, hasID, hasSecret)
}

func (w *walk) keys(id, secret string, hasID, hasSecret bool) result {
	switch {
	case id != "" && secret != "", id != "" && hasSecret && w.m.Static.BlankSecret == "valid":
		return yields(FromStatic, id)
	case hasID && hasSecret:
		return absent()
	case hasID && id != "", hasSecret && w.m.Static.SecretOnly == "error":
		return graded(w.m.Static.Partial, FromStatic, "half a key pair in the profile")
	}
	return absent()
}

// oneKind is a profile whose settings are of one kind; a mixture counts for nothing.
func (w *walk) oneKind(profile string) result {
	has := func(key string) bool { return w.value(profile, key) != "" }
	for _, key := range []string{"sso_start_url", "sso_session", "sso_account_id", "sso_region", "sso_role_name"} {
		if has(key) {
			return w.sso(profile)
		}
	}
	var set []string
	for _, key := range []string{accessKey, secretKey, "role_arn", "source_profile", "credential_source", "web_identity_token_file", "credential_process"} {
		if has(key) {
			set = append(set, key)
		}
	}
	for _, kind := range []struct {
		keys []string
		step string
	}{
		{[]string{accessKey, secretKey}, "static"},
		{[]string{"role_arn", "source_profile"}, "role"},
		{[]string{"role_arn", "credential_source"}, "role"},
		{[]string{"role_arn", "web_identity_token_file"}, "webid-profile"},
		{[]string{"credential_process"}, "process"},
	} {
		if slices.Equal(set, kind.keys) {
			return w.ask(kind.step, profile)
		}
	}
	return absent()
}
