//go:build compat && linux

package compat

import (
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

var (
	seedFlag      = flag.Uint64("seed", 20261122, "`number` that the situations follow from; 0 draws one")
	countFlag     = flag.Uint64("situations", 150, "how many `situations`")
	timeFlag      = flag.Duration("atmost", 20*time.Second, "no new situation after that `time`; 0 sets no limit")
	situationFlag = flag.Int("situation", -1, "only the situation of that `number`")
	shownFlag     = flag.Int("shown", 3, "how many differences of each SDK are shrunk and shown")
	sdkFlag       = flag.String("sdk", "", "only these SDKs, by the `ids` of their models")
)

// stand is where situations are staged: files, endpoints and the SDKs.
type stand struct {
	world   *world
	home    string
	workers []*worker
	models  map[string]*sdk.Model
}

// newStand starts the SDKs of -sdk, or else these.
func newStand(t *testing.T, wanted ...string) *stand {
	t.Helper()
	s := &stand{home: filepath.Join(t.TempDir(), "home"), models: map[string]*sdk.Model{}}
	var err error
	if s.world, err = newWorld(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.world.close)
	models, err := sdk.Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		s.models[m.ID] = m
	}
	all := commands(os.Getenv("ROLECALL_COMPAT_PROGRAMS"))
	if *sdkFlag != "" {
		wanted = strings.Split(*sdkFlag, ",")
	}
	for _, id := range wanted {
		command, ok := all[id]
		if !ok {
			t.Fatalf("%s cannot be run here: there are %v", id, slices.Sorted(maps.Keys(all)))
		}
		w := &worker{id: id, command: command, home: s.home}
		if err := w.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.close)
		s.workers = append(s.workers, w)
	}
	return s
}

// stage writes the situation's files and opens its endpoints.
func (s *stand) stage(situation *sdk.Situation) error {
	if err := os.RemoveAll(s.home); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.home, ".aws"), 0o700); err != nil {
		return err
	}
	for name, text := range situation.Files {
		path := filepath.Join(s.home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return s.world.stage(situation)
}

// ask puts the situation to workers, all at the same time.
func (s *stand) ask(situation *sdk.Situation, workers ...*worker) ([]answer, error) {
	if err := s.stage(situation); err != nil {
		return nil, err
	}
	answers, errs := make([]answer, len(workers)), make([]error, len(workers))
	var wait sync.WaitGroup
	for i, w := range workers {
		wait.Go(func() { answers[i], errs[i] = w.ask(situation.Env, situation.Profile) })
	}
	wait.Wait()
	return answers, errors.Join(errs...)
}

// key is an outcome's credentials as the world's keys write them: AK(Role<-key).
func key(o sdk.Outcome) string {
	if o.Kind != sdk.OK {
		return ""
	}
	head, tail := "", ""
	for _, role := range o.Roles {
		head, tail = head+"AK("+role+"<-", tail+")"
	}
	return head + o.Base + tail
}

// differs says how the model's prediction differs from the answer, "" if it does not.
func differs(m *sdk.Model, s *sdk.Situation, real answer) string {
	got := m.Simulate(s)
	if got.Kind == real.Kind && key(got) == real.AKID && (real.Source == "" || real.Source == got.Source || len(got.Roles) > 0) {
		return ""
	}
	return fmt.Sprintf("the model has %s %s (%s: %s), the SDK %s %s %s %s", got.Kind, key(got), got.Source, got.Reason, real.Kind, real.AKID, real.Source, real.Detail)
}

// untold reports whether the SDK's answer tells nothing: it would have to ask an endpoint for which it has no setting, or it runs
// into a loop of profiles, which ends or hangs the program, or is caught, as memory allows.
func untold(m *sdk.Model, s *sdk.Situation) bool {
	got := m.Simulate(s)
	switch m.ID {
	case "minio-go":
		return got.Source == sdk.FromSSO || got.Source == sdk.FromWebID
	case "js-v2":
		return strings.Contains(got.Reason, "loop")
	}
	return false
}

// theSeed is the one of -seed, or one of this run.
func theSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = 1 + rand.Uint64N(1e9) //nolint:gosec // which situations
	}
	t.Logf("seed %d", seed)
	return seed
}

// situations are the numbers of those to try, as the flags want it: so many, in so much time, or just one.
func situations(t *testing.T) iter.Seq[uint64] {
	from, to := uint64(0), *countFlag
	if *situationFlag >= 0 {
		from, to = uint64(*situationFlag), uint64(*situationFlag)+1
	}
	begin := time.Now()
	return func(yield func(uint64) bool) {
		for n := from; n < to; n++ {
			if *timeFlag > 0 && time.Since(begin) > *timeFlag && n-from >= 20 {
				t.Logf("after %v and %d situations it is enough", *timeFlag, n-from)
				return
			}
			if !yield(n) {
				return
			}
		}
	}
}

// TestModels compares the models with the SDKs.
func TestModels(t *testing.T) {
	s := newStand(t, always()...)
	seed := theSeed(t)
	same, left, found, wrong := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	total := 0
	for n := range situations(t) {
		total++
		situation := generate(seed, n, s.home, s.world.url)
		answers, err := s.ask(situation, s.workers...)
		if err != nil {
			t.Fatalf("situation %d of seed %d: %v", n, seed, err)
		}
		for i, w := range s.workers {
			if answers[i].Kind == "ok" {
				found[w.id]++
			}
			if untold(s.models[w.id], situation) {
				left[w.id]++
				continue
			}
			if differs(s.models[w.id], situation, answers[i]) == "" {
				same[w.id]++
				continue
			}
			if wrong[w.id]++; wrong[w.id] <= *shownFlag {
				small, how := s.shrink(situation, w)
				t.Errorf("%s, situation %d of seed %d: %s\n%s", w.id, n, seed, how, reproduction(small, s.home, s.world.url))
			}
		}
	}
	for _, w := range s.workers {
		t.Logf("%-9s agrees in %d of %d (%d yield credentials), %d not compared; %.1f s", w.id, same[w.id], total-left[w.id], found[w.id], left[w.id], w.spent.Seconds())
		if found[w.id]*5 < total && total > 30 {
			t.Errorf("%s: too few yield credentials: they test nothing", w.id)
		}
	}
}
