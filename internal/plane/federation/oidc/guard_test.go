package oidc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
)

func TestGuard(t *testing.T) {
	public := newGuard(nil)
	for _, address := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"169.254.170.2", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.1.2.3",
		"::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
		"64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "2001:db8::1",
	} {
		if err := public.check(netip.MustParseAddr(address)); !errors.Is(err, errAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "172.32.0.1", "100.128.0.1"} {
		if err := public.check(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	some := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")})
	for address, ok := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00::7": true, "127.0.0.1": false} {
		if err := some.check(netip.MustParseAddr(address)); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := public.control("tcp4", "no address", nil); !errors.Is(err, errAddress) {
		t.Errorf("what is no address: %v", err)
	}
}

// A server that sends along a certificate which a thumbprint names, but which did not sign its own, is nobody.
func TestThumbprintOfACertificateThatVouchesForNothing(t *testing.T) {
	genuine, attacker := federationtest.NewIssuer(t), federationtest.NewIssuer(t)
	for name, tt := range map[string]struct {
		chain []*x509.Certificate
		host  string
		ok    bool
	}{
		"genuine":           {[]*x509.Certificate{genuine.Leaf, genuine.CA}, "127.0.0.1", true},
		"another leaf":      {[]*x509.Certificate{attacker.Leaf, genuine.CA}, "127.0.0.1", false},
		"another chain too": {[]*x509.Certificate{attacker.Leaf, attacker.CA, genuine.CA, genuine.Leaf}, "127.0.0.1", false},
		"another name":      {[]*x509.Certificate{genuine.Leaf, genuine.CA}, "provider.example", false},
		"no name":           {[]*x509.Certificate{genuine.Leaf, genuine.CA}, "", false},
		"nothing":           {nil, "127.0.0.1", false},
	} {
		err := (&trust{roots: x509.NewCertPool()}).verify(tls.ConnectionState{PeerCertificates: tt.chain}, tt.host, []string{genuine.Thumbprint})
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"https://a.example","sub":"s","aud":"a","exp":2,"iat":1}`,
		`{"iss":"https://a.example","sub":"s","aud":["a","b"],"azp":"a","amr":["mfa"],"exp":2.5,"iat":1,"nbf":1,"https://aws.amazon.com/tags":{"principal_tags":{"a":["b"]},"transitive_tag_keys":["a"]}}`,
		`{"https://aws.amazon.com/tags/principal_tags/a":"b"}`, `[]`, `{"exp":1e400}`, `{"iss":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, bad := parseClaims(payload)
		if (c == nil) == (bad == nil) {
			t.Fatal("neither claims nor an error, or both")
		}
		if c != nil && (c.Issuer == "" || c.Subject == "" || len(c.Audiences) == 0 || c.expires == nil || c.issued == nil) {
			t.Fatalf("incomplete claims %+v", c)
		}
	})
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys(text)
		if err == nil && len(keys) == 0 {
			t.Fatal("no keys and no error")
		}
		for i := range keys {
			if !keys[i].IsPublic() || !keys[i].Valid() {
				t.Fatalf("key %d is not a valid public one", i)
			}
		}
	})
}
