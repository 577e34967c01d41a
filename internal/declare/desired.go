package declare

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/policy"
)

// Kind is a kind of what a file declares.
type Kind string

// The kinds, in the order in which they are made: what is referred to comes first.
const (
	KindAccount         Kind = "account"
	KindPolicy          Kind = "policy"
	KindGroup           Kind = "group"
	KindUser            Kind = "user"
	KindRole            Kind = "role"
	KindInstanceProfile Kind = "instance profile"
	KindBucket          Kind = "bucket"
	KindObject          Kind = "object"
)

func kinds() []Kind {
	return []Kind{KindAccount, KindPolicy, KindGroup, KindUser, KindRole, KindInstanceProfile, KindBucket, KindObject}
}

func (k Kind) taggable() bool {
	return k == KindPolicy || k == KindUser || k == KindRole || k == KindInstanceProfile || k == KindBucket
}

// Names of attributes; those that end with a space are followed by a name.
const (
	attrPath        = "path"
	attrDescription = "description"
	attrMaxSession  = "max session duration"
	attrTrust       = "trust policy"
	attrDocument    = "document"
	attrBoundary    = "permissions boundary"
	attrPolicy      = "bucket policy"
	attrEncryption  = "encryption"
	attrVersioning  = "versioning"
	attrRole        = "role"
	attrAlias       = "alias"
	attrContent     = "content sha256"
	attrInline      = "inline policy "
	attrAttached    = "attached policy "
	attrGroup       = "group "
	attrTag         = "tag "
)

// isDocument reports whether an attribute's value is a policy.
func isDocument(attr string) bool {
	return attr == attrTrust || attr == attrDocument || attr == attrPolicy || strings.HasPrefix(attr, attrInline)
}

// entity is one user, role, … as declared or as it is.
type entity struct {
	kind Kind
	name string // of an object: bucket/key
	// attributes by name. Absent means: is not there (as it is), shall not be there (as declared).
	attributes map[string]string
	// loose are attributes that the file leaves open: they are taken as they are.
	loose []string
	// body and contentType of an object; keep says that an existing one is left alone.
	body        []byte
	contentType string
	keep        bool
	line        int
}

func (e *entity) key() string { return string(e.kind) + "\x00" + e.name }

type accountParser struct {
	*parser
	account  Account
	seen     map[string]int
	policies map[string]string // ARN by name, of the policies that the file declares
}

func (a *accountParser) parse(d accountYAML) {
	if d.Alias.value != "" {
		if !regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`).MatchString(d.Alias.value) || len(d.Alias.value) < 3 || len(d.Alias.value) > 63 {
			a.problem(d.Alias.line, "alias %q: want 3 to 63 lower-case letters, digits and single hyphens", d.Alias.value)
		}
		a.add(&entity{kind: KindAccount, name: a.account.ID, line: d.Alias.line, attributes: map[string]string{attrAlias: d.Alias.value}})
	}
	for _, p := range d.Policies {
		e := a.entity(KindPolicy, p.Name, p.Path, p.Tags)
		a.policies[p.Name.value] = policyARN(a.account.ID, e.attributes[attrPath], p.Name.value)
		e.set(attrDescription, p.Description.value)
		e.set(attrDocument, a.policy(policy.Managed, "document of policy "+p.Name.value, p.Document))
		if p.Document == (policyText{}) {
			a.problem(p.Name.line, "policy %s has no document", p.Name.value)
		}
	}
	for _, g := range d.Groups {
		a.grants(a.entity(KindGroup, g.Name, g.Path, nil), g.grants)
	}
	for _, u := range d.Users {
		e := a.entity(KindUser, u.Name, u.Path, u.Tags)
		e.set(attrBoundary, a.policyRef(u.Boundary))
		a.grants(e, u.grants)
		for _, g := range u.Groups {
			e.attributes[attrGroup+g.value] = "member"
		}
	}
	for _, r := range d.Roles {
		a.role(r)
	}
	for _, i := range d.InstanceProfiles {
		a.entity(KindInstanceProfile, i.Name, i.Path, i.Tags).set(attrRole, i.Role.value)
	}
	for _, b := range d.Buckets {
		a.bucket(b)
	}
}

func (a *accountParser) role(r roleYAML) {
	e := a.entity(KindRole, r.Name, r.Path, r.Tags)
	e.set(attrDescription, r.Description.value)
	limit, err := seconds(r.MaxSession)
	if err != nil {
		a.problem(r.MaxSession.line, "role %s: %v", r.Name.value, err)
	}
	e.set(attrMaxSession, limit)
	e.set(attrTrust, a.policy(policy.Trust, "trust of role "+r.Name.value, r.Trust))
	if r.Trust == (policyText{}) {
		a.problem(r.Name.line, "role %s has no trust policy, so that nobody could assume it", r.Name.value)
	}
	e.set(attrBoundary, a.policyRef(r.Boundary))
	a.grants(e, r.grants)
}

func (a *accountParser) bucket(b bucketYAML) {
	e := a.entity(KindBucket, b.Name, text{}, b.Tags)
	delete(e.attributes, attrPath)
	e.set(attrPolicy, a.policy(policy.Resource, "policy of bucket "+b.Name.value, b.Policy))
	switch encryption := b.Encryption.value; encryption {
	case "":
		e.loose = append(e.loose, attrEncryption)
	case "AES256", "aws:kms":
		e.set(attrEncryption, encryption)
	default:
		a.problem(b.Encryption.line, "encryption %q: want AES256 or aws:kms", encryption)
	}
	switch versioning := b.Versioning.value; strings.ToLower(versioning) {
	case "":
		e.loose = append(e.loose, attrVersioning)
	case "enabled", "true":
		e.set(attrVersioning, "Enabled")
	case "suspended", "false":
		e.set(attrVersioning, "Suspended")
	default:
		a.problem(b.Versioning.line, "versioning %q: want enabled or suspended", versioning)
	}
	for _, o := range b.Objects {
		a.object(b.Name.value, o)
	}
}

func (a *accountParser) object(bucket string, o objectYAML) {
	if o.Key.value == "" {
		a.problem(o.File.line, "an object of bucket %s has no key", bucket)
		return
	}
	body := []byte(o.Content.value)
	switch {
	case (o.File == text{}) == (o.Content == text{}):
		a.problem(o.Key.line, "object %s needs either file or content", o.Key.value)
	case o.File != text{}:
		path := o.File.value
		if !filepath.IsAbs(path) {
			path = filepath.Join(a.dir, path)
		}
		var err error
		if body, err = os.ReadFile(path); err != nil { //nolint:gosec // the user's own file names it
			a.problem(o.File.line, "object %s: %v", o.Key.value, err)
		}
	}
	sum := sha256.Sum256(body)
	a.add(&entity{
		kind: KindObject, name: bucket + "/" + o.Key.value, line: o.Key.line, body: body, contentType: o.ContentType.value, keep: !o.Overwrite,
		attributes: map[string]string{attrContent: hex.EncodeToString(sum[:])},
	})
}

// entity starts an entity with what all kinds have.
func (a *accountParser) entity(kind Kind, name, path text, tags map[string]text) *entity {
	e := &entity{kind: kind, name: name.value, line: name.line, attributes: map[string]string{}}
	if name.value == "" {
		a.problem(max(name.line, path.line), "a %s of account %s has no name", kind, a.account.ID)
	}
	if path.value == "" {
		path.value = "/"
	}
	if !strings.HasPrefix(path.value, "/") || !strings.HasSuffix(path.value, "/") {
		a.problem(path.line, "path %q of %s %s: want it to begin and end with /", path.value, kind, name.value)
	}
	e.attributes[attrPath] = path.value
	for key, value := range tags {
		if key == ManagedTag || strings.HasPrefix(key, "aws:") {
			a.problem(value.line, "tag %q is reserved", key)
		}
		e.attributes[attrTag+key] = value.value
	}
	if kind.taggable() {
		e.attributes[attrTag+ManagedTag] = "true"
	}
	a.add(e)
	return e
}

func (a *accountParser) add(e *entity) {
	if line, twice := a.seen[e.key()]; twice {
		a.problem(e.line, "%s %s is declared twice, first at line %d", e.kind, e.name, line)
		return
	}
	a.seen[e.key()] = e.line
	a.account.entities = append(a.account.entities, e)
}

func (a *accountParser) grants(e *entity, g grants) {
	for name, document := range g.Inline {
		e.attributes[attrInline+name] = a.policy(policy.Identity, "inline policy "+name+" of "+string(e.kind)+" "+e.name, document)
		if document == (policyText{}) {
			a.problem(e.line, "inline policy %s of %s %s is empty", name, e.kind, e.name)
		}
	}
	for _, ref := range g.Attached {
		e.attributes[attrAttached+a.policyRef(ref)] = "attached"
	}
}

// policyRef resolves an ARN, or the name of a policy of this account's in the file.
func (a *accountParser) policyRef(ref text) string {
	if ref.value == "" || strings.HasPrefix(ref.value, "arn:") {
		return ref.value
	}
	if arn, ok := a.policies[ref.value]; ok {
		return arn
	}
	a.problem(ref.line, "policy %q is neither an ARN nor a policy that account %s declares in this file", ref.value, a.account.ID)
	return ""
}

func policyARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":policy" + path + name
}

func (e *entity) set(attr, value string) {
	if value != "" {
		e.attributes[attr] = value
	}
}

func (e *entity) open(attr string) bool { return slices.Contains(e.loose, attr) }
