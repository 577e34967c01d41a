package awsconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strconv"
)

// MaxFileSize bounds what is read of a file.
const MaxFileSize = 16 << 20

// Config is the merged view of the two files.
type Config struct {
	// Config and Credentials are the files as parsed; nil when a file does not exist.
	Config, Credentials *File

	profiles map[string]*Profile
	sessions map[string]*Group
	services map[string]*Group
}

// Profile is a profile with what both files say about it.
type Profile struct {
	// Name is the profile's.
	Name string
	// Config and Credentials are its settings in each file; nil where the file has no such section.
	Config, Credentials *Group
}

// Group are the settings of one name in one file: sections of that name merged, a later setting
// replacing an earlier one of the same key.
type Group struct {
	// Path and Line are where the (first) header is.
	Path string
	Line int

	// section is the first of the name, more are the others, in order. Most names have one, and most
	// profiles of a large file are never asked for, so that nothing is indexed.
	section *Section
	more    []*Section
}

// Load reads the two files. A file that does not exist is an empty one; anything else that keeps one
// from being read, and any fatal problem in one, is an [*Error].
func Load(configPath, credentialsPath string) (*Config, error) {
	config, err := ReadFile(configPath, ConfigKind)
	if err != nil {
		return nil, err
	}
	credentials, err := ReadFile(credentialsPath, CredentialsKind)
	if err != nil {
		return nil, err
	}
	for _, f := range []*File{config, credentials} {
		if f != nil {
			if err := f.Err(); err != nil {
				return nil, err
			}
		}
	}
	return Merge(config, credentials), nil
}

// ReadFile reads and parses a file; nil without an error when it does not exist or path is "".
func ReadFile(path string, kind Kind) (*File, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	text, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, &Error{Path: path, Message: "cannot be read", Err: cause(err)}
	}
	return Parse(path, kind, text), nil
}

// readRegular refuses what would block or never end (a FIFO, a device) before it opens it.
// A pipe that the shell made for a process substitution is refused too: the file is read by name,
// and more than once.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, errors.New("it is a directory (a bind mount of a file that did not exist?)")
	case path == os.DevNull:
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is no regular file (%s)", info.Mode().Type())
	case info.Size() > MaxFileSize:
		return nil, fmt.Errorf("it is larger than %d MB", MaxFileSize>>20)
	}
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 0, info.Size()+512)
	for len(buf) <= MaxFileSize {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("it is larger than %d MB", MaxFileSize>>20)
}

// cause strips the operation and path that os puts around an error, since [Error] names the path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Merge makes the merged view of two parsed files, each of which may be nil.
func Merge(config, credentials *File) *Config {
	c := &Config{Config: config, Credentials: credentials, sessions: map[string]*Group{}, services: map[string]*Group{}}
	n := 0
	for _, f := range []*File{config, credentials} {
		if f != nil {
			n += len(f.Sections)
		}
	}
	c.profiles = make(map[string]*Profile, n)
	m := merger{c: c, profiles: make([]Profile, 0, n), groups: make([]Group, 0, n)}
	if config != nil {
		m.addConfig(config)
	}
	if credentials != nil {
		for _, s := range credentials.Sections {
			if s.Type == ProfileSection {
				p := m.profile(s.Name)
				m.add(&p.Credentials, s)
			}
		}
	}
	return c
}

// merger fills a Config; profiles and groups are the room for what it makes, one allocation each.
type merger struct {
	c        *Config
	profiles []Profile
	groups   []Group
}

func (m *merger) addConfig(f *File) {
	prefixedDefault := false
	for _, s := range f.Sections {
		prefixedDefault = prefixedDefault || s.Type == ProfileSection && s.Prefixed && s.Name == "default"
	}
	for _, s := range f.Sections {
		switch s.Type {
		case ProfileSection:
			if prefixedDefault && !s.Prefixed && s.Name == "default" {
				// [profile default] hides [default], for all SDKs but botocore.
				continue
			}
			p := m.profile(s.Name)
			m.add(&p.Config, s)
		case SSOSessionSection:
			m.addNamed(m.c.sessions, s)
		case ServicesSection:
			m.addNamed(m.c.services, s)
		case UnknownSection:
		}
	}
}

func (m *merger) profile(name string) *Profile {
	p := m.c.profiles[name]
	if p == nil {
		m.profiles = append(m.profiles, Profile{Name: name})
		p = &m.profiles[len(m.profiles)-1]
		m.c.profiles[name] = p
	}
	return p
}

func (m *merger) addNamed(to map[string]*Group, s *Section) {
	g := to[s.Name]
	m.add(&g, s)
	to[s.Name] = g
}

// add puts a section's settings into a group, and makes the group if there is none.
func (m *merger) add(g **Group, s *Section) {
	if *g != nil {
		(*g).more = append((*g).more, s)
		return
	}
	m.groups = append(m.groups, Group{Path: s.file.Path, Line: s.Line, section: s})
	*g = &m.groups[len(m.groups)-1]
}

// Profile returns the profile of that name, nil when neither file has it.
func (c *Config) Profile(name string) *Profile { return c.profiles[name] }

// Profiles returns all profiles, "default" first, the others by name.
func (c *Config) Profiles() []*Profile {
	out := make([]*Profile, 0, len(c.profiles))
	for _, p := range c.profiles {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Name, out[j].Name
		if (a == "default") != (b == "default") {
			return a == "default"
		}
		return a < b
	})
	return out
}

// SSOSession returns the settings of [sso-session name], nil when there is none.
func (c *Config) SSOSession(name string) *Group { return c.sessions[name] }

// SSOSessions returns the names of all [sso-session …], sorted.
func (c *Config) SSOSessions() []string { return sortedNames(c.sessions) }

// Services returns the settings of [services name], nil when there is none.
func (c *Config) Services(name string) *Group { return c.services[name] }

// ServiceGroups returns the names of all [services …], sorted.
func (c *Config) ServiceGroups() []string { return sortedNames(c.services) }

func sortedNames(m map[string]*Group) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Get returns the profile's setting, the credentials file's before the config file's.
func (p *Profile) Get(key string) (Setting, bool) {
	if p == nil {
		return Setting{}, false
	}
	if s, ok := p.Credentials.Get(key); ok {
		return s, true
	}
	return p.Config.Get(key)
}

// Value returns the setting's value, "" when it is not set.
func (p *Profile) Value(key string) string {
	s, _ := p.Get(key)
	return s.Value
}

// Keys returns the keys that either file sets, in the order of the text, config file first.
func (p *Profile) Keys() []string {
	keys := append([]string(nil), p.Config.Keys()...)
	for _, k := range p.Credentials.Keys() {
		if _, ok := p.Config.Get(k); !ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// Get returns the setting of that key (lower case).
func (g *Group) Get(key string) (Setting, bool) {
	if g == nil {
		return Setting{}, false
	}
	for i := len(g.more) - 1; i >= 0; i-- {
		if s, ok := find(g.more[i].Settings(), key); ok {
			return s, true
		}
	}
	return find(g.section.Settings(), key)
}

// find returns the last setting of that key.
func find(settings []Setting, key string) (Setting, bool) {
	for i := len(settings) - 1; i >= 0; i-- {
		if settings[i].Key == key {
			return settings[i], true
		}
	}
	return Setting{}, false
}

// Value returns the setting's value, "" when it is not set.
func (g *Group) Value(key string) string {
	s, _ := g.Get(key)
	return s.Value
}

// Keys returns the keys in the order of the text.
func (g *Group) Keys() []string {
	if g == nil {
		return nil
	}
	var keys []string
	seen := map[string]bool{}
	for _, s := range append([]*Section{g.section}, g.more...) {
		for _, set := range s.Settings() {
			if !seen[set.Key] {
				seen[set.Key] = true
				keys = append(keys, set.Key)
			}
		}
	}
	return keys
}

// Get returns the nested setting of that key, whose case counts.
func (s Setting) Get(key string) (Setting, bool) { return find(s.Sub, key) }

// Where returns "path:line".
func (s Setting) Where() string {
	if s.Path == "" {
		return ""
	}
	return s.Path + ":" + strconv.Itoa(s.Line)
}

// Where returns "path:line" of the header.
func (g *Group) Where() string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", g.Path, g.Line)
}
