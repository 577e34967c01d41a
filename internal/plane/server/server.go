// Package server is the plane's wiring: it opens what a state directory holds (store, key ring, audit
// log, objects), puts the services on top, and runs the HTTP port until it is told to stop.
package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane"
	"github.com/rolecall-dev/rolecall/internal/plane/authn"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/oidc"
	"github.com/rolecall-dev/rolecall/internal/plane/iam"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/awspolicies"
	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
	"github.com/rolecall-dev/rolecall/internal/plane/objects"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/embedded"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/sts"
	"github.com/rolecall-dev/rolecall/internal/state"
	"github.com/rolecall-dev/rolecall/internal/store"
	"github.com/rolecall-dev/rolecall/internal/store/sqlite"
	"github.com/rolecall-dev/rolecall/internal/token"
)

// DefaultAccount is the account of a plane that was not told another.
const DefaultAccount identity.AccountID = "000000000000"

// Config says what to serve. StateDir is required.
type Config struct {
	// StateDir holds everything that outlives the process; it is made if it is missing.
	StateDir string
	// Account is made if it does not exist; "" means the accounts that the state directory has, and on
	// a first start DefaultAccount.
	Account identity.AccountID
	// RootKeys act as the roots of their accounts while the server runs.
	RootKeys []*identity.AccessKey
	// Region is where buckets are; "" means us-east-1.
	Region string
	// BaseDomains are the hosts under which buckets are subdomains.
	BaseDomains []string
	// Objects stores the objects; nil means the state directory does.
	Objects objectstore.Store
	// WrapStore, if not nil, is put between the directory and the database: tests count accesses.
	WrapStore func(store.Backend) store.Backend
	// Federation says which outside identity providers the plane may ask for their keys.
	Federation Federation
	// DataEvents records reads and writes of objects in the audit log, too.
	DataEvents bool
	Logger     *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Federation is about outside OpenID Connect providers. The zero value is right for those on the Internet.
type Federation struct {
	// TrustedNetworks have providers, beside the public Internet.
	TrustedNetworks []netip.Prefix
	// Roots are the certificate authorities of providers' servers; nil means the system's.
	Roots *x509.CertPool
	// AllowHTTP accepts issuers without TLS. For tests and development only.
	AllowHTTP bool
}

// Server is an open state directory with the plane on top.
type Server struct {
	config    Config
	logger    *slog.Logger
	handler   http.Handler
	first     bool
	account   identity.AccountID
	directory *directory.Directory
	ring      *token.Ring
	roots     *RootSessions
	closers   []closer // in the order of opening
}

type closer struct {
	name  string
	close func() error
}

// Open opens the state directory and makes the server. Close it.
func Open(ctx context.Context, c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{config: c, logger: c.Logger}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) opened(name string, close func() error) {
	s.closers = append(s.closers, closer{name, close})
}

func (s *Server) open(ctx context.Context) error {
	c := &s.config
	dir, err := state.Open(c.StateDir, state.Options{})
	if err != nil {
		return err
	}
	s.opened("state directory", dir.Close)
	s.first = dir.Created()
	master := dir.Master()

	db, err := sqlite.Open(ctx, dir.Path("plane.db"), master.Sealer("store"))
	if err != nil {
		return err
	}
	s.opened("store", db.Close)
	if s.ring, err = token.OpenRing(ctx, db, master.Sealer("key ring"), token.Options{Now: c.Now}); err != nil {
		return fmt.Errorf("opening the key ring: %w", err)
	}
	var backend store.Backend = db
	if c.WrapStore != nil {
		backend = c.WrapStore(db)
	}
	if s.directory, err = directory.Open(ctx, backend, directory.Options{AWSPolicies: awspolicies.All(), Log: c.Logger, Now: c.Now}); err != nil {
		return err
	}
	s.opened("last-used times", func() error { return s.directory.FlushStamps(context.WithoutCancel(ctx)) })
	if err := s.ensureAccount(ctx); err != nil {
		return err
	}
	log, err := audit.Open(dir.Path("audit"), audit.Options{Key: master.MAC("audit"), Log: c.Logger, Now: c.Now})
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	s.opened("audit log", log.Close)
	held := c.Objects
	if held == nil {
		files, err := embedded.Open(embedded.Options{Dir: dir.Path("objects"), Keys: s.ring, Logger: c.Logger, Now: c.Now})
		if err != nil {
			return fmt.Errorf("opening the object store: %w", err)
		}
		s.opened("object store", files.Close)
		held = files
	}
	return s.mount(held, log, master)
}

// mount puts the services on what is open.
func (s *Server) mount(held objectstore.Store, log *audit.Log, master *state.MasterKey) error {
	c := &s.config
	s.roots = NewRootSessions(master)
	messages := authz.NewMessages(master.Sealer("authorization messages"))
	authenticator := authn.New(authn.Options{
		Directory: s.directory, Tokens: tokens{s.ring, s.roots}, RootKeys: c.RootKeys, Now: c.Now, Logger: c.Logger,
	})
	authorizer, err := authz.New(s.directory, messages)
	if err != nil {
		return err
	}
	stsAPI := awsapi.NewService(&stsapi.Model, awsapi.Options{Logger: c.Logger})
	sts.Register(stsAPI, sts.Options{
		Authorizer: authorizer, Directory: s.directory, Sealer: s.ring,
		MFA: mfa.NewVerifier(s.directory), Messages: messages,
		OIDC: oidc.NewVerifier(oidc.Options{
			TrustedNetworks: c.Federation.TrustedNetworks, AllowHTTP: c.Federation.AllowHTTP, Roots: c.Federation.Roots,
			Now: c.Now, Logger: c.Logger,
		}),
	})
	iamAPI := awsapi.NewService(&iamapi.Model, awsapi.Options{Logger: c.Logger})
	accesses := audit.NewAccesses(log)
	iam.Register(iamAPI, iam.Options{Authorizer: authorizer, Directory: s.directory, Accesses: accesses})
	front := objects.New(objects.Options{
		Authorizer: authorizer, Directory: objects.FromDirectory(s.directory), Store: held, Bodies: authenticator.Verifier(),
		BaseDomains: c.BaseDomains, Region: c.Region, Logger: c.Logger, Now: c.Now,
		PolicyDocument: func(b *identity.Bucket) string { return s.directory.Snapshot().PolicyDocument(b) },
	})
	s.handler = plane.New(plane.Options{
		Authenticator: authenticator,
		Services:      []plane.Service{{API: stsAPI, Anonymous: sts.Anonymous()}, {API: iamAPI}},
		Objects:       front,
		Auditor:       accesses,
		Usage:         s.directory,
		DataEvents:    c.DataEvents,
		Logger:        c.Logger,
		Now:           c.Now,
	})
	return nil
}

// ensureAccount makes the configured account, and on a first start one in any case.
func (s *Server) ensureAccount(ctx context.Context) error {
	account := s.config.Account
	if account == "" {
		for a := range s.directory.Snapshot().Accounts() {
			s.account = a.ID
			return nil
		}
		account = DefaultAccount
	}
	s.account = account
	if s.directory.Snapshot().Account(account) != nil {
		return nil
	}
	err := s.directory.Update(ctx, func(tx *directory.Tx) error {
		if tx.Account(account) != nil {
			return nil
		}
		return tx.Put(&identity.Account{ID: account, Created: s.config.Now().UTC().Truncate(time.Second)})
	})
	if err != nil {
		return fmt.Errorf("making account %s: %w", account, err)
	}
	return nil
}

// Handler serves the plane's API.
func (s *Server) Handler() http.Handler { return s.handler }

// Account is the account that the server was told, or found first.
func (s *Server) Account() identity.AccountID { return s.account }

// RootSessions makes root sessions of this plane.
func (s *Server) RootSessions() *RootSessions { return s.roots }

// FirstStart reports whether the state directory is new.
func (s *Server) FirstStart() bool { return s.first }

// AddAccount makes an account if it does not exist. There is no AWS API for it in the plane yet.
func (s *Server) AddAccount(ctx context.Context, id identity.AccountID) error {
	was := s.account
	defer func() { s.account = was }()
	s.config.Account = id
	return s.ensureAccount(ctx)
}

// Close releases everything, the last opened first. It is safe to call again.
func (s *Server) Close() error {
	var failures []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(); err != nil {
			failures = append(failures, fmt.Errorf("closing the %s: %w", s.closers[i].name, err))
		}
	}
	s.closers = nil
	return errors.Join(failures...)
}
