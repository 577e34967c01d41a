package sdk

import (
	"crypto/sha1" //nolint:gosec // the name of a cache file
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

func (w *walk) first(names []string) string {
	for _, n := range names {
		v := w.s.Env[n]
		if w.m.on("env.trim") {
			v = strings.TrimSpace(v)
		}
		if v != "" {
			return v
		}
	}
	return ""
}

func (w *walk) env() result {
	r := w.pair(w.m.list("env.access_key"), w.m.list("env.secret_key"))
	if name := w.m.text("env.expiration_env"); r.ok && name != "" && w.s.Env[name] != "" {
		expires, err := time.Parse(time.RFC3339, w.s.Env[name])
		if err != nil || !w.now.Before(expires) {
			return fails("env", name+" has passed, or is no time")
		}
	}
	return r
}

func (w *walk) pair(access, secret []string) result {
	id, key := w.first(access), w.first(secret)
	switch {
	case id != "" && key != "":
		return yields(id)
	case id != "":
		return w.half("env.akid_without_secret", id)
	case key != "":
		return w.half("env.secret_without_akid", id)
	}
	return absent()
}

func (w *walk) half(flag, id string) result {
	switch w.m.text(flag) {
	case "accepted-anonymous":
		return yields(id)
	case "error":
		return fails("env", "half a key pair in the environment")
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
	switch w.m.text("merge") {
	case "separate-static":
		if r := w.staticIn(w.credentials, profile); r.applies() {
			return r
		}
		return w.staticIn(w.config, profile)
	case "credentials-only":
		return w.staticIn(w.credentials, profile)
	case "pair":
		for _, f := range []*ini{w.credentials, w.config} {
			if r := w.staticIn(f, profile); r.ok {
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
	id, hasID := f.profiles[profile][accessKey]
	secret, hasSecret := f.profiles[profile][secretKey]
	return w.keys(id, secret, hasID, hasSecret)
}

func (w *walk) keys(id, secret string, hasID, hasSecret bool) result {
	switch {
	case id != "" && secret != "", id != "" && hasSecret && w.m.is("static.blank_secret", "valid"):
		return yields(id)
	case hasID && hasSecret:
		return absent()
	case hasID && id != "", hasSecret && w.m.is("static.secret_only", "error"):
		return w.m.graded("static.partial", "static", "half a key pair in the profile")
	}
	return absent()
}

func role(arn string) string {
	_, name, ok := strings.Cut(arn, "role/")
	if !ok {
		return arn
	}
	return name
}

func (w *walk) webIdentity(profile string, fromEnv, fromProfile bool) result {
	if w.m.off("webid.supported") {
		return absent()
	}
	envFile, envRole := w.s.Env["AWS_WEB_IDENTITY_TOKEN_FILE"], w.s.Env["AWS_ROLE_ARN"]
	if !fromEnv {
		envFile, envRole = "", ""
	}
	if p := w.m.list("webid.profile_env"); len(p) > 0 && w.from != "code" && !w.asSource {
		profile = orElse(w.s.Env[p[0]], "default")
	}
	file, arn := "", ""
	if fromProfile && !w.m.off("webid.profile_supported") {
		file, arn = w.value(profile, "web_identity_token_file"), w.value(profile, "role_arn")
	}
	missingRole := "webid.profile_missing_role_arn"
	if w.m.on("webid.per_key_env_or_profile") && fromEnv && fromProfile {
		file, arn = orElse(envFile, file), orElse(envRole, arn)
	} else if envFile != "" && (envRole != "" || !w.m.is("webid.env_missing_role_arn", "absent") || file == "") {
		file, arn, missingRole = envFile, envRole, "webid.env_missing_role_arn"
	}
	if file == "" {
		return absent()
	}
	if arn == "" {
		return w.m.graded(missingRole, "webid", "a token file without a role")
	}
	if _, ok := w.read(file); !ok {
		r := w.m.graded("webid.missing_file", "file", "the token file is missing")
		return r
	}
	if err := w.stsRegion("webid.no_region", profile); err != nil {
		return fails("webid", err.Error())
	}
	return yields("AK(" + role(arn) + "<-webid)")
}

func (w *walk) sso(profile string) result {
	if w.m.off("sso.supported") || w.filesErr != nil {
		return absent()
	}
	if w.m.is("sso.credentials_file_keys", "only-if-config-file-exists") && !w.configExists {
		return absent()
	}
	triggered := slices.ContainsFunc(w.m.list("sso.trigger_any"), func(k string) bool { return w.value(profile, k) != "" })
	for _, k := range w.m.list("sso.trigger_all") {
		if k != "sso_start_url" && k != "sso_region" || w.value(profile, "sso_session") == "" {
			triggered = triggered && w.value(profile, k) != ""
		}
	}
	if !triggered {
		return absent()
	}
	name := w.value(profile, "sso_session")
	if w.m.off("sso.session_supported") {
		name = ""
	}
	start, region := w.value(profile, "sso_start_url"), w.value(profile, "sso_region")
	if name != "" {
		var session section
		if w.config != nil {
			session = w.config.sessions[name]
		}
		if session == nil {
			return w.m.graded("sso.missing_session", "sso", "there is no sso-session "+name)
		}
		differs := start != "" && start != session["sso_start_url"] || region != "" && region != session["sso_region"]
		if differs && !w.m.is("sso.session_conflict", "profile-wins") {
			return fails("sso", "the profile and the sso-session differ")
		}
		start, region = orElse(session["sso_start_url"], start), orElse(session["sso_region"], region)
	}
	incomplete := start == "" || region == ""
	if name == "" || !w.m.is("sso.requires_account_role", "when-legacy") {
		incomplete = incomplete || w.value(profile, "sso_account_id") == "" || w.value(profile, "sso_role_name") == ""
	}
	if incomplete {
		return w.m.graded("sso.incomplete", "sso", "the SSO settings are incomplete")
	}
	return w.ssoToken(profile, name, start)
}

func (w *walk) ssoToken(profile, name, start string) result {
	sum := sha1.Sum([]byte(orElse(name, start))) //nolint:gosec // the name of a cache file
	text, ok := w.read(path.Join(w.s.Env["HOME"], ".aws/sso/cache", hex.EncodeToString(sum[:])+".json"))
	if !ok {
		return w.m.graded("sso.token_missing", "sso", "nobody is signed in")
	}
	var token struct{ AccessToken, ExpiresAt, RefreshToken, ClientID string }
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken == "" {
		return w.m.graded("sso.token_missing", "sso", "the token file is damaged")
	}
	expires, err := time.Parse(time.RFC3339, token.ExpiresAt)
	if err != nil {
		return w.m.graded("sso.token_missing", "sso", "the token file is damaged")
	}
	left := expires.Sub(w.now)
	minimum := time.Duration(0)
	if s, ok := w.m.flag("sso.min_token_left_s").(float64); ok {
		minimum = time.Duration(s) * time.Second
	}
	if left <= minimum {
		if name != "" && token.RefreshToken != "" {
			return w.called("AKSSO-REFRESHED", "SSO role "+w.value(profile, "sso_role_name")+" in account "+w.value(profile, "sso_account_id"))
		}
		return w.m.graded("sso.token_expired", "sso", "the token is expired")
	}
	return w.called("AKSSO-"+token.AccessToken, "SSO role "+w.value(profile, "sso_role_name")+" in account "+w.value(profile, "sso_account_id"))
}

func (w *walk) login(profile string) result {
	session := strings.TrimSpace(w.value(profile, "login_session"))
	if w.m.off("login.supported") || session == "" {
		return absent()
	}
	if need := w.m.text("login.requires"); need != "" {
		return fails("login", "login sessions need "+need)
	}
	sum := sha256.Sum256([]byte(session))
	text, ok := w.read(path.Join(w.s.Env["HOME"], ".aws/login/cache", hex.EncodeToString(sum[:])+".json"))
	if !ok {
		return w.m.graded("login.token_missing", "login", "nobody is signed in")
	}
	var token struct {
		AccessToken  struct{ AccessKeyID, ExpiresAt string }
		RefreshToken string
	}
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken.AccessKeyID == "" {
		return w.m.graded("login.token_missing", "login", "the token file is damaged")
	}
	if expires, err := time.Parse(time.RFC3339, token.AccessToken.ExpiresAt); err == nil && !w.now.Before(expires) {
		return w.called("AKLOGINREFRESHED", "login session "+session)
	}
	return yields(token.AccessToken.AccessKeyID)
}

func (w *walk) process(profile string) result {
	command := w.value(profile, "credential_process")
	if w.m.off("process.supported") || command == "" {
		return absent()
	}
	if w.m.is("process.quoted_first_arg", "breaks") && strings.HasPrefix(command, `"`) {
		return fails("process", "the command begins with a quote")
	}
	answers, ok := w.s.Processes[command]
	run := answers.Shlex
	if w.m.on("process.shell") {
		run = answers.Shell
	}
	if w.m.is("process.split", "whitespace") {
		run = answers.Fields
		if n, ok := w.m.flag("process.min_args").(float64); ok && len(strings.Fields(command)) < int(n) {
			return fails("process", "the command has too few words")
		}
	}
	if w.s.Real {
		return yields("credential_process of profile " + profile)
	}
	if !ok || run == nil || run.RC != 0 {
		return fails("process", "the command fails")
	}
	return w.processAnswer(run.Out)
}

func (w *walk) processAnswer(out string) result {
	var a map[string]any
	if json.Unmarshal([]byte(out), &a) != nil {
		return fails("process", "the command prints no JSON")
	}
	version, has := a["Version"]
	_, number := version.(float64)
	switch {
	case w.m.on("process.version_required") && version != 1.0, has && !number:
		return fails("process", "the command prints a version that is not 1")
	}
	id, _ := a["AccessKeyId"].(string)
	secret, hasSecret := a["SecretAccessKey"].(string)
	switch {
	case id == "":
		return fails("process", "the command prints no key")
	case !hasSecret && !w.m.is("process.missing_secret", "ok"), hasSecret && secret == "" && !w.m.is("process.blank_secret", "ok"):
		return fails("process", "the command prints no secret")
	}
	if text, _ := a["Expiration"].(string); text != "" && !w.m.is("process.expired", "ok") {
		if expires, err := time.Parse(time.RFC3339, text); err != nil || !w.now.Before(expires) {
			return fails("process", "the command prints expired credentials")
		}
	}
	return yields(id)
}

const (
	relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullURI     = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	tokenFile   = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" //nolint:gosec // a variable's name
	tokenVar    = "AWS_CONTAINER_AUTHORIZATION_TOKEN"      //nolint:gosec // a variable's name
)

func (w *walk) container() result {
	for _, kind := range w.m.list("container.order") {
		name := relativeURI
		if kind == "full" {
			name = fullURI
		}
		v, set := w.s.Env[name]
		if !set || v == "" && w.m.is("container.blank", "unset") {
			continue
		}
		if v == "" && w.m.is("container.blank", "set-fails") {
			return fails("container", name+" is blank")
		}
		if kind == "full" {
			return w.containerFull(v)
		}
		return w.containerRelative(v)
	}
	return absent()
}

func (w *walk) containerRelative(uri string) result {
	if uri != "" && uri[0] != '/' {
		switch w.m.text("container.relative_without_slash") {
		case "add":
			uri = "/" + uri
		case "ok":
			return w.asked(yields("AKECS-169.254.170.2"+strings.ReplaceAll(uri, "/", ".")), false)
		default:
			return fails("container", "the relative URI has no slash")
		}
	}
	if uri == "" {
		uri = "/"
	}
	return w.asked(yields("AKECS-169.254.170.2"+strings.ReplaceAll(uri, "/", ".")), w.m.off("container.token_on_relative"))
}

func (w *walk) containerFull(uri string) result {
	u, err := url.Parse(uri)
	if err != nil {
		return fails("container", "the URI is no URL")
	}
	host := u.Hostname()
	hosts := w.m.list("container.http_hosts")
	if w.s.Env[tokenFile] != "" {
		if more := w.m.list("container.http_hosts_with_token_file"); len(more) > 0 {
			hosts = more
		}
	}
	if u.Scheme == "http" && !hostAllowed(host, hosts) {
		return fails("container", "the URI's host is not allowed")
	}
	name := host
	if w.s.Real {
		return w.asked(yields("container credentials"), false)
	}
	if loopback(host) {
		name = "full"
		if !strings.HasPrefix(u.Path, "/container/") {
			return fails("container", "the endpoint answers 404")
		}
	} else if host == "169.254.169.254" && w.s.IMDS != nil && u.Path == "/latest/meta-data/iam/security-credentials/imdsrole" {
		return yields("AKIMDS") // the metadata service answers a version 1 request
	} else if !strings.HasPrefix(host, "169.254.170.") {
		return fails("container", "the endpoint does not answer")
	}
	return w.asked(yields("AKECS-"+name+strings.ReplaceAll(u.Path, "/", ".")), false)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func hostAllowed(host string, hosts []string) bool {
	for _, h := range hosts {
		if h == "*" || strings.Trim(h, "[]") == host || h == "loopback" && loopback(host) {
			return true
		}
	}
	return false
}

// asked is what the endpoint gives: the rules for the token first, then its answer.
func (w *walk) asked(good result, noToken bool) result {
	if r := w.containerToken(noToken); r.err != nil {
		return r
	}
	c := w.s.Container
	if w.s.Real {
		return yields("container credentials")
	}
	if c == nil {
		return fails("container", "the endpoint does not answer")
	}
	if c.Status != 0 && c.Status != 200 {
		return fails("container", "the endpoint fails")
	}
	for _, field := range c.Omit {
		if w.m.has("container.requires", field) {
			return fails("container", "the endpoint's answer has no "+field)
		}
	}
	return good
}

// containerToken is the verdict on the token that goes with the request.
func (w *walk) containerToken(noToken bool) result {
	file, text := w.s.Env[tokenFile], w.s.Env[tokenVar]
	if file == "" || text != "" && w.m.is("container.token_precedence", "env") {
		if strings.ContainsAny(text, "\r\n") && !noToken {
			r := fails("container", "the token has a line break")
			r.final = w.m.is("container.token_file_newline", "crash")
			return r
		}
		return absent()
	}
	text, ok := w.read(file)
	if !ok {
		r := fails("container", "the token file is missing")
		r.final = w.m.is("container.token_file_missing", "crash")
		return r
	}
	if strings.ContainsAny(text, "\r\n") {
		switch rule := w.m.text("container.token_file_newline"); rule {
		case "strip", "retry-without-token":
		default:
			r := fails("container", "the token file has a line break")
			r.final = rule == "crash"
			return r
		}
	}
	return absent()
}

// imds is the instance's role; asSource says that a profile names it, to which some do not apply the switch.
func (w *walk) imds(asSource bool) result {
	off := w.s.Env["AWS_EC2_METADATA_DISABLED"]
	disabled := false
	switch w.m.text("imds.disabled_when") {
	case "true-ci":
		disabled = strings.EqualFold(off, "true")
	case "not-empty-not-false":
		disabled = off != "" && off != "false"
	case "non-empty":
		disabled = off != ""
	}
	if disabled && (!asSource || !w.m.off("imds.disabled_applies_to_credential_source")) {
		return absent()
	}
	i := w.s.IMDS
	if name := w.m.text("imds.endpoint_env"); i == nil && name != "" && w.s.Env[name] != "" {
		i = &IMDS{}
	} else if i != nil && w.s.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] != "" && name == "" {
		i = nil
	}
	if i == nil {
		return absent()
	}
	if r, stop := w.imdsToken(i); stop {
		return r
	}
	switch {
	case i.NoRole, i.BadJSON:
		return absent()
	case i.Fail && w.m.is("imds.failure_code", "absent"):
		return absent()
	case i.Fail, i.Expired && w.m.is("imds.expired", "hang"):
		return fails("imds", "the metadata service refuses")
	}
	return w.called("AKIMDS", "instance role")
}

// called yields the key as it was recorded, or on a real machine the description.
func (w *walk) called(recorded, description string) result {
	if w.s.Real {
		return yields(description)
	}
	return yields(recorded)
}

func (w *walk) imdsToken(i *IMDS) (result, bool) {
	if i.Put == nil {
		return result{}, false
	}
	code := "timeout"
	if n, ok := i.Put.(float64); ok {
		code = map[float64]string{400: "400", 403: "403", 404: "404", 405: "405", 500: "500"}[n]
	}
	if code == "400" {
		if w.m.is("imds.put_400", "error") {
			return fails("imds", "the metadata service refuses a token"), true
		}
		return absent(), true
	}
	v1 := !w.m.off("imds.v1_fallback") || code == "timeout"
	for _, name := range w.m.list("imds.v1_disable") {
		v1 = v1 && !strings.EqualFold(w.s.Env[name], "true")
	}
	v1 = v1 && !strings.EqualFold(w.value(w.profile, "ec2_metadata_v1_disabled"), "true")
	if v1 && w.m.has("imds.v1_fallback_on", code) {
		return result{}, false
	}
	return absent(), true
}

var errNoSource = errors.New("the source has no credentials")
