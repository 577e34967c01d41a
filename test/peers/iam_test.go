//go:build peers

package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam"
	"github.com/rolecall-dev/rolecall/internal/plane/sts"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// iamCase is a call of clients/iam_cases.json: the calls are in an order in which each of them works.
type iamCase struct {
	Service string            `json:"service,omitempty"` // "" for iam
	Op      string            `json:"op"`
	Input   json.RawMessage   `json:"input"`           // ${name} stands for a value
	As      string            `json:"as,omitempty"`    // whose key signs; "" for root
	Save    map[string]string `json:"save,omitempty"`  // name → path of a value in the answer
	Again   string            `json:"again,omitempty"` // codes, one of which a second call answers
	Open    bool              `json:"open,omitempty"`  // no policy is asked
	Last    bool              `json:"last,omitempty"`  // who has no rights is gone
	// Unsigned calls have what replaces a part of their input where they are to be denied.
	Unsigned json.RawMessage `json:"unsigned,omitempty"`
}

type iamSpec struct {
	Cases      []iamCase           `json:"cases"`
	Vars       map[string]string   `json:"vars"`
	Operations map[string][]string `json:"operations"`
}

// readIAMSpec joins the table with the operations that the code serves and texts made for this run.
func readIAMSpec(t *testing.T) iamSpec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(clients(t), "iam_cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	iamAPI := awsapi.NewService(&iamapi.Model, awsapi.Options{})
	iam.Register(iamAPI, iam.Options{})
	stsAPI := awsapi.NewService(&stsapi.Model, awsapi.Options{})
	sts.Register(stsAPI, sts.Options{})
	certificate, key, der := selfSigned(t)
	spec := iamSpec{
		Operations: map[string][]string{"iam": iamAPI.Supported(), "sts": stsAPI.Supported()},
		Vars: map[string]string{
			"policy": `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"},` +
				`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}]}`,
			"trust": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + kit.Account +
				`:root"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`,
			"certificate": certificate,
			"key":         key,
			"metadata":    samlMetadata(der),
			"thumbprint":  strings.Repeat("0123456789", 4),
			"password1":   "Example-Password-1",
			"password2":   "Example-Password-2",
			"password3":   "Example-Password-3",
		},
	}
	if err := json.Unmarshal(data, &spec.Cases); err != nil {
		t.Fatal(err)
	}
	spec.Cases = slices.DeleteFunc(spec.Cases, func(c iamCase) bool {
		return c.Service == "" && !iamAPI.Has(c.Op) || c.Service == "sts" && !stsAPI.Has(c.Op)
	})
	return spec
}

func selfSigned(t *testing.T) (certificate, key string, der []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "www.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), der
}

func samlMetadata(certificate []byte) string {
	return `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ` +
		`xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example">` +
		`<!-- ` + strings.Repeat("at least a thousand characters ", 30) + `-->` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">` +
		`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(certificate) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>` +
		`</md:IDPSSODescriptor></md:EntityDescriptor>`
}

// boto3, with botocore's parser and model as the judge of each answer, and the AWS CLI call every operation with
// valid, invalid and denied input.
func TestIAMPython(t *testing.T) {
	python := tool(t, "python")
	plane := startPlane(t, trustLoopback()...)
	spec, federated := readIAMSpec(t), federate(t, plane)
	for _, which := range []string{"boto3", "cli"} {
		t.Run(which, func(t *testing.T) {
			dir := t.TempDir()
			config := filepath.Join(dir, "config")
			// Invalid input has to reach the plane.
			if err := os.WriteFile(config, []byte("[default]\nparameter_validation = false\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			federated.name(spec.Vars)
			in, err := json.Marshal(spec)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), python, filepath.Join(clients(t), "iam_smoke.py"), which)
			cmd.Env = env(t, plane, append(rootEnv(), "AWS_CONFIG_FILE="+config, "AWS_MAX_ATTEMPTS=1")...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(in))
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout.String(), tail(stderr.String()))
			}
			var report struct {
				Counts   map[string]float64
				Failures []string
			}
			if err := json.Unmarshal([]byte(stdout.String()), &report); err != nil {
				t.Fatalf("%v in %s", err, stdout.String())
			}
			t.Logf("%v, %v of processor time", report.Counts, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			for _, f := range report.Failures {
				t.Error(f)
			}
			// The CLI does not show the header that this comes in.
			spec.Vars["denial"] = strings.TrimSpace(stderr.String())
		})
	}
}
