//go:build compat && linux

package compat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// generator makes one situation. Most are plain; each oddity is rare, so that they come one or two at a time.
type generator struct {
	*rand.Rand
	home, url string
	s         *sdk.Situation
	// profiles are the names in use.
	profiles []string
}

// generate makes the n-th situation of a seed.
func generate(seed, n uint64, home, url string) *sdk.Situation {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, n)), home: home, url: url, //nolint:gosec // reproducible situations
		s: &sdk.Situation{Env: map[string]string{}, Files: map[string]string{}, Processes: map[string]sdk.Process{}, NoLoadConfig: true},
	}
	g.profiles = []string{"default", "a", "b"}
	if g.chance(10) {
		g.profiles = append(g.profiles, g.pick("c", "Default", "d.b-c_d", "x/y", "my prof"))
	}
	g.environment()
	g.profileChoice()
	g.webIdentity()
	g.endpoints()
	g.files()
	return g.s
}

func (g *generator) chance(percent int) bool       { return g.IntN(100) < percent }
func (g *generator) pick(options ...string) string { return options[g.IntN(len(options))] }
func (g *generator) set(name string, value string) { g.s.Env[name] = value }
func (g *generator) file(name, text string)        { g.s.Files[name] = text }
func (g *generator) setSome(percent int, kv ...string) {
	if g.chance(percent) {
		for i := 0; i < len(kv); i += 2 {
			g.set(kv[i], kv[i+1])
		}
	}
}

func (g *generator) environment() {
	g.set("HOME", g.home)
	g.set("PATH", "/usr/local/bin:/usr/bin:/bin")
	g.set("AWS_ENDPOINT_URL_STS", g.url)
	g.set("AWS_ENDPOINT_URL_SSO", g.url+"/sso")
	g.set("AWS_ENDPOINT_URL_SSO_OIDC", g.url+"/oidc")
	g.set("AWS_ENDPOINT_URL_SIGNIN", g.url+"/signin")
	switch n := g.IntN(20); {
	case n < 17:
		g.set("AWS_REGION", "us-east-1")
		g.set("AWS_DEFAULT_REGION", "us-east-1")
	case n == 17:
		g.set("AWS_REGION", "us-east-1")
	case n == 18:
		g.set("AWS_DEFAULT_REGION", "us-east-1")
	}
	g.setSome(70, "AWS_SDK_LOAD_CONFIG", "1")
	switch n := g.IntN(100); {
	case n < 12:
		g.set("AWS_ACCESS_KEY_ID", "AKENV")
		g.set("AWS_SECRET_ACCESS_KEY", "SKENV")
		g.setSome(30, "AWS_SESSION_TOKEN", "STENV")
		g.setSome(4, "AWS_SECURITY_TOKEN", "OLD")
		if g.chance(12) {
			g.set("AWS_CREDENTIAL_EXPIRATION", g.pick(farAway, "2020-01-01T00:00:00Z", "soon", ""))
		}
	case n == 12:
		g.set("AWS_ACCESS_KEY_ID", "AKENV")
	case n == 13:
		g.set("AWS_SECRET_ACCESS_KEY", "SKENV")
	case n == 14:
		g.set("AWS_ACCESS_KEY_ID", g.pick("", "AKENV"))
		g.set("AWS_SECRET_ACCESS_KEY", g.pick("", " "))
	case n == 15:
		g.set("AWS_ACCESS_KEY", "AKLEG")
		g.set(g.pick("AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"), "SKLEG")
	case n == 16:
		g.set("AMAZON_ACCESS_KEY_ID", "AKAMZ")
		g.set("AMAZON_SECRET_ACCESS_KEY", "SKAMZ")
	case n == 17:
		g.set("MINIO_ACCESS_KEY", "AKMINIO")
		g.set("MINIO_SECRET_KEY", "SKMINIO")
	}
}

// name is a profile's, mostly one that is there.
func (g *generator) name() string {
	if g.chance(4) {
		return "nope"
	}
	return g.profiles[g.IntN(len(g.profiles))]
}

func (g *generator) profileChoice() {
	if g.chance(45) {
		g.set("AWS_PROFILE", g.name())
	}
	g.setSome(1, "AWS_PROFILE", "")
	if g.chance(6) {
		g.set("AWS_DEFAULT_PROFILE", g.name())
	}
	if g.chance(12) {
		g.s.Profile = g.name()
	}
}

func (g *generator) webIdentity() {
	g.file("tok", "JWTTOKEN"+g.rarely(5, "\n"))
	if g.chance(12) {
		g.set("AWS_WEB_IDENTITY_TOKEN_FILE", g.home+g.often("/tok", "/missing"))
		if !g.chance(10) {
			g.set("AWS_ROLE_ARN", roleARN("WebEnv"))
		}
	} else {
		g.setSome(2, "AWS_ROLE_ARN", roleARN("WebEnv"))
	}
}

// often is the first mostly, rarely the text sometimes.
func (g *generator) often(usual string, others ...string) string {
	if g.chance(90) {
		return usual
	}
	return g.pick(others...)
}

func (g *generator) rarely(percent int, text string) string {
	if g.chance(percent) {
		return text
	}
	return ""
}

func roleARN(name string) string { return "arn:aws:iam::111122223333:role/" + name }

func (g *generator) endpoints() {
	if g.chance(20) {
		g.container()
	}
	if !g.chance(45) {
		return
	}
	i := &sdk.IMDS{}
	g.s.IMDS = i
	switch g.IntN(40) {
	case 0:
		i.Put = float64([]int{400, 403, 404, 405}[g.IntN(4)])
	case 1:
		i.V2Only = true
	case 2:
		i.Fail = true
	case 3:
		i.NoRole = true
	case 4:
		i.BadJSON = true
	}
	if g.chance(8) {
		g.set("AWS_EC2_METADATA_DISABLED", g.pick("true", "TRUE", "True", "1", "false", "False", ""))
	}
	g.setSome(2, "AWS_EC2_METADATA_V1_DISABLED", "true")
}

func (g *generator) container() {
	c := &sdk.Container{}
	g.s.Container = c
	if g.chance(5) {
		c.Omit = []string{g.pick("Token", "Expiration", "SecretAccessKey")}
	}
	if g.chance(2) {
		c.Status = 404
	}
	relative := g.chance(60)
	if relative {
		g.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", g.often("/task", "", "task", "/a/b"))
	}
	if !relative || g.chance(15) {
		g.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", g.pick(
			g.url+"/container/x", strings.Replace(g.url, "127.0.0.1", "localhost", 1)+"/container/x", "http://169.254.170.2/v1", "http://169.254.170.23/v1/credentials",
			g.often(g.url+"/container/y", "http://169.254.169.254/latest/meta-data/iam/security-credentials/imdsrole", "http://192.0.2.7/x", "")))
	}
	if g.chance(25) {
		g.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", g.often("Bearer x", "a\nb"))
	}
	if g.chance(25) {
		g.file("ctok", "Bearer y"+g.rarely(20, "\n"))
		g.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", g.home+g.often("/ctok", "/missing"))
	}
}

// process adds a command, and says what the three ways to start it come to. An SDK reads the command from the file, so that
// it has nothing that their parsers read differently.
func (g *generator) process(name string) string {
	id := "AKPROC" + name
	good := fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":"S","SessionToken":"T","Expiration":%q}`, id, farAway)
	out := g.often(good,
		"not json", "", `{"AccessKeyId":"`+id+`","SecretAccessKey":"S"}`, `{"Version":2,"AccessKeyId":"`+id+`","SecretAccessKey":"S"}`,
		`{"Version":"1","AccessKeyId":"`+id+`","SecretAccessKey":"S"}`, `{"Version":1,"AccessKeyId":"`+id+`","SecretAccessKey":""}`, `{"Version":1,"AccessKeyId":"`+id+`"}`,
		`{"Version":1,"AccessKeyId":"`+id+`","SecretAccessKey":"S","Expiration":"2020-01-01T00:00:00Z"}`,
		`{"Version":1,"AccessKeyId":"`+id+`","SecretAccessKey":"S"}`)
	path := "p-" + strings.NewReplacer("/", "-", " ", "-").Replace(name) + ".json"
	g.file(path, out)
	yes, no := &sdk.Run{Out: out}, &sdk.Run{RC: 1}
	cat := "/bin/cat " + g.home + "/" + path
	command, runs := cat, sdk.Process{Shell: yes, Shlex: yes, Fields: yes}
	switch g.IntN(30) {
	case 0:
		command, runs = "/bin/false", sdk.Process{Shell: no, Shlex: no, Fields: no}
	case 1:
		command, runs = "/bin/cat $HOME/"+path, sdk.Process{Shell: yes, Shlex: no, Fields: no}
	case 2:
		command, runs = cat+" | /bin/cat", sdk.Process{Shell: yes, Shlex: no, Fields: no}
	case 3:
		command, runs = "/bin/sh -c '"+cat+"'", sdk.Process{Shell: yes, Shlex: yes, Fields: no}
	case 4:
		command, runs = g.home+"/missing", sdk.Process{Shell: no, Shlex: no, Fields: no}
	}
	g.s.Processes[command] = runs
	return command
}

// after is a time as the SDKs write it.
func after(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05Z") }
