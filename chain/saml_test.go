package chain_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
)

const (
	samlRole     = "arn:aws:iam::111122223333:role/R"
	samlProvider = "arn:aws:iam::111122223333:saml-provider/Corp"
)

// response is what an identity provider says; roles are values of the Role attribute.
func response(roles ...string) string {
	values := ""
	for _, r := range roles {
		values += "<AttributeValue>" + r + "</AttributeValue>"
	}
	return fmt.Sprintf(`<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"><Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Issuer>https://idp.example/%s</Issuer><Conditions NotOnOrAfter=%q/><AttributeStatement><Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">%s</Attribute></AttributeStatement></Assertion></Response>`,
		canary, time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339), values)
}

// kept is a session store in memory.
type kept struct {
	sessions map[string]rolecall.Credentials
}

func (k *kept) Session(ctx context.Context, key chain.SessionKey, fresh func(rolecall.Credentials) bool, fetch func(context.Context) (rolecall.Credentials, error)) (rolecall.Credentials, error) {
	if key.Shared {
		return rolecall.Credentials{}, fmt.Errorf("%s would be left to the AWS CLI, which does not know it", key.ID)
	}
	if creds, ok := k.sessions[key.ID]; ok && fresh(creds) {
		return creds, nil
	}
	creds, err := fetch(ctx)
	if err == nil {
		k.sessions[key.ID] = creds
	}
	return creds, err
}

func TestSAML(t *testing.T) {
	t.Parallel()
	s := newFakeSTS(t)
	m := newMachine(t, s, "")
	document := m.write(t, "response.xml", response(samlProvider+","+samlRole, "arn:aws:iam::111122223333:role/Other,"+samlProvider))
	runs := filepath.Join(m.home, "runs")
	config := m.write(t, ".aws/config", fmt.Sprintf(`
[profile p]
saml_process = echo run >>%s; cat %s
role_arn = %s
duration_seconds = 1800
[profile outer]
role_arn = arn:aws:iam::111122223333:role/Outer
role_session_name = me
source_profile = p
session_tags = a=b
`, runs, document, samlRole))
	m.options.Sessions = &kept{map[string]rolecall.Credentials{}}
	for range 3 {
		creds, err := m.retrieve(t)
		if err != nil || creds.AccessKeyID != "ASIAR" {
			t.Fatalf("%s, %v", creds.AccessKeyID, err)
		}
		trail := creds.Origin.Trail()
		if trail[0].Source != "saml" || trail[0].Detail != samlRole || trail[1].Source != "saml-assertion" {
			t.Errorf("origin %s", creds.Origin)
		}
	}
	form := s.last(t)
	form.Del("SAMLAssertion")
	want := url.Values{"Action": {"AssumeRoleWithSAML"}, "RoleArn": {samlRole}, "PrincipalArn": {samlProvider}, "DurationSeconds": {"1800"}}
	if d := cmp.Diff(want, form); d != "" {
		t.Error(d)
	}
	m.options.Profile = "outer"
	if creds, err := m.retrieve(t); err != nil || creds.AccessKeyID != "ASIAOuter" {
		t.Errorf("as a source: %s, %v", creds.AccessKeyID, err)
	}
	if text, err := os.ReadFile(runs); err != nil || strings.Count(string(text), "run") != 1 { //nolint:gosec // the test's own file
		t.Errorf("the command ran: %q, %v", text, err)
	}
	m.options.Profile = "p"
	// Another command may speak for another person.
	text, err := os.ReadFile(config) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, ".aws/config", strings.Replace(string(text), "echo run", "echo another run", 1))
	if _, err := m.retrieve(t); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(runs); err != nil || strings.Count(string(text), "run") != 2 { //nolint:gosec // the test's own file
		t.Errorf("the other command ran: %q, %v", text, err)
	}
	c, err := chain.New(m.options)
	if err != nil {
		t.Fatal(err)
	}
	link := c.Links()[c.Winner()]
	if got, want := link.Plan.String(), "saml "+samlRole+" ("+config+":4) ← saml-assertion echo ("+config+":3)"; got != want {
		t.Errorf("the plan is %s\nwant %s", got, want)
	}
}

func TestSAMLFaults(t *testing.T) {
	t.Parallel()
	one := samlRole + "," + samlProvider
	for name, tc := range map[string]struct {
		settings string
		document string
		change   func(*machine)
		want     string
	}{
		"with a source profile":    {"source_profile = base", "", nil, `profile "p" has both saml_process and source_profile`},
		"with a credential source": {"credential_source = Environment", "", nil, `profile "p" has both saml_process and credential_source`},
		"with a web identity":      {"web_identity_token_file = /x", "", nil, `profile "p" has both saml_process and web_identity_token_file`},
		"no response":              {"", "", nil, "printed nothing"},
		"another role":             {"role_arn = arn:aws:iam::111122223333:role/None", response(one), nil, "does not offer arn:aws:iam::111122223333:role/None; it offers " + samlRole},
		"several roles":            {"", response(one, "arn:aws:iam::111122223333:role/Other,"+samlProvider), nil, "offers several roles: set role_arn to one of"},
		"the command is itself": {"", response(one), func(m *machine) {
			m.options.Environ = append(m.options.Environ, "ROLECALL_PROCESS_CHAIN=a\np")
		}, "runs itself: the command asks for the profile that it belongs to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFakeSTS(t)
			m := newMachine(t, s, "")
			m.write(t, ".aws/config", "[profile p]\nsaml_process = cat "+m.write(t, "response.xml", tc.document)+"\n"+tc.settings+"\n")
			if tc.change != nil {
				tc.change(m)
			}
			_, err := m.retrieve(t)
			if err == nil || !strings.HasPrefix(err.Error(), m.home+"/.aws/config:") || !strings.Contains(err.Error(), tc.want) || s.calls() != 0 {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
}
