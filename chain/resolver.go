package chain

import (
	"context"
	"errors"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// Chain is a chain with its files read; it is safe for concurrent use.
type Chain struct {
	o Options
}

// New reads the environment and the files. It fails on files that cannot be used.
func New(o Options) (*Chain, error) { return &Chain{o: o}, nil }

// Retrieve asks the sources in order.
func (c *Chain) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	return rolecall.Credentials{}, errors.New("the chain is being built")
}

// Region returns the region and where it is set, both "" when there is none.
func (c *Chain) Region() (region, origin string) { return c.o.Region, "" }

// Profile returns the name of the profile in use, "" when it does not exist and was not asked for.
func (c *Chain) Profile() string { return c.o.Profile }

// STS returns a client configured by the same environment and profile (endpoint, region, FIPS, dual stack).
func (c *Chain) STS() *sts.Client { return &sts.Client{Region: c.o.Region, HTTPClient: c.o.HTTPClient} }
