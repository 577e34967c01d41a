//go:build compat && linux

package compat

import (
	"context"
	"errors"
	"testing"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// current are the SDKs with which rolecall's own chain agrees wherever they all agree: those that run here, and by their models those
// that do not.
func current() (run, modelled []string) {
	return []string{"go-v2", "js-v3", "botocore"}, []string{"cli-v2", "rust", "java-v2"}
}

// TestChain compares rolecall's own chain with the SDKs where they are of one mind.
func TestChain(t *testing.T) {
	run, modelled := current()
	s := newStand(t, run...)
	seed := theSeed(t)
	same, compared, found := 0, 0, 0
	for n := range situations(t) {
		situation := generate(seed, n, s.home, s.world.url)
		answers, err := s.ask(situation, s.workers...)
		if err != nil {
			t.Fatalf("situation %d of seed %d: %v", n, seed, err)
		}
		want, agreed := answers[0].AKID, true
		for _, a := range answers {
			agreed = agreed && a.AKID == want
		}
		for _, id := range modelled {
			agreed = agreed && key(s.models[id].Simulate(situation)) == want
		}
		if !agreed || differsOnPurpose(situation) {
			continue
		}
		compared++
		got, err := ours(t.Context(), situation)
		if got == want {
			same++
			if got != "" {
				found++
			}
			continue
		}
		t.Errorf("situation %d of seed %d: rolecall has %q (%v), the SDKs %q\n%s", n, seed, got, err, want, reproduction(situation, s.home, s.world.url))
	}
	t.Logf("the SDKs agree in %d situations, rolecall with them in %d, of which %d yield credentials", compared, same, found)
	if found < 5 {
		t.Error("too few yield credentials: they test nothing")
	}
}

// differsOnPurpose reports whether docs/chain.md says that rolecall does otherwise than all of them.
func differsOnPurpose(s *sdk.Situation) bool {
	return s.IMDS != nil && s.IMDS.Expired
}

// ours is the key that rolecall's chain yields.
func ours(ctx context.Context, s *sdk.Situation) (string, error) {
	var environ []string
	for name, value := range s.Env {
		environ = append(environ, name+"="+value)
	}
	c, err := chain.New(chain.Options{Environ: environ, Profile: s.Profile, Sessions: chain.NoSessions{}})
	if err != nil {
		return "", err
	}
	credentials, err := c.Retrieve(ctx)
	if errors.Is(err, rolecall.ErrNotHere) {
		return "", err
	}
	return credentials.AccessKeyID, err
}
