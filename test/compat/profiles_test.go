//go:build compat && linux

package compat

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the name of a cache file
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"sync"
	"time"
)

// setting is a line of a profile, line its form in the file.
type setting struct{ key, value string }

// files writes both files.
func (g *generator) files() {
	var config, credentials strings.Builder
	for _, name := range g.profiles {
		switch n := g.IntN(100); {
		case n < 55:
			g.section(&config, g.configHeader(name), g.kinds(name, "CF"))
		case n < 75:
			g.section(&credentials, g.credentialsHeader(name), g.kinds(name, "CR"))
		case n < 93:
			g.section(&config, g.configHeader(name), g.kinds(name, "CF"))
			g.section(&credentials, g.credentialsHeader(name), g.kinds(name, "CR"))
		}
	}
	for _, name := range []string{"s1", "s2"} {
		body := []setting{{"sso_start_url", "https://" + name + ".awsapps.com/start"}, {"sso_region", "us-east-1"}, {"sso_registration_scopes", "sso:account:access"}}
		if !g.chance(10) {
			g.section(&config, "[sso-session "+name+"]", g.lose(body, 4))
		}
		g.ssoToken(name, true)
	}
	if g.chance(2) { // a profile that nobody uses, and broken
		g.section(&config, "[profile unused]", []setting{{"source_profile", "unused"}, {"role_arn", roleARN("U")}})
	}
	if text := config.String(); text != "" {
		name := ".aws/config"
		if g.chance(3) {
			name = "other/config"
			g.set("AWS_CONFIG_FILE", g.pick(g.home+"/", "~/")+name)
		}
		g.file(name, g.spoil(text))
	}
	if text := credentials.String(); text != "" {
		name := ".aws/credentials"
		if g.chance(3) {
			name = "other/credentials"
			g.set("AWS_SHARED_CREDENTIALS_FILE", g.pick(g.home+"/", "~/", "$HOME/")+name)
		}
		g.file(name, g.spoil(text))
	}
}

// kinds are the settings of one to two kinds of credentials; where tells the keys of the two files apart.
func (g *generator) kinds(name, where string) []setting {
	var out []setting
	for range 1 + g.IntN(100)/72 {
		out = append(out, g.kind(name, where)...)
	}
	if g.chance(25) {
		out = append(out, setting{"region", "eu-west-1"})
	}
	if g.chance(10) {
		out = append(out, setting{"output", "json"})
	}
	if g.chance(2) {
		out = append(out, setting{"ec2_metadata_v1_disabled", "true"})
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(g.lose(out, 2), func(s setting) bool {
		twice := seen[s.key] && !g.chance(10)
		seen[s.key] = true
		return twice
	})
}

// lose leaves each setting out by that chance in a hundred.
func (g *generator) lose(all []setting, percent int) []setting {
	return slices.DeleteFunc(all, func(setting) bool { return g.chance(percent) })
}

func (g *generator) kind(name, where string) []setting {
	id := strings.NewReplacer("/", "-", " ", "-").Replace(name)
	switch g.IntN(16) {
	case 0, 1, 2, 3:
		out := []setting{{"aws_access_key_id", "AK" + where + id}, {"aws_secret_access_key", g.often("SK"+id, "", "a#b", "abc=d")}}
		if g.chance(20) {
			out = append(out, setting{"aws_session_token", "ST" + id})
		}
		return out
	case 4, 5, 6, 7:
		return g.role(id, setting{"source_profile", g.name()})
	case 8, 9:
		return g.role(id, setting{"credential_source", g.often(g.pick("Environment", "Ec2InstanceMetadata", "EcsContainer"), "environment", "Nonsense")})
	case 10:
		return []setting{{"role_arn", roleARN("Alone" + id)}}
	case 11:
		return []setting{{"web_identity_token_file", g.home + g.often("/tok", "/missing")}, {"role_arn", roleARN("Web" + id)}}
	case 12:
		g.ssoToken("old", false)
		return []setting{{"sso_start_url", "https://old.awsapps.com/start"}, {"sso_region", "us-east-1"}, {"sso_account_id", "111122223333"}, {"sso_role_name", "S" + id}}
	case 13:
		out := []setting{{"sso_session", g.often("s1", "s2", "s3")}, {"sso_account_id", "111122223333"}, {"sso_role_name", "S" + id}}
		if g.chance(12) {
			out = append(out, setting{"sso_region", g.pick("us-east-1", "eu-west-1")})
		}
		return out
	case 14:
		return []setting{{"login_session", g.login(id)}}
	}
	return []setting{{"credential_process", g.process(name)}}
}

func (g *generator) role(id string, source setting) []setting {
	out := []setting{{"role_arn", g.often(roleARN("R"+id), roleARN("path/R"+id), "")}, source}
	for _, extra := range []setting{{"external_id", g.often("ext", "x")}, {"role_session_name", g.often("me", "m")}, {"duration_seconds", g.often("3600", "abc")}} {
		if g.chance(8) {
			out = append(out, extra)
		}
	}
	if g.chance(3) {
		out = append(out, setting{"mfa_serial", "arn:aws:iam::111122223333:mfa/u"})
	}
	return out
}

// ssoToken leaves a cached token, of a session or of a start URL.
func (g *generator) ssoToken(name string, session bool) {
	start := "https://" + name + ".awsapps.com/start"
	key := start
	if session {
		key = name
	}
	sum := sha1.Sum([]byte(key)) //nolint:gosec // the name of a cache file
	path := ".aws/sso/cache/" + hex.EncodeToString(sum[:]) + ".json"
	token := map[string]string{"startUrl": start, "region": "us-east-1", "accessToken": "TOK" + name, "expiresAt": farAway}
	switch g.IntN(20) {
	case 0:
		delete(g.s.Files, path)
		return
	case 1:
		token["expiresAt"] = "2020-01-01T00:00:00Z"
	case 2:
		token["expiresAt"] = after(10 * time.Minute)
	case 3:
		if session {
			token["expiresAt"] = "2020-01-01T00:00:00Z"
			token["refreshToken"], token["clientId"], token["clientSecret"], token["registrationExpiresAt"] = "rt", "c", "s", farAway
		}
	case 4:
		g.file(path, "{oops")
		return
	}
	text, _ := json.Marshal(token) // a map of texts
	g.file(path, string(text))
}

// login leaves a cached session of `aws login`, and names it.
func (g *generator) login(id string) string {
	session := "arn:aws:sts::111122223333:assumed-role/Admin/" + id
	sum := sha256.Sum256([]byte(session))
	path := ".aws/login/cache/" + hex.EncodeToString(sum[:]) + ".json"
	expires := farAway
	switch g.IntN(12) {
	case 0:
		return session
	case 1:
		expires = "2020-01-01T00:00:00Z"
	}
	text, _ := json.Marshal(map[string]any{ // texts only
		"accessToken": map[string]string{"accessKeyId": "AKLOGIN" + id, "secretAccessKey": "S", "sessionToken": "T", "accountId": "111122223333", "expiresAt": expires},
		"tokenType":   "urn:aws:params:oauth:token-type:access_token_sigv4", "refreshToken": "rt", "idToken": "idt",
		"clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": dpopKey(),
	})
	g.file(path, string(text))
	return session
}

// dpopKey is any key: no SDK compares it with anything.
var dpopKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
})

func (g *generator) configHeader(name string) string {
	if name == "default" {
		return g.often("[default]", "[profile default]", "[ default ]", "[Default]")
	}
	return g.often("[profile "+name+"]", "["+name+"]", "[ profile "+name+" ]", "[profile  "+name+"]", "[profile\t"+name+"]", `[profile "`+name+`"]`, "[profile '"+name+"']", "[Profile "+name+"]")
}

func (g *generator) credentialsHeader(name string) string {
	return g.often("["+name+"]", "[profile "+name+"]", "[ "+name+" ]", "["+strings.ToUpper(name)+"]")
}

// section writes a section, some lines in odd spellings.
func (g *generator) section(b *strings.Builder, header string, settings []setting) {
	b.WriteString(g.rarely(10, "# a comment\n") + g.rarely(10, "\n") + header + g.rarely(2, " # c") + "\n")
	for i, s := range settings {
		key, eq, value := s.key, g.pick(" = ", "=", " = "), s.value
		switch g.IntN(60) {
		case 0:
			key = strings.ToUpper(key)
		case 1:
			eq = ": "
		case 2:
			if bare(key) {
				break
			}
			value += g.pick(" # note", " ; note", "\t# note", "#note")
		case 3:
			if bare(key) {
				break
			}
			value = g.pick(`"`+value+`"`, "'"+value+"'")
		case 4:
			if i > 0 && settings[i-1].key == "credential_process" {
				break // to some it is more of the command then
			}
			key = g.pick("  ", "\t") + key
		case 5:
			value = "  " + value + "  "
		}
		b.WriteString(key + eq + value + "\n")
	}
	switch g.IntN(40) {
	case 0:
		b.WriteString("s3 =\n  addressing_style = path\n  aws_access_key_id = AKNESTED\n")
	case 1:
		b.WriteString("description = one\n  two\n")
	case 2:
		b.WriteString(g.pick("garbage\n", "[open\n", "= x\n", "output = text\n  indented = x\n"))
	}
}

// bare reports whether the value gets no quotes and comments: what becomes of them is a matter of endpoints and shells then.
func bare(key string) bool {
	return strings.HasSuffix(key, "region") || strings.HasPrefix(key, "sso_") || key == "credential_process"
}

// spoil changes a whole file.
func (g *generator) spoil(text string) string {
	switch g.IntN(60) {
	case 0:
		return "\ufeff" + text
	case 1:
		return strings.ReplaceAll(text, "\n", "\r\n")
	case 2:
		return strings.TrimSuffix(text, "\n")
	case 3:
		return text + "\n[a]\naws_access_key_id = AKAGAIN\naws_secret_access_key = S\n"
	case 4:
		return text + "[DEFAULT]\naws_access_key_id = AKUPPER\naws_secret_access_key = S\n"
	}
	return text
}
