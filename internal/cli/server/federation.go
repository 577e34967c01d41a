package server

import (
	"crypto/x509"
	"net/netip"
	"os"

	"github.com/spf13/pflag"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
)

// federationOptions are the flags about outside OpenID Connect providers.
type federationOptions struct {
	networks  []string
	caFile    string
	allowHTTP bool
}

func (o *federationOptions) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.networks, "oidc-trusted-network", nil, "network, such as 10.0.0.0/8, in which OpenID Connect providers may be; may be repeated.\n"+
		"Without it the plane fetches keys from public addresses only [ROLECALL_OIDC_TRUSTED_NETWORK]")
	flags.StringVar(&o.caFile, "oidc-ca-file", "", "certificate authorities, in PEM, that vouch for providers' servers beside the system's [ROLECALL_OIDC_CA_FILE]")
	flags.BoolVar(&o.allowHTTP, "oidc-allow-http", false, "accept OpenID Connect issuers without TLS: for tests and development only")
}

func (o *federationOptions) config() (server.Federation, error) {
	f := server.Federation{AllowHTTP: o.allowHTTP}
	for _, text := range o.networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return f, cmdutil.FlagErrorf("--oidc-trusted-network: %w", err)
		}
		f.TrustedNetworks = append(f.TrustedNetworks, network.Masked())
	}
	if o.caFile == "" {
		return f, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return f, cmdutil.FlagErrorf("--oidc-ca-file: %w", err)
	}
	if f.Roots, err = x509.SystemCertPool(); err != nil {
		f.Roots = x509.NewCertPool() // a system without authorities of its own
	}
	if !f.Roots.AppendCertsFromPEM(pem) {
		return f, cmdutil.FlagErrorf("--oidc-ca-file: %s holds no certificate in PEM", o.caFile)
	}
	return f, nil
}
