package server

import (
	"fmt"
	"log/slog"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/proxy"
)

// objectStoreOptions are the flags that put another S3-compatible store behind the front.
type objectStoreOptions struct {
	url, region, profile, prefix string
}

func (o *objectStoreOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.url, "object-store", "", "URL of an S3-compatible store that holds the objects instead of the state directory [ROLECALL_OBJECT_STORE]")
	flags.StringVar(&o.region, "object-store-region", "us-east-1", "region that requests to it are signed for")
	flags.StringVar(&o.profile, "object-store-profile", "", "profile of the plane's own credentials at it (default: the standard chain)")
	flags.StringVar(&o.prefix, "object-store-bucket-prefix", "", "what is put before the names of buckets there, so that it can be shared")
}

// open returns the store, nil if objects stay in the state directory, and what releases it.
func (o *objectStoreOptions) open(f *cmdutil.Factory, logger *slog.Logger) (*proxy.Store, func() error, error) {
	if o.url == "" {
		return nil, func() error { return nil }, nil
	}
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, nil, cmdutil.FlagErrorf("--object-store %q: want a URL such as https://s3.example.com", o.url)
	}
	source, err := chain.New(chain.Options{Environ: f.Environ(), Profile: o.profile, Region: o.region, Logger: logger})
	if err != nil {
		return nil, nil, fmt.Errorf("finding the plane's credentials at the object store: %w", err)
	}
	cache := rolecall.NewCache(source, rolecall.CacheOptions{Logger: logger})
	store, err := proxy.New(proxy.Options{Endpoint: o.url, Region: o.region, Credentials: cache, BucketPrefix: o.prefix})
	if err != nil {
		cache.Close()
		return nil, nil, fmt.Errorf("connecting to the object store: %w", err)
	}
	return store, func() error { cache.Close(); return nil }, nil
}
