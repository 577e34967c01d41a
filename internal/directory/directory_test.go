package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
	"github.com/rolecall-dev/rolecall/internal/store/sqlite"
	"github.com/rolecall-dev/rolecall/internal/store/storetest"
	"github.com/rolecall-dev/rolecall/policy"
)

const account identity.AccountID = "123456789012"

func start() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

func database(t testing.TB, dir string) *store.Counted {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "plane.db"), storetest.Sealer(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return store.Count(s)
}

func open(t testing.TB, b store.Backend) *directory.Directory {
	t.Helper()
	aws, err := identity.NewManagedPolicy(account, "/", "ReadOnlyAccess", allow("*:Get*"), start())
	if err != nil {
		t.Fatal(err)
	}
	aws.Account = identity.AWSAccount
	d, err := directory.Open(t.Context(), b, directory.Options{AWSPolicies: []*identity.ManagedPolicy{aws}, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fresh returns a directory with one account.
func fresh(t testing.TB) *directory.Directory {
	t.Helper()
	d := open(t, database(t, t.TempDir()))
	put(t, d, &identity.Account{ID: account, Created: start()})
	return d
}

func update(t testing.TB, d *directory.Directory, f func(*directory.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, d *directory.Directory, entities ...identity.Entity) {
	t.Helper()
	update(t, d, func(tx *directory.Tx) error {
		for _, e := range entities {
			if err := tx.Put(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func must[E any](t testing.TB) func(*E, error) *E {
	t.Helper()
	return func(e *E, err error) *E {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func newUser(t testing.TB, name string) *identity.UserEntity {
	t.Helper()
	return must[identity.UserEntity](t)(identity.NewUser(account, "/", name, start()))
}

func newRole(t testing.TB, name, trust string) *identity.Role {
	t.Helper()
	return must[identity.Role](t)(identity.NewRole(account, "/", name, trust, start()))
}

func newPolicy(t testing.TB, name, document string) *identity.ManagedPolicy {
	t.Helper()
	return must[identity.ManagedPolicy](t)(identity.NewManagedPolicy(account, "/", name, document, start()))
}

func allow(action string) string { return statement("Allow", action) }

func statement(effect, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":"*"}]}`, effect, action)
}

func trust(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}]}`, principal)
}

func trustAccount() string { return trust(`{"AWS":"123456789012"}`) }

// may says whether an entity's own policies let it do something.
func may(s *directory.Snapshot, entityID, action string) bool {
	r := s.IdentityPolicies(entityID)
	return policy.Evaluate(&policy.Request{
		Action: action, Resource: "*", Owner: policy.ResourceContext{Account: string(account)},
		Principal: policy.Principal{Kind: policy.User, Account: string(account), ARN: "arn:aws:iam::123456789012:user/x", EntityID: entityID},
	}, &policy.Policies{Identity: r.Identity, Boundary: r.Boundary, HasBoundary: r.HasBoundary}).Allowed
}

func names[E any](all iter.Seq[*E], name func(*E) string) []string {
	var out []string
	for e := range all {
		out = append(out, name(e))
	}
	return out
}

func userName(u *identity.UserEntity) string { return u.Name }

func TestListsAndLookups(t *testing.T) {
	d := fresh(t)
	other := must[identity.UserEntity](t)(identity.NewUser("000000000001", "/", "anna", start()))
	bea := must[identity.UserEntity](t)(identity.NewUser(account, "/ops/", "Bea", start()))
	put(t, d, &identity.Account{ID: "000000000001", Created: start(), Alias: "first"}, newUser(t, "zoe"), bea, newUser(t, "anna"), newUser(t, "carl"), other)
	s := d.Snapshot()
	for _, c := range []struct {
		path, after string
		want        []string
	}{
		{"", "", []string{"anna", "Bea", "carl", "zoe"}},
		{"/", "bea", []string{"carl", "zoe"}},
		{"/", "BEB", []string{"carl", "zoe"}},
		{"/ops/", "", []string{"Bea"}},
		{"/o", "", []string{"Bea"}},
		{"/ops/", "bea", nil},
		{"", "zoe", nil},
	} {
		if diff := cmp.Diff(c.want, names(s.Users(account, c.path, c.after), userName)); diff != "" {
			t.Errorf("Users(%q, %q) (-want +got):\n%s", c.path, c.after, diff)
		}
	}
	if got := s.User(account, "BEA"); got == nil || got.ID != bea.ID || s.UserByID(bea.ID) != got {
		t.Errorf("user %+v", got)
	}
	if s.User(account, "nobody") != nil || s.UserByID("AIDAX") != nil || s.Role(account, "anna") != nil {
		t.Error("found what is not there")
	}
	if a := s.AccountByAlias("first"); a == nil || a.ID != "000000000001" || s.AccountByAlias("second") != nil {
		t.Errorf("account %+v", a)
	}
	if id, ok := s.Resolve("arn:aws:iam::123456789012:user/ops/Bea"); !ok || id != bea.ID {
		t.Errorf("resolved to %q", id)
	}
	for _, arn := range []string{"arn:aws:iam::123456789012:user/Bea", "arn:aws:iam::123456789012:user/ops/bea", "arn:aws:iam::123456789012:role/ops/Bea", "x", "arn:aws:sts::123456789012:user/ops/Bea"} {
		if id, ok := s.Resolve(arn); ok {
			t.Errorf("resolved %s to %q", arn, id)
		}
	}
	if got := names(s.Policies(identity.AWSAccount, "", ""), func(p *identity.ManagedPolicy) string { return p.ARN() }); !slices.Equal(got, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}) {
		t.Errorf("AWS's policies %v", got)
	}
}

func TestRelations(t *testing.T) {
	d := fresh(t)
	group := must[identity.Group](t)(identity.NewGroup(account, "/", "devs", start()))
	p := newPolicy(t, "p", allow("s3:*"))
	group.Attach(p.ARN())
	anna, bea, role := newUser(t, "anna"), newUser(t, "Bea"), newRole(t, "web", trustAccount())
	anna.GroupIDs, bea.GroupIDs = []string{group.ID}, []string{group.ID}
	bea.Attach(p.ARN())
	role.Boundary = p.ARN()
	profile := must[identity.InstanceProfile](t)(identity.NewInstanceProfile(account, "/", "web", start()))
	profile.RoleID = role.ID
	key := must[identity.AccessKey](t)(identity.NewAccessKey(account, anna.ID, start()))
	rootKey := must[identity.AccessKey](t)(identity.NewAccessKey(account, "", start()))
	device := &identity.MFADevice{Account: account, Path: "/", Name: "phone", Seed: rolecall.NewSecret("seed"), Assigned: true, UserID: anna.ID, Created: start(), Enabled: start()}
	idle := &identity.MFADevice{Account: account, Path: "/", Name: "idle", Seed: rolecall.NewSecret("seed"), Created: start()}
	login := &identity.LoginProfile{UserID: anna.ID, Account: account, Hash: rolecall.NewSecret("hash")}
	put(t, d, p, group, anna, bea, role, profile, key, rootKey, device, idle, login)

	s := d.Snapshot()
	holder := func(e identity.Entity) string { return e.EntityKey() }
	keys := func(all iter.Seq[identity.Entity]) []string {
		var out []string
		for e := range all {
			out = append(out, holder(e))
		}
		return out
	}
	for what, c := range map[string]struct{ want, got []string }{
		"members":        {[]string{"anna", "Bea"}, names(s.Members(group.ID), userName)},
		"attached":       {[]string{bea.ID, group.ID}, keys(s.AttachedTo(p.ARN()))},
		"bounded":        {[]string{role.ID}, keys(s.BoundedBy(p.ARN()))},
		"profiles":       {[]string{"web"}, names(s.InstanceProfilesOf(role.ID), func(p *identity.InstanceProfile) string { return p.Name })},
		"keys":           {[]string{key.ID}, names(s.AccessKeys(account, anna.ID), func(k *identity.AccessKey) string { return k.ID })},
		"root's keys":    {[]string{rootKey.ID}, names(s.AccessKeys(account, ""), func(k *identity.AccessKey) string { return k.ID })},
		"devices":        {[]string{"idle", "phone"}, names(s.MFADevices(account, ""), func(d *identity.MFADevice) string { return d.Name })},
		"devices in use": {[]string{"phone"}, names(s.MFADevicesOf(account, anna.ID), func(d *identity.MFADevice) string { return d.Name })},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	if !s.AccessKey(key.ID).Secret.Equal(key.Secret) {
		t.Error("the key's secret is another")
	}

	// What is referred to cannot go.
	for _, e := range []identity.Entity{p, group, anna, role, &identity.Account{ID: account}} {
		if err := d.Update(t.Context(), func(tx *directory.Tx) error { return tx.Delete(e) }); !errors.Is(err, directory.ErrInUse) {
			t.Errorf("deleting %s: %v", e.EntityKey(), err)
		}
	}
	// In the right order everything goes.
	update(t, d, func(tx *directory.Tx) error {
		for _, e := range []identity.Entity{key, rootKey, device, idle, login, profile, anna, bea, group, role, p, &identity.Account{ID: account}} {
			if err := tx.Delete(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err := d.Update(t.Context(), func(tx *directory.Tx) error { return tx.Delete(anna) }); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("deleting twice: %v", err)
	}
}

func TestPutRefuses(t *testing.T) {
	d := fresh(t)
	anna, p := newUser(t, "anna"), newPolicy(t, "p", allow("s3:*"))
	bucket := must[identity.Bucket](t)(identity.NewBucket(account, "us-east-1", "bucket", start()))
	key := must[identity.AccessKey](t)(identity.NewAccessKey(account, "", start()))
	put(t, d, anna, p, bucket, key, &identity.Account{ID: "000000000001", Alias: "taken"})
	user := func(change func(*identity.UserEntity)) identity.Entity {
		u := newUser(t, "new")
		change(u)
		return u
	}
	otherBucket := bucket.Clone()
	otherBucket.Account = "000000000001"
	otherKey := key.Clone()
	otherKey.UserID = anna.ID
	withPolicy := func(document string) identity.Entity {
		b := bucket.Clone()
		b.Policy = document
		return b
	}
	foreign := must[identity.ManagedPolicy](t)(identity.NewManagedPolicy("000000000001", "/", "foreign", allow("*"), start()))
	put(t, d, foreign)
	before := d.Snapshot()
	var malformed *policy.Error
	for name, c := range map[string]struct {
		e    identity.Entity
		want error
	}{
		"a name without regard to case": {newUser(t, "ANNA"), directory.ErrExists},
		"an alias":                      {&identity.Account{ID: account, Alias: "taken"}, directory.ErrExists},
		"a bucket of another account":   {otherBucket, directory.ErrExists},
		"a key of somebody else":        {otherKey, directory.ErrExists},
		"no such account":               {must[identity.UserEntity](t)(identity.NewUser("999999999999", "/", "x", start())), directory.ErrDangling},
		"no such group":                 {user(func(u *identity.UserEntity) { u.GroupIDs = []string{"AGPAX"} }), directory.ErrDangling},
		"no such policy":                {user(func(u *identity.UserEntity) { u.Attach("arn:aws:iam::123456789012:policy/none") }), directory.ErrDangling},
		"another account's policy":      {user(func(u *identity.UserEntity) { u.Attach(foreign.ARN()) }), directory.ErrDangling},
		"no such boundary":              {user(func(u *identity.UserEntity) { u.Boundary = "arn:aws:iam::aws:policy/None" }), directory.ErrDangling},
		"an invalid name":               {user(func(u *identity.UserEntity) { u.Name = "a b" }), identity.ErrInvalid},
		"AWS's own policy":              {d.Snapshot().Policy("arn:aws:iam::aws:policy/ReadOnlyAccess"), directory.ErrExists},
		"a key for nobody":              {must[identity.AccessKey](t)(identity.NewAccessKey(account, "AIDAX", start())), directory.ErrDangling},
		"a malformed inline policy":     {user(func(u *identity.UserEntity) { u.SetInline("x", "{") }), nil},
		"a malformed trust policy":      {newRole(t, "r", allow("*")), nil},
		"a malformed managed policy":    {newPolicy(t, "m", "[]"), nil},
		"a malformed bucket policy":     {withPolicy("{}"), nil},
		"an unknown principal":          {newRole(t, "r", trust(`{"AWS":"arn:aws:iam::123456789012:role/none"}`)), directory.ErrPrincipal},
	} {
		err := d.Update(t.Context(), func(tx *directory.Tx) error {
			if err := tx.Put(newUser(t, "innocent")); err != nil {
				return err
			}
			return tx.Put(c.e)
		})
		if c.want == nil && !errors.As(err, &malformed) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.Snapshot() != before {
		t.Error("a refused update changed something")
	}
}

func TestRightsAreInForceWhenUpdateReturns(t *testing.T) {
	d := fresh(t)
	p, boundary := newPolicy(t, "p", allow("s3:GetObject")), newPolicy(t, "b", allow("s3:*"))
	group := must[identity.Group](t)(identity.NewGroup(account, "/", "devs", start()))
	group.SetInline("g", allow("sqs:SendMessage"))
	anna, role := newUser(t, "anna"), newRole(t, "web", trustAccount())
	anna.SetInline("own", allow("iam:GetUser"))
	put(t, d, p, boundary, group, anna, role)
	check := func(when string, want ...string) {
		t.Helper()
		s := d.Snapshot()
		var got []string
		for _, id := range []string{anna.ID, role.ID, group.ID} {
			for _, action := range []string{"iam:GetUser", "s3:GetObject", "sqs:SendMessage", "sqs:Purge"} {
				if may(s, id, action) {
					got = append(got, map[string]string{anna.ID: "anna", role.ID: "role", group.ID: "group"}[id]+" "+action)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("at first", "anna iam:GetUser", "group sqs:SendMessage")
	anna.Attach(p.ARN())
	anna.GroupIDs = []string{group.ID}
	role.Attach(p.ARN())
	put(t, d, anna, role)
	check("attached and joined", "anna iam:GetUser", "anna s3:GetObject", "anna sqs:SendMessage", "role s3:GetObject", "group sqs:SendMessage")
	group.SetInline("g", allow("sqs:*"))
	put(t, d, group)
	check("group changed", "anna iam:GetUser", "anna s3:GetObject", "anna sqs:SendMessage", "anna sqs:Purge", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
	p.Versions = append(p.Versions, identity.PolicyVersion{ID: "v2", Document: statement("Deny", "*")})
	put(t, d, p)
	check("version that is not the default", "anna iam:GetUser", "anna s3:GetObject", "anna sqs:SendMessage", "anna sqs:Purge", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
	p.Default = "v2"
	put(t, d, p)
	check("default version denies", "group sqs:SendMessage", "group sqs:Purge")
	p.Default = "v1"
	anna.Boundary = boundary.ARN()
	put(t, d, p, anna)
	check("boundary", "anna s3:GetObject", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
	anna.RemoveInline("own")
	anna.Detach(p.ARN())
	anna.Boundary = ""
	put(t, d, anna)
	check("detached", "anna sqs:SendMessage", "anna sqs:Purge", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
	// An update that fails leaves no trace, not in caches either.
	boom := errors.New("boom")
	err := d.Update(t.Context(), func(tx *directory.Tx) error {
		g := group.Clone()
		g.SetInline("g", statement("Deny", "*"))
		if err := tx.Put(g); err != nil {
			return err
		}
		if may(tx.Snapshot, anna.ID, "sqs:Purge") {
			t.Error("the transaction does not see its own write")
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	check("failed update", "anna sqs:SendMessage", "anna sqs:Purge", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
	put(t, d, newUser(t, "unrelated"))
	check("unrelated update", "anna sqs:SendMessage", "anna sqs:Purge", "role s3:GetObject", "group sqs:SendMessage", "group sqs:Purge")
}

func trusts(s *directory.Snapshot, roleID, caller, callerID string) bool {
	r := s.RoleByID(roleID)
	return policy.Evaluate(&policy.Request{
		Action: "sts:AssumeRole", Resource: r.ARN(), Owner: policy.ResourceContext{Account: string(account)},
		Principal: policy.Principal{Kind: policy.User, Account: string(account), ARN: caller, EntityARN: caller, EntityID: callerID, UserID: callerID},
	}, &policy.Policies{Resource: s.TrustPolicy(roleID), ResourceKind: policy.Trust}).Allowed
}

func TestTrustFollowsTheUniqueID(t *testing.T) {
	d := fresh(t)
	anna := newUser(t, "anna")
	role := newRole(t, "web", trust(fmt.Sprintf(`{"AWS":[%q,"arn:aws:iam::999999999999:user/elsewhere"]}`, anna.ARN())))
	put(t, d, anna, role)
	if diff := cmp.Diff(map[string]string{anna.ARN(): anna.ID}, d.Snapshot().RoleByID(role.ID).TrustIDs); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !trusts(d.Snapshot(), role.ID, anna.ARN(), anna.ID) {
		t.Error("anna is not trusted")
	}
	again := newUser(t, "anna")
	update(t, d, func(tx *directory.Tx) error { return errors.Join(tx.Delete(anna), tx.Put(again)) })
	if trusts(d.Snapshot(), role.ID, again.ARN(), again.ID) {
		t.Error("a user of the same name is trusted")
	}
	if diff := cmp.Diff(strings.ReplaceAll(role.Trust, anna.ARN(), anna.ID), d.Snapshot().TrustDocument(d.Snapshot().RoleByID(role.ID))); diff != "" {
		t.Errorf("document as shown (-want +got):\n%s", diff)
	}
	// Other changes of the role do not look the principal up again; putting another document does.
	r := d.Snapshot().RoleByID(role.ID).Clone()
	r.Description = "changed"
	put(t, d, r)
	if trusts(d.Snapshot(), role.ID, again.ARN(), again.ID) {
		t.Error("after another change a user of the same name is trusted")
	}
	r.Trust += " "
	put(t, d, r)
	if !trusts(d.Snapshot(), role.ID, again.ARN(), again.ID) {
		t.Error("after the document was put again the user is not trusted")
	}
}

func TestOtherNode(t *testing.T) {
	dir := t.TempDir()
	one := open(t, database(t, dir))
	put(t, one, &identity.Account{ID: account})
	two := open(t, database(t, dir))
	anna := newUser(t, "anna")
	anna.SetInline("p", allow("s3:*"))
	put(t, one, anna)
	if two.Snapshot().UserByID(anna.ID) != nil {
		t.Error("node two knows by itself")
	}
	if err := two.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !may(two.Snapshot(), anna.ID, "s3:GetObject") || two.Snapshot().Revision() != one.Snapshot().Revision() {
		t.Error("node two did not follow")
	}
	// A write on a stale node sees what the other wrote, and does not undo it.
	put(t, one, newUser(t, "bea"))
	runs := 0
	update(t, two, func(tx *directory.Tx) error {
		runs++
		return tx.Put(newUser(t, "carl"))
	})
	if runs != 2 {
		t.Errorf("the update ran %d times", runs)
	}
	put(t, one, newUser(t, "bea2"))
	if err := two.Update(t.Context(), func(tx *directory.Tx) error { return tx.Put(newUser(t, "BEA2")) }); !errors.Is(err, directory.ErrExists) {
		t.Errorf("a name that the other node has taken: %v", err)
	}
	update(t, two, func(tx *directory.Tx) error { return tx.Delete(tx.User(account, "bea")) })
	if err := one.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*directory.Directory{one, two} {
		if diff := cmp.Diff([]string{"anna", "bea2", "carl"}, names(d.Snapshot().Users(account, "", ""), userName)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// failing is a store whose updates fail, before or after they have happened.
type failing struct {
	store.Backend
	before, after error
}

func (f *failing) Update(ctx context.Context, base store.Revision, g func(*store.Tx) error) (store.Revision, error) {
	if f.before != nil {
		return 0, f.before
	}
	r, err := f.Backend.Update(ctx, base, g)
	return r, errors.Join(err, f.after)
}

func TestStoreFailure(t *testing.T) {
	f := &failing{Backend: database(t, t.TempDir())}
	d := open(t, f)
	put(t, d, &identity.Account{ID: account})
	before := d.Snapshot()
	f.before = errors.New("disk on fire")
	if err := d.Update(t.Context(), func(tx *directory.Tx) error { return tx.Put(newUser(t, "anna")) }); !errors.Is(err, f.before) {
		t.Errorf("error %v", err)
	}
	if d.Snapshot() != before {
		t.Error("a write that failed is in force")
	}
	f.before, f.after = nil, errors.New("connection lost at commit")
	if err := d.Update(t.Context(), func(tx *directory.Tx) error { return tx.Put(newUser(t, "bea")) }); !errors.Is(err, f.after) {
		t.Errorf("error %v", err)
	}
	if d.Snapshot().User(account, "bea") == nil {
		t.Error("the snapshot does not follow a commit that reported failure")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Update(ctx, func(tx *directory.Tx) error { return tx.Put(newUser(t, "carl")) }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReadsTouchNoStore(t *testing.T) {
	counted := database(t, t.TempDir())
	d := open(t, counted)
	anna, role := newUser(t, "anna"), newRole(t, "web", trustAccount())
	anna.SetInline("p", allow("s3:*"))
	key := must[identity.AccessKey](t)(identity.NewAccessKey(account, anna.ID, start()))
	put(t, d, &identity.Account{ID: account}, anna, role, key)
	var changes int
	d.OnChange(func(*directory.Snapshot) { changes++ })
	before := counted.Accesses()
	for range 100 {
		s := d.Snapshot()
		k := s.AccessKey(key.ID)
		if !may(s, s.UserByID(k.UserID).ID, "s3:GetObject") || s.TrustPolicy(role.ID) == nil || s.AnySessionDenied() {
			t.Fatal("wrong answer")
		}
		d.Touch(key.ID, "s3", "us-east-1")
		if _, ok := d.LastUsed(key.ID); !ok {
			t.Fatal("not stamped")
		}
	}
	if n := counted.Accesses() - before; n != 0 || changes != 0 {
		t.Errorf("%d accesses, %d changes", n, changes)
	}
	put(t, d, newUser(t, "bea"))
	if changes != 1 {
		t.Errorf("%d changes", changes)
	}
}

func TestStamps(t *testing.T) {
	dir := t.TempDir()
	counted := database(t, dir)
	d := open(t, counted)
	if _, ok := d.LastUsed("AKIAX"); ok {
		t.Error("used before its first use")
	}
	d.Touch("AKIAX", "s3", "us-east-1")
	d.Touch("AROAX", "", "eu-west-1")
	d.Touch("AKIAX", "iam", "us-east-1")
	if err := d.FlushStamps(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := counted.Accesses()
	if err := d.FlushStamps(t.Context()); err != nil || counted.Accesses() != before {
		t.Errorf("a second flush wrote again, or failed: %v", err)
	}
	put(t, d, &identity.Account{ID: account})
	key := must[identity.AccessKey](t)(identity.NewAccessKey(account, "", start()))
	put(t, d, key)
	d.Touch(key.ID, "s3", "us-east-1")
	update(t, d, func(tx *directory.Tx) error { return tx.Delete(key) })
	if _, ok := d.LastUsed(key.ID); ok {
		t.Error("a stamp outlived its key")
	}
	again := open(t, database(t, dir))
	got, ok := again.LastUsed("AKIAX")
	if diff := cmp.Diff(store.Stamp{ID: "AKIAX", At: start(), Service: "iam", Region: "us-east-1"}, got); diff != "" || !ok {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRevocation(t *testing.T) {
	d := fresh(t)
	role, anna := newRole(t, "web", trustAccount()), newUser(t, "anna")
	put(t, d, role, anna)
	s := d.Snapshot()
	if !s.SessionsVoidBefore(account, role.ID).IsZero() || !s.SessionsVoidBefore(account, "").IsZero() || s.SessionDenied("a") {
		t.Error("void at first")
	}
	role.SessionsVoidBefore, anna.SessionsVoidBefore = start(), start().Add(time.Hour)
	put(t, d, role, anna, &identity.Account{ID: account, SessionsVoidBefore: start().Add(2 * time.Hour)}, &identity.DeniedSession{ID: "a", Account: account, Expires: start()})
	s = d.Snapshot()
	for i, id := range []string{role.ID, anna.ID, ""} {
		if got := s.SessionsVoidBefore(account, id); !got.Equal(start().Add(time.Duration(i) * time.Hour)) {
			t.Errorf("sessions of %q are void before %v", id, got)
		}
	}
	if !s.SessionDenied("a") || s.SessionDenied("b") || !s.AnySessionDenied() {
		t.Error("deny list")
	}
	put(t, d, &identity.DeniedSession{ID: "old", Account: account, Expires: start().Add(-time.Second)})
	for range 2 {
		if err := d.DropExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s = d.Snapshot(); !s.SessionDenied("a") || s.SessionDenied("old") {
		t.Error("expired entries")
	}
}

func TestReadersDuringUpdates(t *testing.T) {
	d := fresh(t)
	p := newPolicy(t, "p", allow("s3:Get0"))
	anna := newUser(t, "anna")
	anna.Attach(p.ARN())
	anna.SetInline("own", allow("iam:*"))
	put(t, d, p, anna)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := -1; ; {
				select {
				case <-stop:
					return
				default:
				}
				s := d.Snapshot()
				doc := s.Policy(p.ARN()).Document()
				action := doc[strings.Index(doc, "s3:Get"):]
				action = action[:strings.IndexByte(action, '"')]
				if !may(s, anna.ID, action) || may(s, anna.ID, "s3:Other") || !may(s, anna.ID, "iam:X") {
					t.Errorf("snapshot %d decides by other documents than it shows", s.Revision())
					return
				}
				if int(s.Revision()) < last {
					t.Error("went back")
				}
				last = int(s.Revision())
			}
		})
	}
	for i := range 60 {
		next := p.Clone()
		next.Versions[0].Document = allow(fmt.Sprintf("s3:Get%d", i))
		put(t, d, next)
	}
	close(stop)
	readers.Wait()
}
