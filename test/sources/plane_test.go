package sources

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
	"github.com/rolecall-dev/rolecall/sts"
)

// machine is a home folder whose profiles talk to a plane.
type machine struct {
	*planetest.Plane
	t       *testing.T
	home    string
	options chain.Options
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{Plane: planetest.New(t), t: t, home: t.TempDir()}
	m.options = chain.Options{
		Environ: []string{
			"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true",
			"AWS_ENDPOINT_URL_STS=" + m.URL, "AWS_REGION=" + planetest.Region,
		},
		Sessions: chain.NoSessions{}, Logger: slog.New(slog.DiscardHandler),
	}
	return m
}

func (m *machine) write(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m *machine) retrieve(profile string) (rolecall.Credentials, *chain.Chain, error) {
	m.t.Helper()
	o := m.options
	o.Profile = profile
	c, err := chain.New(o)
	if err != nil {
		m.t.Fatal(err)
	}
	creds, err := c.Retrieve(m.t.Context())
	return creds, c, err
}

// is fails unless the profile yields credentials of that ARN.
func (m *machine) is(profile, arn string) rolecall.Credentials {
	m.t.Helper()
	creds, c, err := m.retrieve(profile)
	if err != nil {
		m.t.Fatalf("profile %s: %v", profile, err)
	}
	who, err := c.STS().GetCallerIdentity(m.t.Context(), creds)
	if err != nil || who.ARN != arn {
		m.t.Errorf("profile %s is %+v, %v; want %s", profile, who, err, arn)
	}
	return creds
}

func arn(role, session string) string {
	return "arn:aws:sts::" + planetest.Account + ":assumed-role/" + role + "/" + session
}

func keys(profile string, c aws.Credentials) string {
	return fmt.Sprintf("[profile %s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, c.AccessKeyID, c.SecretAccessKey)
}

const listUsers = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:ListUsers","sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}}`

// TestRole: external id, source identity, tags, session policies and the cap of chains, as trust policies see them.
func TestRole(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	user := m.User(planetest.Account, "ada", listUsers)
	trust := func(principal, condition string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Condition":%s}}`, principal, condition)
	}
	careful := m.Role(planetest.Account, "careful", trust("arn:aws:iam::"+planetest.Account+":user/ada",
		`{"StringEquals":{"sts:ExternalId":"x-1","sts:SourceIdentity":"ada","aws:RequestTag/team":"red","sts:RoleSessionName":"me"}}`), listUsers)
	// The tag and the source identity come along with the session.
	next := m.Role(planetest.Account, "next", trust(careful, `{"StringEquals":{"aws:PrincipalTag/team":"red","sts:SourceIdentity":"ada"}}`), "")
	whole := "role_session_name = me\nexternal_id = x-1\nsource_identity = ada\nsession_tags = team=red\n"
	profile := func(name, role, source, settings string) string {
		return "[profile " + name + "]\nrole_arn = " + role + "\nsource_profile = " + source + "\n" + settings
	}
	config := keys("ada", user) + profile("whole", careful, "ada", whole) +
		profile("less", careful, "ada", whole+"session_policy = "+`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}}`+"\n") +
		profile("next", next, "whole", "role_session_name = again\nsource_identity = ada\n") +
		profile("long", next, "whole", "role_session_name = again\nsource_identity = ada\nduration_seconds = 7200\n")
	for _, missing := range strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n") {
		name, _, _ := strings.Cut(missing, " ")
		config += profile("no-"+name, careful, "ada", strings.Replace(whole, missing, "", 1))
	}
	m.write(".aws/config", config)

	full := m.is("whole", arn("careful", "me"))
	less := m.is("less", arn("careful", "me"))
	list := func(c rolecall.Credentials) error {
		_, err := m.IAM(aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Expose(), SessionToken: c.SessionToken.Expose()}).ListUsers(t.Context(), &iam.ListUsersInput{})
		return err
	}
	if err := list(full); err != nil {
		t.Errorf("what the role allows: %v", err)
	}
	if err := list(less); err == nil || !strings.Contains(err.Error(), "session policy") {
		t.Errorf("the session policy leaves iam:ListUsers: %v", err)
	}
	m.is("next", arn("next", "again"))
	refused := 0
	for _, p := range []string{"no-role_session_name", "no-external_id", "no-source_identity", "no-session_tags"} {
		_, _, err := m.retrieve(p)
		var remote *sts.Error
		if !errors.As(err, &remote) || remote.Code != "AccessDenied" {
			t.Errorf("profile %s: %v", p, err)
			continue
		}
		refused++
	}
	if refused != 4 {
		t.Errorf("%d of 4 settings are demanded: the test tests less than it says", refused)
	}
	var log strings.Builder
	m.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
	_, _, err := m.retrieve("long")
	if err == nil || !strings.Contains(err.Error(), "lives one hour at most") || !strings.Contains(log.String(), "lives one hour at most") {
		t.Errorf("%v, and before: %s", err, log.String())
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	user, admin, ctx := m.User(planetest.Account, "ada", ""), m.IAM(m.Root(planetest.Account)), t.Context()
	role := m.Role(planetest.Account, "careful", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:user/ada"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`, planetest.Account), "")
	step := m.Now().Unix() / 30
	seeds := map[string]string{}
	var serials []string
	code := func(serial string, step int64) *string {
		c, err := mfa.Code(seeds[serial], step)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	for _, name := range []string{"phone", "tablet"} {
		device, err := admin.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
		if err != nil {
			t.Fatal(err)
		}
		serial := *device.VirtualMFADevice.SerialNumber
		seeds[serial], serials = string(device.VirtualMFADevice.Base32StringSeed), append(serials, serial)
		if _, err := admin.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
			UserName: aws.String("ada"), SerialNumber: &serial, AuthenticationCode1: code(serial, step-1), AuthenticationCode2: code(serial, step),
		}); err != nil {
			t.Fatal(err)
		}
	}
	profile := "[profile %s]\nrole_arn = " + role + "\nsource_profile = ada\nrole_session_name = me\n%s\n"
	m.write(".aws/config", keys("ada", user)+
		fmt.Sprintf(profile, "none", "")+
		fmt.Sprintf(profile, "asked", "mfa_serial = "+serials[0]+"\nmfa_devices = "+serials[1])+
		fmt.Sprintf(profile, "command", "mfa_serial = "+serials[0]+"\nmfa_process = echo "+*code(serials[0], step+1)))
	_, _, err := m.retrieve("none")
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("without a second factor: %v", err)
	}
	m.options.Device = func(_ context.Context, serials []string) (string, error) { return serials[1], nil }
	m.options.TokenCode = func(_ context.Context, serial string) (string, error) { return *code(serial, step+1), nil }
	m.is("asked", arn("careful", "me"))
	m.is("command", arn("careful", "me"))
}

func TestSAML(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	idp := federationtest.NewIDP(t, "https://idp.example/saml")
	out, err := m.IAM(m.Root(planetest.Account)).CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{
		Name: aws.String("corp"), SAMLMetadataDocument: aws.String(idp.Metadata()),
	})
	if err != nil {
		t.Fatal(err)
	}
	provider := *out.SAMLProviderArn
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithSAML"}}`, provider)
	dev, ops := m.Role(planetest.Account, "dev", trust, ""), m.Role(planetest.Account, "ops", trust, "")
	r := idp.Response("ann@example.com", dev, provider, m.Now())
	m.write("one", idp.Encode(r))
	r.Attributes[0].Values = append(r.Attributes[0].Values, provider+","+ops)
	m.write("two", idp.XML(r))
	r.Document = func(s string) string { return strings.Replace(s, "ann@", "eve@", 1) }
	m.write("forged", idp.Encode(r))
	late := idp.Response("ann@example.com", dev, provider, m.Now().Add(-time.Hour))
	m.write("late", idp.Encode(late))
	process := "saml_process = cat " + m.home + "/"
	m.write(".aws/config", "[profile one]\n"+process+"one\n"+
		"[profile two]\n"+process+"two\nrole_arn = "+ops+"\nduration_seconds = 900\n"+
		"[profile unsaid]\n"+process+"two\n"+
		"[profile forged]\n"+process+"forged\nrole_arn = "+dev+"\n"+
		"[profile late]\n"+process+"late\n")
	m.is("one", arn("dev", "ann@example.com"))
	if left := time.Until(m.is("two", arn("ops", "ann@example.com")).Expires); left > 15*time.Minute {
		t.Errorf("lives %s", left)
	}
	for profile, want := range map[string]string{
		"unsaid": "offers several roles", "late": "is expired since", "forged": "InvalidIdentityToken",
	} {
		if _, _, err := m.retrieve(profile); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("profile %s: %v", profile, err)
		}
	}
}
