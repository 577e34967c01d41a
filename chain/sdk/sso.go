package sdk

import (
	"crypto/sha1" //nolint:gosec // the name of a cache file
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"
)

func (w *walk) has(f *ini, profile, key string) bool { v, _ := w.in(f, profile, key); return v != "" }

// session is a section [sso-session name].
func (w *walk) session(name string) section {
	if w.config == nil || w.m.SSO.SessionNeedsPlainPath && strings.HasPrefix(w.s.Env[w.m.Files.ConfigEnv], "~") {
		return nil
	}
	return w.config.session(name)
}

// sso is a role of IAM Identity Center.
func (w *walk) sso(profile string) result {
	if !w.m.SSO.Supported || w.filesErr != nil || w.m.SSO.NeedsConfigFile && !w.configExists || !w.isSSO(profile) {
		return absent()
	}
	name := w.value(profile, "sso_session")
	if w.m.SSO.NoSessions {
		name = ""
	}
	start, region := w.value(profile, "sso_start_url"), w.value(profile, "sso_region")
	if name != "" {
		if w.m.SSO.SessionFromConfig && (w.config == nil || !w.has(w.config, profile, "sso_session")) {
			return fails(FromSSO, "sso_session is not in the config file")
		}
		session := w.session(name)
		if session == nil {
			return graded(w.m.SSO.MissingSession, FromSSO, "there is no sso-session "+name)
		}
		differs := start != "" && start != session["sso_start_url"] || region != "" && region != session["sso_region"]
		if differs && w.m.SSO.SessionConflict != "profile-wins" {
			return fails(FromSSO, "the profile and the sso-session differ")
		}
		if w.m.SSO.SessionValuesOnly {
			start, region = "", ""
		}
		start, region = orElse(session["sso_start_url"], start), orElse(session["sso_region"], region)
	}
	incomplete := start == "" || region == ""
	if name == "" || !w.m.SSO.AccountOptionalWithSession {
		incomplete = incomplete || w.value(profile, "sso_account_id") == "" || w.value(profile, "sso_role_name") == ""
	}
	if incomplete {
		return graded(w.m.SSO.Incomplete, FromSSO, "the SSO settings are incomplete")
	}
	return w.ssoToken(profile, name, start)
}

// isSSO reports whether the profile has the settings by which the SDK tells such a profile.
func (w *walk) isSSO(profile string) bool {
	triggered := slices.ContainsFunc(w.m.SSO.TriggerAny, func(k string) bool { return w.value(profile, k) != "" })
	for _, k := range w.m.SSO.TriggerAll {
		if k != "sso_start_url" && k != "sso_region" || w.value(profile, "sso_session") == "" {
			triggered = triggered && w.value(profile, k) != ""
		}
	}
	return triggered
}

// ssoToken is what the token that a sign-in left is good for.
func (w *walk) ssoToken(profile, name, start string) result {
	sum := sha1.Sum([]byte(orElse(name, start))) //nolint:gosec // the name of a cache file
	text, ok := w.read(path.Join(w.s.Env["HOME"], ".aws/sso/cache", hex.EncodeToString(sum[:])+".json"))
	if !ok {
		return graded(w.m.SSO.TokenMissing, FromSSO, "nobody is signed in")
	}
	var token struct{ AccessToken, ExpiresAt, RefreshToken, ClientID string }
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken == "" {
		return graded(w.m.SSO.TokenMissing, FromSSO, "the token file is damaged")
	}
	expires, err := time.Parse(time.RFC3339, token.ExpiresAt)
	if err != nil {
		return graded(w.m.SSO.TokenMissing, FromSSO, "the token file is damaged")
	}
	key, left := "AKSSO-"+token.AccessToken, time.Duration(0)
	if name == "" {
		left = time.Duration(w.m.SSO.MinTokenLeftS) * time.Second
	}
	if expires.Sub(w.now) <= left {
		if name == "" || token.RefreshToken == "" {
			return graded(w.m.SSO.TokenExpired, FromSSO, "the token is expired")
		}
		key = "AKSSO-REFRESHED"
	}
	return w.called(FromSSO, key, "SSO role "+w.value(profile, "sso_role_name")+" in account "+w.value(profile, "sso_account_id"))
}

// login is the session that `aws login` left.
func (w *walk) login(profile string) result {
	session := strings.TrimSpace(w.value(profile, "login_session"))
	if !w.m.Login.Supported || session == "" {
		return absent()
	}
	if need := w.m.Login.Requires; need != "" {
		return fails(FromLogin, "login sessions need "+need)
	}
	sum := sha256.Sum256([]byte(session))
	text, ok := w.read(path.Join(w.s.Env["HOME"], ".aws/login/cache", hex.EncodeToString(sum[:])+".json"))
	if !ok {
		return graded(w.m.Login.TokenMissing, FromLogin, "nobody is signed in")
	}
	var token struct {
		AccessToken  struct{ AccessKeyID, ExpiresAt string }
		RefreshToken string
	}
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken.AccessKeyID == "" {
		return graded(w.m.Login.TokenMissing, FromLogin, "the token file is damaged")
	}
	if expires, err := time.Parse(time.RFC3339, token.AccessToken.ExpiresAt); err == nil && !w.now.Before(expires) {
		return w.called(FromLogin, "AKLOGINREFRESHED", "login session "+session)
	}
	return yields(FromLogin, token.AccessToken.AccessKeyID)
}
