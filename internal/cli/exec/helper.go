package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
	"github.com/rolecall-dev/rolecall/internal/peer"
)

// order is what the endpoint's process is told, by a pipe: it holds secrets.
type order struct {
	// PID is the process that becomes the command; the endpoint ends with it.
	PID int `json:"pid"`
	// Dir is removed at the end; "" is nothing.
	Dir string `json:"dir,omitempty"`

	Profile     string        `json:"profile,omitempty"`
	Source      string        `json:"source,omitempty"`
	Region      string        `json:"region,omitempty"`
	RoleARN     string        `json:"roleArn,omitempty"`
	SessionName string        `json:"sessionName,omitempty"`
	ExternalID  string        `json:"externalId,omitempty"`
	Duration    time.Duration `json:"duration,omitempty"`

	AccessKeyID     string    `json:"accessKeyId"`
	SecretAccessKey string    `json:"secretAccessKey"` //nolint:gosec // goes through a pipe to a process of our own
	SessionToken    string    `json:"sessionToken"`
	AccountID       string    `json:"accountId,omitempty"`
	Expires         time.Time `json:"expires"`
}

// reply is what it says when the endpoint answers.
type reply struct {
	Env   []string `json:"env,omitempty"`
	Error string   `json:"error,omitempty"`
}

func newOrder(o *Options, s *sessions, first rolecall.Credentials, dir string) order {
	return order{
		PID: os.Getpid(), Dir: dir,
		Profile: o.Profile, Source: o.Source, Region: s.region, RoleARN: o.RoleARN, SessionName: o.sessionName(), ExternalID: o.ExternalID, Duration: o.Duration,
		AccessKeyID: first.AccessKeyID, SecretAccessKey: first.SecretAccessKey.Expose(), SessionToken: first.SessionToken.Expose(),
		AccountID: first.AccountID, Expires: first.Expires,
	}
}

func (r order) first() rolecall.Credentials {
	return rolecall.Credentials{
		AccessKeyID: r.AccessKeyID, SecretAccessKey: rolecall.NewSecret(r.SecretAccessKey), SessionToken: rolecall.NewSecret(r.SessionToken),
		AccountID: r.AccountID, Expires: r.Expires,
		Origin: rolecall.Origin{Source: "exec", Detail: r.RoleARN, At: time.Now()},
	}
}

// seeded yields credentials that are there already before it asks for more.
type seeded struct {
	broker.Upstream
	first rolecall.Credentials
	used  atomic.Bool
}

func (s *seeded) Session(ctx context.Context, w broker.Workload) (rolecall.Credentials, error) {
	if s.used.CompareAndSwap(false, true) {
		return s.first, nil
	}
	return s.Upstream.Session(ctx, w)
}

// endpoint starts the agent of one command and returns the variables that lead to it.
func endpoint(o *Options, s *sessions, first rolecall.Credentials) (*agent.Agent, []string, error) {
	w := config.Workload{Workload: o.workload()}
	w.Region = s.region
	if peer.Works() {
		// A token that is seen by another user of this machine is of no use to him. Root may always.
		w.Selectors = guard.Selectors{UIDs: []uint32{uint32(os.Getuid()), 0}} //nolint:gosec // a uid fits; -1 (Windows) never gets here
	}
	a, err := agent.Start(agent.Options{
		Config: &config.Config{
			Listen: config.Setting{Value: "127.0.0.1:0", Origin: "rolecall exec"}, Workloads: []config.Workload{w},
		},
		Upstream: &seeded{Upstream: s, first: first},
		Logger:   quiet(),
	})
	if err != nil {
		return nil, nil, err
	}
	env, err := a.Environment(w.Name, false)
	if err != nil {
		return nil, nil, errors.Join(err, a.Close(context.Background()))
	}
	return a, env, nil
}

// serveOrder is the endpoint's process: it reads the order, answers with the variables and serves
// until the command has ended.
func serveOrder(ctx context.Context, o *Options, in, out *os.File) error {
	var r order
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	o.Profile, o.Source, o.Region, o.RoleARN = r.Profile, r.Source, r.Region, r.RoleARN
	o.SessionName, o.ExternalID, o.Duration = r.SessionName, r.ExternalID, r.Duration
	watch, err := watchProcess(r.PID)
	if err != nil {
		return answer(out, reply{Error: err.Error()})
	}
	s, err := o.sessions(nil)
	if err != nil {
		return answer(out, reply{Error: err.Error()})
	}
	a, env, err := endpoint(o, s, r.first())
	if err != nil {
		return answer(out, reply{Error: err.Error()})
	}
	if err := answer(out, reply{Env: env}); err == nil {
		watch(ctx)
	}
	return errors.Join(a.Close(context.Background()), removeOwn(r.Dir))
}

func answer(out *os.File, r reply) error {
	return errors.Join(json.NewEncoder(out).Encode(r), out.Close())
}

// removeOwn removes the directory that isolate made, and no other.
func removeOwn(dir string) error {
	if !strings.Contains(dir, "rolecall-exec-") {
		return nil
	}
	return removeDir(dir)
}
