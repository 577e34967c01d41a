package oidc

import (
	"crypto/sha1" //nolint:gosec // IAM's thumbprints are SHA-1
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
)

// errThumbprint marks a server whose certificate nothing vouches for.
var errThumbprint = errors.New("server's certificate is of no trusted authority and matches no thumbprint")

// trust says whose TLS certificates are good: those that the certificate authorities vouch for, and
// those whose chain holds a certificate that the provider's thumbprints name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
type trust struct {
	// roots are the trusted authorities; nil means the system's.
	roots *x509.CertPool
}

// config is for connections to host, a name or an address.
func (t *trust) config(host string, thumbprints []string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		// The verification below takes its place: it knows thumbprints, too.
		InsecureSkipVerify: true, //nolint:gosec // see above
		// The connection's own server name is empty for an address, and then no name would be compared.
		VerifyConnection: func(s tls.ConnectionState) error { return t.verify(s, host, thumbprints) },
	}
}

func (t *trust) verify(s tls.ConnectionState, host string, thumbprints []string) error {
	if len(s.PeerCertificates) == 0 || host == "" {
		return errThumbprint
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	options := x509.VerifyOptions{Roots: t.roots, Intermediates: intermediates, DNSName: host}
	_, err := s.PeerCertificates[0].Verify(options)
	if err == nil {
		return nil
	}
	var unknown x509.UnknownAuthorityError
	var system x509.SystemRootsError
	if !errors.As(err, &unknown) && !errors.As(err, &system) {
		return err // a wrong name or an expired certificate stays wrong
	}
	// A certificate that a thumbprint names becomes the authority; the chain up to it, the name and the
	// times must be good all the same.
	named, found := x509.NewCertPool(), false
	for _, c := range s.PeerCertificates {
		sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
		if slices.Contains(thumbprints, hex.EncodeToString(sum[:])) {
			named.AddCert(c)
			found = true
		}
	}
	if !found {
		return errThumbprint
	}
	options.Roots = named
	_, err = s.PeerCertificates[0].Verify(options)
	return err
}
