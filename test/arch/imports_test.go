package arch

import (
	"slices"
	"strings"
	"testing"
)

// ban forbids packages of the module to import, or to link, others.
type ban struct {
	// from are the packages that the ban binds, relative to the module.
	from []string
	// except are packages below from that it does not bind.
	except []string
	// to are the banned packages: relative to the module where they start with "./", else import paths.
	to []string
	// but are packages below to that are allowed after all.
	but []string
	// links extends the ban to everything that the package's program would link.
	links bool
	why   string
}

var bans = []ban{
	{
		from: []string{"cmd/rolecall"},
		to: []string{
			"github.com/aws", "modernc.org", "github.com/pressly/goose", "database/sql",
			"./internal/plane", "./internal/store", "./internal/directory", "./internal/token",
		},
		links: true,
		why:   "the client starts in about a millisecond: no SDK, no database and no plane is ever linked into it",
	},
	{
		from:  []string{"cmd/rolecall", "internal/agent"},
		to:    []string{"html/template"},
		links: true,
		why:   "the client shows no pages; executing templates keeps every exported method of every linked type (the linker's dead-code elimination goes off)",
	},
	{
		from:  []string{"internal/agent"},
		to:    []string{"./internal/plane", "./internal/directory", "./internal/store", "./internal/token", "./internal/state"},
		links: true,
		why:   "agent and plane meet on the wire, so that each can be replaced by AWS's own",
	},
	{
		from:  []string{"internal/plane"},
		to:    []string{"./internal/agent", "./provider", "./chain"},
		links: true,
		why:   "agent and plane meet on the wire, so that each can be replaced by AWS's own",
	},
	{
		from:   []string{"internal/plane", "internal/token", "internal/store", "internal/directory", "internal/audit", "internal/state"},
		except: []string{"internal/plane/planetest"}, // a kit for tests
		to:     []string{"github.com/aws"},
		links:  true,
		why:    "AWS's SDK is an oracle in tests; the plane speaks the wire protocols itself",
	},
	{
		from: []string{"internal/agent", "internal/plane", "internal/token", "internal/store", "internal/directory", "internal/audit", "internal/state", "internal/identity"},
		to:   []string{"./internal/cli", "./cmd"},
		why:  "commands are on top: nothing below knows of flags, terminals and exit codes",
	},
	{
		from: []string{"internal/token", "internal/store", "internal/audit", "internal/state", "internal/directory"},
		to:   []string{"./internal/plane", "./internal/agent"},
		why:  "the plane's parts stand on these; the other direction would be a cycle in waiting",
	},
	{
		from: []string{"internal/identity"},
		to:   []string{"./"},
		but:  []string{"."},
		why:  "identities are the values at the bottom: no other package of ours below them but the vocabulary",
	},
	{
		from: []string{"policy"},
		to:   []string{"./", "os", "net/http", "database/sql", "os/exec"},
		but:  []string{"policy"},
		why:  "a policy decision is a pure function of its arguments",
	},
	{
		from: []string{"internal/plane/authn", "internal/plane/authz", "internal/plane/awsapi"},
		to:   []string{"./internal/plane/sts", "./internal/plane/iam", "./internal/plane/objects", "./internal/plane/server"},
		why:  "services stand on the wire layer, authentication and authorization, not these on a service",
	},
	{
		from: []string{"internal/plane/authn", "internal/plane/authz"},
		to:   []string{"./internal/store", "database/sql"},
		why:  "the verify path does no I/O: it reads the snapshot only",
	},
}

func (b ban) matches(importPath string) bool {
	rel := relative(importPath)
	if rel != "" && (under(rel, b.but...) || rel == "." && slices.Contains(b.but, ".")) {
		return false
	}
	for _, to := range b.to {
		if inside, ok := strings.CutPrefix(to, "./"); ok {
			if rel != "" && (inside == "" || under(rel, inside)) {
				return true
			}
		} else if importPath == to || strings.HasPrefix(importPath, to+"/") {
			return true
		}
	}
	return false
}

func TestBans(t *testing.T) {
	g := mustLoad(t)
	for _, b := range bans {
		for _, from := range b.from {
			bound := 0
			for _, p := range g.ours() {
				if !under(p.rel(), from) || under(p.rel(), b.except...) {
					continue
				}
				bound++
				imports := p.Imports
				if b.links {
					imports = p.Deps
				}
				for _, to := range b.to {
					one := b
					one.to = []string{to}
					// The first one tells enough; a library brings in dozens.
					if i := slices.IndexFunc(imports, one.matches); i >= 0 {
						imported := imports[i]
						t.Errorf("%s imports %s%s\n\tbanned because %s", p.rel(), imported, via(g, p, imported), b.why)
					}
				}
			}
			if bound == 0 {
				t.Errorf("no package %s: a ban names it (%s)", from, b.why)
			}
		}
		for _, to := range b.to {
			if inside, ok := strings.CutPrefix(to, "./"); ok && inside != "" && !slices.ContainsFunc(g.ours(), func(p *pkg) bool { return under(p.rel(), inside) }) {
				t.Errorf("no package %s: a ban is against it (%s)", inside, b.why)
			}
		}
	}
}

// via tells by which import of p a transitive dependency comes in.
func via(g graph, p *pkg, dep string) string {
	if slices.Contains(p.Imports, dep) {
		return ""
	}
	for _, imported := range p.Imports {
		if q := g[imported]; q != nil && slices.Contains(q.Deps, dep) {
			return " (through " + imported + ")"
		}
	}
	return ""
}

func TestPublicPackagesNeverImportInternal(t *testing.T) {
	public := 0
	for _, p := range mustLoad(t).ours() {
		if under(p.rel(), "internal", "cmd", "test", "bench", "tools") {
			continue
		}
		public++
		for _, imported := range p.Imports {
			if under(relative(imported), "internal", "cmd", "test", "bench") {
				t.Errorf("%s is public and imports %s: others could not build on it", p.rel(), imported)
			}
		}
	}
	if public < 5 {
		t.Errorf("found %d public packages: the test looks in the wrong place", public)
	}
}

// families are packages whose members must not know one another.
var families = []struct {
	parent  string
	members []string // nil: every child of parent
	shared  []string // children that all may use
	wiring  []string // children that may use all
	why     string
}{
	{parent: "provider", why: "a way to get credentials stands alone; chain orders them"},
	{parent: "internal/plane", members: []string{"sts", "iam", "objects"}, why: "services share authn, authz and awsapi, never one another"},
	{parent: "internal/store", shared: []string{"storetest"}, why: "a store is chosen where the plane is wired"},
	{parent: "internal/cli", shared: []string{"cmdutil", "iostreams"}, wiring: []string{"server"}, why: "a command is one package; what two share goes to cmdutil or below cli"},
	{parent: "internal/agent/endpoint", why: "each endpoint can be left out"},
}

func TestSiblingsDoNotImportOneAnother(t *testing.T) {
	g := mustLoad(t)
	for _, f := range families {
		seen := 0
		member := func(rel string) string {
			rest, ok := strings.CutPrefix(rel, f.parent+"/")
			if !ok {
				return ""
			}
			name, _, _ := strings.Cut(rest, "/")
			if slices.Contains(f.shared, name) || f.members != nil && !slices.Contains(f.members, name) {
				return ""
			}
			return name
		}
		for _, p := range g.ours() {
			from := member(p.rel())
			if from == "" || slices.Contains(f.wiring, from) {
				continue
			}
			seen++
			for _, imported := range p.Imports {
				if to := member(relative(imported)); to != "" && to != from {
					t.Errorf("%s imports its sibling %s\n\tbanned because %s", p.rel(), imported, f.why)
				}
			}
		}
		if seen == 0 {
			t.Errorf("no package below %s: a rule names it (%s)", f.parent, f.why)
		}
	}
}

// The root package is what everybody imports, so it may bring in nothing but the standard library and x/sync.
func TestRootStandsAlone(t *testing.T) {
	root := mustLoad(t)[module]
	if root == nil {
		t.Fatal("no root package")
	}
	g := mustLoad(t)
	for _, dep := range root.Deps {
		if p := g[dep]; p != nil && !p.Standard && !strings.HasPrefix(dep, "golang.org/x/sync") {
			t.Errorf("the root package links %s: only the standard library and golang.org/x/sync may come with it", dep)
		}
	}
}

// Every package builds: -e lets the other tests report all that they find.
func TestEveryPackageLists(t *testing.T) {
	for _, p := range mustLoad(t) {
		if p.Error != nil {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
	}
}
