package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awsconfig"
)

// Chain is a chain with its files read; it is safe for concurrent use.
type Chain struct {
	o      Options
	home   string
	paths  Paths
	config *awsconfig.Config
	// configErr is what keeps the files from being used.
	configErr error
	profile   profileChoice
	links     []Link

	client func() (*http.Client, error)
	// endpoints are those that were asked for already: every profile of a large file would look for the same.
	endpoints sync.Map
}

// Paths are the files that a chain reads, with what named them: a variable, "" for the default place.
type Paths struct {
	Config, Credentials       string
	ConfigFrom, CredentialsBy string
}

// profileChoice is which profile is consulted, and who chose it.
type profileChoice struct {
	name string
	// from is "--profile", a variable, or "" for the default.
	from string
	// explicit profiles were asked for, and must exist.
	explicit bool
}

// State is what a source looks like before it is asked.
type State string

// States of a [Link].
const (
	// Present sources are configured and will be asked.
	Present State = "present"
	// Absent sources are not configured.
	Absent State = "absent"
	// Broken sources are configured in a way that cannot work; the chain stops at one.
	Broken State = "broken"
	// Excluded sources are not asked, whatever they hold: an option chose another.
	Excluded State = "excluded"
)

// Link is one source of a chain, as it stands before any call.
type Link struct {
	// Source is one of the Source constants.
	Source string
	State  State
	// Reason says why a source is absent or excluded.
	Reason string
	// Err is what is wrong with a broken one.
	Err error
	// Plan is the way to the credentials, as far as it is known without a call, latest hop
	// first; it has no times.
	Plan rolecall.Origin
	// AccessKeyID is known without a call for static keys only.
	AccessKeyID string
	// Expires is set for keys that carry their expiry in the configuration.
	Expires time.Time

	provider rolecall.Provider
	plan     *plan
}

// New reads the environment and the files. It fails only on options that cannot be; what is wrong with a
// source shows when the chain comes to it.
func New(o Options) (*Chain, error) {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	c := &Chain{o: o}
	if o.Source != "" && !slices.Contains(Sources(), o.Source) {
		return nil, fmt.Errorf("there is no source %q: choose one of %s", o.Source, strings.Join(Sources(), ", "))
	}
	c.home = Home(c.getenv)
	c.paths = c.findPaths()
	c.client = sync.OnceValues(c.newHTTPClient)
	c.config, c.configErr = c.load()
	if c.configErr != nil {
		c.config = awsconfig.Merge(nil, nil)
	}
	if o.Sessions == nil {
		c.o.Sessions = &FileSessions{Dir: filepath.Join(c.home, ".aws", "cli", "cache"), Now: o.Now}
	}
	c.profile = c.chooseProfile()
	c.links = c.makeLinks(c.configErr)
	return c, nil
}

// Sources returns the sources in the order in which the chain asks them. A profile that assumes a
// role is asked before web-identity, any other profile after it.
func Sources() []string {
	return []string{SourceEnvironment, SourceWebIdentity, SourceProfile, SourceContainer, SourceIMDS}
}

// NotFoundError says that every source is absent.
type NotFoundError struct {
	// Links are the sources with the reasons.
	Links []Link
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	b.WriteString("no credentials found")
	for _, l := range e.Links {
		if l.State != Excluded {
			b.WriteString("\n" + l.Source + ": " + l.Reason)
		}
	}
	return b.String()
}

// Is makes the error match [rolecall.ErrNotHere].
func (e *NotFoundError) Is(target error) bool { return target == rolecall.ErrNotHere }

// Retrieve asks the sources in order, and then takes on the role of the options, if any.
func (c *Chain) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	if c.o.RoleARN != "" {
		return c.retrieveRole(ctx)
	}
	return c.retrieve(ctx)
}

func (c *Chain) retrieve(ctx context.Context) (rolecall.Credentials, error) {
	looked := slices.Clone(c.links)
	for i, l := range looked {
		switch l.State {
		case Excluded, Absent:
			continue
		case Broken:
			return rolecall.Credentials{}, l.Err
		case Present:
		}
		creds, err := l.provider.Retrieve(ctx)
		if err == nil {
			return c.checked(creds)
		}
		if !errors.Is(err, rolecall.ErrNotHere) {
			return rolecall.Credentials{}, err
		}
		looked[i].State, looked[i].Reason = Absent, err.Error()
	}
	return rolecall.Credentials{}, &NotFoundError{Links: looked}
}

// checked is the contract of [rolecall.Provider], whatever the source did.
func (c *Chain) checked(creds rolecall.Credentials) (rolecall.Credentials, error) {
	if !creds.Complete() {
		return rolecall.Credentials{}, fmt.Errorf("%s yielded incomplete credentials", creds.Origin.Source)
	}
	if creds.ExpiredAt(c.o.Now()) {
		return rolecall.Credentials{}, fmt.Errorf("%s yielded credentials that are expired since %s", creds.Origin.Source, creds.Expires.UTC().Format(time.RFC3339))
	}
	if creds.AccountID == "" {
		creds.AccountID, _ = rolecall.AccountOfAccessKey(creds.AccessKeyID)
	}
	return creds, nil
}

// Links returns the sources in order, as they stand without a call.
func (c *Chain) Links() []Link { return slices.Clone(c.links) }

// Paths returns the files that the chain reads.
func (c *Chain) Paths() Paths { return c.paths }

// Config returns the merged view of the files; it is empty when they cannot be used.
func (c *Chain) Config() *awsconfig.Config { return c.config }

// Profile returns the name of the profile in use, "" when it does not exist and was not asked for.
func (c *Chain) Profile() string {
	if !c.profile.explicit && c.config.Profile(c.profile.name) == nil {
		return ""
	}
	return c.profile.name
}

// ProfileFrom returns what chose the profile: "--profile", a variable's name, or "" for the default.
func (c *Chain) ProfileFrom() string { return c.profile.from }

func (c *Chain) getenv(name string) string {
	// The last one of a repeated name counts, as it does for a process that is given both.
	for i := len(c.o.Environ) - 1; i >= 0; i-- {
		kv := c.o.Environ[i]
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return kv[len(name)+1:]
		}
	}
	return ""
}

// Home is the user's home folder as the SDKs find it: HOME; on Windows then USERPROFILE, and HOMEDRIVE with
// HOMEPATH; then what the system knows of the user. "" is none.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func Home(getenv func(string) string) string {
	if v := getenv("HOME"); v != "" {
		return v
	}
	if runtime.GOOS == "windows" {
		if v := getenv("USERPROFILE"); v != "" {
			return v
		}
		if v := getenv("HOMEPATH"); v != "" {
			return getenv("HOMEDRIVE") + v
		}
	}
	who, err := user.Current()
	if err != nil {
		return ""
	}
	return who.HomeDir
}

func (c *Chain) findPaths() Paths {
	var p Paths
	p.Config, p.ConfigFrom = c.path(c.o.ConfigFile, "AWS_CONFIG_FILE", "config")
	p.Credentials, p.CredentialsBy = c.path(c.o.CredentialsFile, "AWS_SHARED_CREDENTIALS_FILE", "credentials")
	return p
}

func (c *Chain) path(option, variable, name string) (path, from string) {
	if option != "" {
		return option, "option"
	}
	if v := c.getenv(variable); v != "" {
		// The shell does not expand a tilde inside quotes or in a unit file; most SDKs do.
		if strings.HasPrefix(v, "~/") || strings.HasPrefix(v, "~"+string(filepath.Separator)) {
			v = filepath.Join(c.home, v[2:])
		}
		return v, variable
	}
	if c.home == "" {
		return "", ""
	}
	return filepath.Join(c.home, ".aws", name), ""
}

func (c *Chain) chooseProfile() profileChoice {
	if c.o.Profile != "" {
		return profileChoice{c.o.Profile, "--profile", true}
	}
	if v := c.getenv("AWS_PROFILE"); v != "" {
		return profileChoice{v, "AWS_PROFILE", true}
	}
	if v := c.getenv("AWS_DEFAULT_PROFILE"); v != "" && v != "default" {
		c.o.Logger.Warn("AWS_DEFAULT_PROFILE is passed over, as by most SDKs; use AWS_PROFILE", "value", v)
	}
	return profileChoice{name: "default"}
}
