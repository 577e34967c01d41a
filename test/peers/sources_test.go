//go:build peers

package peers

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 and the AWS CLI's names of files
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
	"github.com/rolecall-dev/rolecall/test/kit"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

// sources is a plane with what each source of credentials needs of it.
type sources struct {
	*planetest.Plane
	user   aws.Credentials
	issuer *federationtest.Issuer
	agent  *agent
	portal *httptest.Server
	home   string
	// seed is that of the user's second factor, code a file with its present code.
	seed []byte
	code string
}

const (
	userARN = "arn:aws:iam::" + planetest.Account + ":user/ann"
	anyRole = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`
)

func sessionARN(role, session string) string {
	return "arn:aws:sts::" + planetest.Account + ":assumed-role/" + role + "/" + session
}

func newSources(t *testing.T) *sources {
	t.Helper()
	s := &sources{Plane: planetest.New(t), issuer: federationtest.NewIssuer(t), home: t.TempDir()}
	s.user = s.User(planetest.Account, "ann", anyRole)
	trust := func(principal, condition string, actions ...string) string {
		if condition != "" {
			condition = `,"Condition":` + condition
		}
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":%q},"Action":[%s]%s}}`,
			principal, quoted(strings.Join(append(actions, "sts:AssumeRole"), " ")), condition)
	}
	s.Role(planetest.Account, "web-app", trust(userARN, ""), anyRole)
	s.Role(planetest.Account, "second", trust(roleARN("web-app"), `{"StringEquals":{"sts:ExternalId":"x1"}}`), "")
	s.Role(planetest.Account, "with-mfa", trust(userARN, `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), "")
	s.Role(planetest.Account, "tagged", trust(userARN, `{"StringEquals":{"aws:RequestTag/team":"payments","sts:SourceIdentity":"ann@example.com"},"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["team"]}}`,
		"sts:TagSession", "sts:SetSourceIdentity"), "")
	s.webIdentity(t)
	s.secondFactor(t)
	s.agent = startAgent(t, s.URL, nodeKey{s.user.AccessKeyID, s.user.SecretAccessKey}, "web-app")
	s.portal = httptest.NewServer(s)
	t.Cleanup(s.portal.Close)
	return s
}

// webIdentity has the plane trust the issuer, and puts one of its tokens into a file.
func (s *sources) webIdentity(t *testing.T) {
	t.Helper()
	provider, err := s.IAM(s.Root(planetest.Account)).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &s.issuer.URL, ClientIDList: []string{"web"}, ThumbprintList: []string{s.issuer.Thumbprint},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Role(planetest.Account, "web", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithWebIdentity"}}`,
		*provider.OpenIDConnectProviderArn), "")
	s.write(t, "oidc-token", s.issuer.Token(s.issuer.Claims("web", "user-7", s.Now())))
}

// secondFactor gives the user a virtual device.
func (s *sources) secondFactor(t *testing.T) {
	t.Helper()
	client := s.IAM(s.Root(planetest.Account))
	made, err := client.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("ann")})
	if err != nil {
		t.Fatal(err)
	}
	s.seed = made.VirtualMFADevice.Base32StringSeed
	_, err = client.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{
		UserName: aws.String("ann"), SerialNumber: made.VirtualMFADevice.SerialNumber,
		AuthenticationCode1: aws.String(totp(t, s.seed, s.Now().Add(-30*time.Second))), AuthenticationCode2: aws.String(totp(t, s.seed, s.Now())),
	})
	if err != nil {
		t.Fatal(err)
	}
	// A code is taken once: the next one is of a later time.
	s.Advance(time.Minute)
	s.code = filepath.Join(s.home, "code")
}

// totp is the code of RFC 6238 for a time.
func totp(t *testing.T, seed []byte, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(string(seed), "="))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	var step [8]byte
	binary.BigEndian.PutUint64(step[:], uint64(at.Unix()/30)) //nolint:gosec // after 1970
	_, _ = mac.Write(step[:])                                 // a hash takes everything
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:from+4])&0x7fffffff%1_000_000)
}

// write puts a file into the home folder.
func (s *sources) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// session is a session of web-app, for what hands out sessions in this test.
func (s *sources) session(ctx context.Context, name string) (aws.Credentials, error) {
	arn := roleARN("web-app")
	out, err := s.STS(s.user).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: &name})
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken, Expires: *c.Expiration, CanExpire: true}, nil
}

func (s *sources) mustSession(t *testing.T, name string) aws.Credentials {
	t.Helper()
	c, err := s.session(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ServeHTTP is the portal and the OIDC service of an Identity Center that hands out the plane's sessions.
func (s *sources) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch {
	case r.URL.Path == "/token":
		var in map[string]string
		if json.NewDecoder(r.Body).Decode(&in) != nil || in["grantType"] != "refresh_token" || in["refreshToken"] != "spare" {
			w.WriteHeader(http.StatusBadRequest)
			answer(map[string]string{"error": "invalid_grant"})
			return
		}
		answer(map[string]any{"accessToken": "refreshed", "tokenType": "Bearer", "expiresIn": 28800, "refreshToken": "spare"})
	case r.URL.Path == "/federation/credentials" && strings.Contains("good refreshed", r.Header.Get("X-Amz-Sso_bearer_token")):
		c, err := s.session(r.Context(), r.FormValue("role_name")+"-"+r.FormValue("account_id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(map[string]any{"roleCredentials": map[string]any{
			"accessKeyId": c.AccessKeyID, "secretAccessKey": c.SecretAccessKey, "sessionToken": c.SessionToken, "expiration": c.Expires.UnixMilli(),
		}})
	default:
		w.WriteHeader(http.StatusUnauthorized)
		answer(map[string]string{"message": "Session token not found or invalid"})
	}
}

// ssoToken is a token file of `aws sso login`.
func (s *sources) ssoToken(t *testing.T, name, token string, life time.Duration) {
	t.Helper()
	text, err := json.Marshal(map[string]string{
		"startUrl": "https://x.awsapps.com/start", "region": kit.Region, "accessToken": token, "expiresAt": time.Now().Add(life).UTC().Format(time.RFC3339),
		"clientId": "c", "clientSecret": "d", "registrationExpiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "refreshToken": "spare",
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(name)) //nolint:gosec // the AWS CLI's names
	s.write(t, ".aws/sso/cache/"+hex.EncodeToString(sum[:])+".json", string(text))
}

// login is what `aws login` leaves, with a session of the plane.
func (s *sources) login(t *testing.T) {
	t.Helper()
	service, err := signin.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	c := s.mustSession(t, "login")
	file := service.Token(c.Expires, false)
	file["accessToken"] = map[string]string{
		"accessKeyId": c.AccessKeyID, "secretAccessKey": c.SecretAccessKey, "sessionToken": c.SessionToken,
		"accountId": planetest.Account, "expiresAt": c.Expires.UTC().Format(time.RFC3339),
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256([]byte("arn:login"))
	s.write(t, ".aws/login/cache/"+hex.EncodeToString(name[:])+".json", string(text))
}

func processAnswer(c aws.Credentials) string {
	return fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%q}`,
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.UTC().Format(time.RFC3339))
}

// config is a profile for each kind of source in the files.
func (s *sources) config(t *testing.T) {
	t.Helper()
	s.write(t, "session.json", processAnswer(s.mustSession(t, "process")))
	s.ssoToken(t, "corp", "good", time.Hour)
	s.ssoToken(t, "old", "outdated", -time.Hour)
	s.ssoToken(t, "https://x.awsapps.com/start", "good", time.Hour)
	s.login(t)
	sso := "sso_account_id = " + planetest.Account + "\nsso_role_name = admin\n"
	s.write(t, ".aws/credentials", fmt.Sprintf("[static]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s.user.AccessKeyID, s.user.SecretAccessKey))
	s.write(t, ".aws/config", strings.Join([]string{
		"[default]\nregion = " + kit.Region,
		"[profile role]\nrole_arn = " + roleARN("web-app") + "\nsource_profile = static\nrole_session_name = r1",
		"[profile chained]\nrole_arn = " + roleARN("second") + "\nsource_profile = role\nrole_session_name = r2\nexternal_id = x1",
		"[profile from-environment]\nrole_arn = " + roleARN("web-app") + "\ncredential_source = Environment\nrole_session_name = e1",
		"[profile from-container]\nrole_arn = " + roleARN("second") + "\ncredential_source = EcsContainer\nrole_session_name = c1\nexternal_id = x1",
		"[profile from-instance]\nrole_arn = " + roleARN("second") + "\ncredential_source = Ec2InstanceMetadata\nrole_session_name = i1\nexternal_id = x1",
		"[profile mfa]\nrole_arn = " + roleARN("with-mfa") + "\nsource_profile = static\nrole_session_name = m1\nmfa_serial = arn:aws:iam::" + planetest.Account + ":mfa/ann\nmfa_process = cat " + s.code,
		"[profile tagged]\nrole_arn = " + roleARN("tagged") + "\nsource_profile = static\nrole_session_name = t1\nsource_identity = ann@example.com\nsession_tags = team=payments\ntransitive_session_tags = team",
		"[profile web]\nrole_arn = " + roleARN("web") + "\nweb_identity_token_file = " + filepath.Join(s.home, "oidc-token") + "\nrole_session_name = w1",
		"[profile process]\ncredential_process = cat " + filepath.Join(s.home, "session.json"),
		"[profile sso]\nsso_session = corp\n" + sso,
		"[profile sso-refreshed]\nsso_session = old\n" + sso,
		"[profile sso-legacy]\nsso_start_url = https://x.awsapps.com/start\nsso_region = " + kit.Region + "\n" + sso,
		"[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = " + kit.Region,
		"[sso-session old]\nsso_start_url = https://x.awsapps.com/start\nsso_region = " + kit.Region,
		"[profile login]\nlogin_session = arn:login",
	}, "\n")+"\n")
}

// env is what every source is asked with: the files, the plane and the portal, and nothing of the machine's.
func (s *sources) env(add ...string) []string {
	return append([]string{
		"HOME=" + s.home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_STS=" + s.URL, "AWS_ENDPOINT_URL_SSO=" + s.portal.URL,
		"AWS_ENDPOINT_URL_SSO_OIDC=" + s.portal.URL, "AWS_EC2_METADATA_DISABLED=true",
	}, add...)
}

// printed is what credential-process prints.
type printed struct {
	Version                                                           int
	AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId string //nolint:revive // the format's spelling
}

func TestEverySource(t *testing.T) {
	s := newSources(t)
	s.config(t)
	keys := []string{"AWS_ACCESS_KEY_ID=" + s.user.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.user.SecretAccessKey, "AWS_REGION=" + kit.Region}
	given := s.mustSession(t, "given")
	web := s.agent.workload(t, "web-app")
	container := []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + web.uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + web.file}
	instance := []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + s.agent.IMDS}
	tokenFile := filepath.Join(s.home, "oidc-token")
	for _, tc := range []struct {
		name string
		env  []string
		args []string
		arn  string
		long bool // keys without an end
	}{
		{name: "environment", env: keys, arn: userARN, long: true},
		{name: "environment with an end", arn: sessionARN("web-app", "given"), env: []string{
			"AWS_ACCESS_KEY_ID=" + given.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + given.SecretAccessKey, "AWS_SESSION_TOKEN=" + given.SessionToken,
			"AWS_CREDENTIAL_EXPIRATION=" + given.Expires.UTC().Format(time.RFC3339),
		}},
		{name: "static", args: []string{"--profile", "static"}, arn: userARN, long: true},
		{name: "by AWS_PROFILE", env: []string{"AWS_PROFILE=static"}, arn: userARN, long: true},
		{name: "source_profile", args: []string{"--profile", "role"}, arn: sessionARN("web-app", "r1")},
		{name: "source_profile of a role", args: []string{"--profile", "chained"}, arn: sessionARN("second", "r2")},
		{name: "credential_source Environment", env: append(keys, "AWS_PROFILE="), args: []string{"--profile", "from-environment"}, arn: sessionARN("web-app", "e1")},
		{name: "credential_source EcsContainer", env: container, args: []string{"--profile", "from-container"}, arn: sessionARN("second", "c1")},
		{name: "credential_source Ec2InstanceMetadata", env: instance, args: []string{"--profile", "from-instance"}, arn: sessionARN("second", "i1")},
		{name: "mfa_process", args: []string{"--profile", "mfa"}, arn: sessionARN("with-mfa", "m1")},
		{name: "session tags and source identity", args: []string{"--profile", "tagged"}, arn: sessionARN("tagged", "t1")},
		{name: "web identity profile", args: []string{"--profile", "web"}, arn: sessionARN("web", "w1")},
		{name: "web identity variables", env: []string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile, "AWS_ROLE_ARN=" + roleARN("web"), "AWS_ROLE_SESSION_NAME=v1"}, arn: sessionARN("web", "v1")},
		{name: "credential_process", args: []string{"--profile", "process"}, arn: sessionARN("web-app", "process")},
		{name: "sso-session", args: []string{"--profile", "sso"}, arn: sessionARN("web-app", "admin-"+planetest.Account)},
		{name: "sso-session, refreshed", args: []string{"--profile", "sso-refreshed"}, arn: sessionARN("web-app", "admin-"+planetest.Account)},
		{name: "sso without a session", args: []string{"--profile", "sso-legacy"}, arn: sessionARN("web-app", "admin-"+planetest.Account)},
		{name: "login_session", args: []string{"--profile", "login"}, arn: sessionARN("web-app", "login")},
		{name: "container", env: container, arn: sessionARN("web-app", "test")},
		{name: "instance metadata", env: instance, arn: sessionARN("web-app", "test")},
		{name: "--role-arn", args: []string{"--profile", "static", "--role-arn", roleARN("web-app")}, arn: sessionARN("web-app", "rolecall-*")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vars := s.env(tc.env...)
			if !hasProfile(tc.args) {
				// Without a profile: no file says anything but the region.
				vars = append(vars, "AWS_CONFIG_FILE="+s.write(t, "region", "[default]\nregion = "+kit.Region+"\n"))
			}
			s.write(t, "code", totp(t, s.seed, s.Now()))
			stdout, stderr, err := run(t, vars, t.TempDir(), build(t).Client, append([]string{"credential-process"}, tc.args...)...)
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			c := s.decode(t, stdout, tc.long)
			if got := s.whoami(t, c); !matches(tc.arn, got) {
				t.Errorf("got %s, want %s", got, tc.arn)
			}
			line := append(append([]string{"exec", "--as", "env"}, tc.args...), "--", filepath.Join(build(t).Dir, "goclient"), "whoami")
			if out := mustRun(t, append(vars, "AWS_ENDPOINT_URL="+s.URL), t.TempDir(), build(t).Client, line...); !matches(tc.arn, strings.TrimSpace(out)) {
				t.Errorf("exec: got %s, want %s", out, tc.arn)
			}
		})
	}
}

func hasProfile(args []string) bool { return len(args) > 0 && args[0] == "--profile" }

func matches(pattern, arn string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(arn, prefix)
	}
	return arn == pattern
}

// decode checks what credential-process prints: version 1 and nothing else, complete, with the account, and with
// the end that the service gave.
func (s *sources) decode(t *testing.T, text string, long bool) aws.Credentials {
	t.Helper()
	var p printed
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || d.More() {
		t.Fatalf("%v: %q", err, text)
	}
	if p.Version != 1 || p.AccessKeyId == "" || p.SecretAccessKey == "" || p.AccountId != planetest.Account {
		t.Errorf("version %d, account %q", p.Version, p.AccountId)
	}
	if long != (p.SessionToken == "") || long != (p.Expiration == "") {
		t.Errorf("token %t, end %q", p.SessionToken != "", p.Expiration)
	}
	if !long {
		ends, err := time.Parse("2006-01-02T15:04:05Z", p.Expiration)
		if left := time.Until(ends); err != nil || left < 50*time.Minute || left > 65*time.Minute {
			t.Errorf("%v: it ends in %s, the plane gave an hour", err, left)
		}
	}
	return aws.Credentials{AccessKeyID: p.AccessKeyId, SecretAccessKey: p.SecretAccessKey, SessionToken: p.SessionToken}
}

func (s *sources) whoami(t *testing.T, c aws.Credentials) string {
	t.Helper()
	out, err := s.STS(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Arn
}

// TestEverySourceBroken: whatever is wrong with a source, nothing comes out but one error, and nobody gets another
// identity instead. Every case runs beside an instance that would hand out credentials.
func TestEverySourceBroken(t *testing.T) {
	s := newSources(t)
	web := s.agent.workload(t, "web-app")
	instance := []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + s.agent.IMDS}
	const canary = "CANARYSECRET"
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); name {
		case "html":
			_, _ = w.Write([]byte("<html>" + canary))
		case "redirect":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "error":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_, _ = fmt.Fprintf(w, `{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":%q,"Token":"t","Expiration":"2020-01-01T00:00:00Z"}`, canary)
		}
	}))
	defer broken.Close()
	s.ssoToken(t, "over", canary, time.Hour)
	for _, tc := range []struct {
		name   string
		config string
		env    []string
		want   string
		code   int
	}{
		{name: "file", config: "[profile p]\naws_secret_access_key: " + canary, want: "config:2: expected", code: 4},
		{name: "half a pair", config: "[profile p]\naws_secret_access_key = " + canary, want: "aws_secret_access_key without aws_access_key_id", code: 4},
		{name: "no such profile", config: "[profile q]", want: `profile "p" (from AWS_PROFILE) is neither in`, code: 4},
		{name: "expired environment", env: []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=" + canary, "AWS_CREDENTIAL_EXPIRATION=2020-01-01T00:00:00Z"}, want: "expired since 2020", code: 4},
		{name: "role refused", config: "[profile p]\nrole_arn = " + roleARN("second") + "\nsource_profile = static\nregion = x\n[profile static]\naws_access_key_id = " + s.user.AccessKeyID + "\naws_secret_access_key = " + s.user.SecretAccessKey, want: "AssumeRole: AccessDenied", code: 5},
		{name: "role with a wrong secret", config: "[profile p]\nrole_arn = " + roleARN("web-app") + "\nsource_profile = static\nregion = x\n[profile static]\naws_access_key_id = " + s.user.AccessKeyID + "\naws_secret_access_key = " + canary, want: "SignatureDoesNotMatch", code: 5},
		{name: "loop", config: "[profile p]\nrole_arn = " + roleARN("web-app") + "\nsource_profile = q\n[profile q]\nrole_arn = " + roleARN("web-app") + "\nsource_profile = p", want: "source_profile makes a loop", code: 4},
		{name: "second factor, and nobody to ask", config: "[profile p]\nrole_arn = " + roleARN("with-mfa") + "\nsource_profile = static\nregion = x\nmfa_serial = x\nmfa_process = false\n[profile static]\naws_access_key_id = " + s.user.AccessKeyID + "\naws_secret_access_key = " + s.user.SecretAccessKey, want: "mfa_process", code: 4},
		{name: "web identity token missing", config: "[profile p]\nrole_arn = " + roleARN("web") + "\nweb_identity_token_file = /nonexistent", want: "/nonexistent: no such file", code: 4},
		{name: "web identity token refused", env: []string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + s.write(t, "bad-token", canary), "AWS_ROLE_ARN=" + roleARN("web")}, want: "AssumeRoleWithWebIdentity: InvalidIdentityToken", code: 5},
		{name: "process that fails", config: "[profile p]\ncredential_process = echo " + canary + "; exit 3", want: "exit status 3", code: 4},
		{name: "process that prints a page", config: "[profile p]\ncredential_process = echo '<html>" + canary + "'", want: "not the JSON", code: 4},
		{name: "process that runs itself", config: "[profile p]\ncredential_process = " + build(t).Client + " credential-process --profile p 2>/dev/null", want: "failed: exit status 4", code: 4},
		{name: "signed out", config: "[profile p]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n[sso-session corp]\nsso_start_url = x\nsso_region = x", want: "nobody is signed in", code: 4},
		{name: "SSO token not accepted", config: "[profile p]\nsso_session = over\nsso_account_id = 1\nsso_role_name = r\n[sso-session over]\nsso_start_url = x\nsso_region = x", want: "does not accept the SSO token", code: 4},
		{name: "login gone", config: "[profile p]\nlogin_session = gone", want: "nobody is signed in", code: 4},
		{name: "container with a wrong token", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + web.uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + canary}, want: "answered 4", code: 4},
		{name: "container without its token file", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + web.uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/nonexistent"}, want: "no such file", code: 4},
		{name: "container that answers a page", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + broken.URL + "/html"}, want: "not the JSON", code: 4},
		{name: "container that leads elsewhere", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + broken.URL + "/redirect"}, want: "answered 302", code: 4},
		{name: "container that fails", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + broken.URL + "/error"}, want: "answered 500", code: 4},
		{name: "container with expired credentials", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + broken.URL + "/expired"}, want: "expired since 2020", code: 4},
		{name: "container elsewhere", env: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/"}, want: "plain http is for loopback", code: 4},
		{name: "instance that answers a page", env: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + broken.URL + "/html"}, want: "does not answer as the service does", code: 4},
		{name: "nothing at all", env: []string{"AWS_EC2_METADATA_DISABLED=true"}, want: "no credentials found", code: 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vars := s.env(instance...)
			vars = append(vars, "AWS_CONFIG_FILE="+s.write(t, "config", tc.config), "AWS_SHARED_CREDENTIALS_FILE=/nonexistent")
			if tc.config != "" {
				vars = append(vars, "AWS_PROFILE=p")
			}
			stdout, stderr, err := run(t, append(vars, tc.env...), t.TempDir(), build(t).Client, "credential-process")
			if stdout != "" || exitCode(err) != tc.code {
				t.Errorf("code %d (%v), want %d; printed %q", exitCode(err), err, tc.code, stdout)
			}
			// One error, over several lines only where it lists the sources, and the hint that mends it.
			if !strings.HasPrefix(stderr, "rolecall: error: ") || strings.Count(stderr, "rolecall: ") > 2 || !strings.Contains(stderr, tc.want) {
				t.Errorf("said %q, want %s", stderr, tc.want)
			}
			if strings.Contains(stderr, canary) || strings.Contains(stderr, s.user.SecretAccessKey) {
				t.Errorf("a secret is told: %s", stderr)
			}
		})
	}
}

// standIn serves what the agent would on the addresses that the SDKs know, within a network namespace: the
// task's path on 169.254.170.2 and the metadata of an instance on 169.254.169.254. Its argument is the
// file with the credentials.
const standIn = `
import http.server, json, os, sys, threading
creds = open(sys.argv[1]).read()
class H(http.server.BaseHTTPRequestHandler):
    def say(self, text):
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text.encode())
    def do_PUT(self): self.say("token")
    def do_GET(self):
        host, v2 = self.headers["Host"], self.headers.get("X-aws-ec2-metadata-token") == "token"
        if host == "169.254.170.2" and self.path == "/v2/credentials/task": self.say(creds)
        elif host in ("169.254.169.254", "[fd00:ec2::254]") and v2 and self.path.endswith("/security-credentials/"): self.say("node")
        elif host in ("169.254.169.254", "[fd00:ec2::254]") and v2 and self.path.endswith("/security-credentials/node"): self.say(creds)
        else: self.send_error(404)
    def log_message(self, *a): pass
class S(http.server.ThreadingHTTPServer):
    import socket
    address_family = socket.AF_INET6
s = S(("::", 80), H)
threading.Thread(target=s.serve_forever, daemon=True).start()
import subprocess
sys.exit(subprocess.run(sys.argv[2:]).returncode)
`

func TestWellKnownAddresses(t *testing.T) {
	s := newSources(t)
	c := s.mustSession(t, "task")
	file := s.write(t, "task.json", fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":%q}`,
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.UTC().Format(time.RFC3339)))
	script := s.write(t, "standin.py", standIn)
	python, inNamespace := tool(t, "python"), tool(t, "unshare")
	_ = tool(t, "ip")
	if _, stderr, err := run(t, s.env(), t.TempDir(), inNamespace, "-n", "true"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no network namespaces: %s", stderr)
		}
		t.Skipf("no network namespaces: %s", stderr)
	}
	for _, tc := range []struct {
		name string
		env  []string
	}{
		{"task", []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/task"}},
		{"instance", []string{"AWS_EC2_METADATA_DISABLED=false"}},
		{"instance by IPv6", []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := mustRun(t, s.env(tc.env...), t.TempDir(), inNamespace, "-n", "sh", "-c",
				`ip link set lo up && ip addr add 169.254.170.2/32 dev lo && ip addr add 169.254.169.254/32 dev lo && ip addr add fd00:ec2::254/128 dev lo nodad && exec "$@"`, "sh",
				python, script, file, build(t).Client, "credential-process")
			if got := s.whoami(t, s.decode(t, out, false)); got != sessionARN("web-app", "task") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestTokensWithBotocore: the token that rolecall refreshed and wrote is botocore's, and the other way round.
func TestTokensWithBotocore(t *testing.T) {
	s := newSources(t)
	s.config(t)
	const ask = `
import botocore.session, botocore.tokens, json, sys
t = botocore.tokens.SSOTokenProvider(botocore.session.Session(profile=sys.argv[1])).load_token().get_frozen_token()
print(json.dumps({"token": t.token, "expiration": t.expiration.astimezone(__import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}))
`
	type bearer struct{ Token, Expiration string }
	read := func(out string) (b bearer) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &b); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return b
	}
	botocore := func() bearer {
		return read(mustRun(t, s.env(), t.TempDir(), tool(t, "python"), "-c", ask, "sso-refreshed"))
	}
	ours := func() bearer {
		return read(mustRun(t, s.env(), t.TempDir(), build(t).Client, "token", "--profile", "sso-refreshed"))
	}
	for name, order := range map[string][]func() bearer{"rolecall refreshes": {ours, botocore}, "botocore refreshes": {botocore, ours}} {
		s.ssoToken(t, "old", "outdated", -time.Hour)
		first, second := order[0](), order[1]()
		if first.Token != "refreshed" || first != second {
			t.Errorf("%s: %+v, then %+v", name, first, second)
		}
	}
}
