package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// dump collects all that the reads of a snapshot tell.
func dump(s *directory.Snapshot) map[string]any {
	out := map[string]any{"revision": s.Revision()}
	for a := range s.Accounts() {
		out["account "+string(a.ID)] = a
		out["alias "+a.Alias] = s.AccountByAlias(a.Alias)
		for u := range s.Users(a.ID, "", "") {
			out["user "+u.Name] = []any{u, s.GroupsOf(u.ID), slices.Collect(s.AccessKeys(a.ID, u.ID)), slices.Collect(s.MFADevicesOf(a.ID, u.ID)),
				s.LoginProfile(u.ID), may(s, u.ID, "s3:A"), may(s, u.ID, "s3:B"), s.UserByID(u.ID) == u}
		}
		for g := range s.Groups(a.ID, "", "") {
			out["group "+g.Name] = []any{g, slices.Collect(s.Members(g.ID)), may(s, g.ID, "s3:A")}
		}
		for r := range s.Roles(a.ID, "", "") {
			out["role "+r.Name] = []any{r, slices.Collect(s.InstanceProfilesOf(r.ID)), may(s, r.ID, "s3:A"), may(s, r.ID, "s3:B"), s.TrustPolicy(r.ID).Len()}
		}
		for p := range s.Policies(a.ID, "", "") {
			var holders []string
			for e := range s.AttachedTo(p.ARN()) {
				holders = append(holders, e.EntityKey())
			}
			for e := range s.BoundedBy(p.ARN()) {
				holders = append(holders, "bound "+e.EntityKey())
			}
			out["policy "+p.Name] = []any{p, holders}
		}
		for p := range s.InstanceProfiles(a.ID, "", "") {
			out["profile "+p.Name] = p
		}
		for b := range s.Buckets(a.ID, "", "") {
			out["bucket "+b.Name] = []any{b, s.BucketPolicy(b.Name).Len()}
		}
	}
	return out
}

// step does one random thing; it may be refused.
func step(t *rapid.T, d *directory.Directory, n int) error {
	name := rapid.SampledFrom([]string{"a", "b", "c", "D", "d"})
	document := rapid.SampledFrom([]string{allow("s3:A"), allow("s3:B"), statement("Deny", "s3:A")})
	pick := func(all []string) string {
		if len(all) == 0 {
			return "none"
		}
		return rapid.SampledFrom(all).Draw(t, "pick")
	}
	return d.Update(t.Context(), func(tx *directory.Tx) error {
		users := names(tx.Users(account, "", ""), func(u *identity.UserEntity) string { return u.ID })
		roles := names(tx.Roles(account, "", ""), func(r *identity.Role) string { return r.ID })
		groups := names(tx.Groups(account, "", ""), func(g *identity.Group) string { return g.ID })
		policies := names(tx.Policies(account, "", ""), func(p *identity.ManagedPolicy) string { return p.ARN() })
		grants := func(g *identity.Grants) {
			switch rapid.IntRange(0, 3).Draw(t, "grant") {
			case 0:
				g.SetInline(name.Draw(t, "inline"), document.Draw(t, "document"))
			case 1:
				g.Attach(pick(policies))
			case 2:
				g.Detach(pick(policies))
			case 3:
				g.RemoveInline(name.Draw(t, "inline"))
			}
		}
		var e identity.Entity
		var err error
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			e, err = identity.NewUser(account, "/", name.Draw(t, "user"), start())
		case 1:
			e, err = identity.NewGroup(account, "/", name.Draw(t, "group"), start())
		case 2:
			e, err = identity.NewRole(account, "/", name.Draw(t, "role"), trustAccount(), start())
		case 3:
			e, err = identity.NewManagedPolicy(account, "/", name.Draw(t, "policy"), document.Draw(t, "document"), start())
		case 4:
			if u := tx.UserByID(pick(users)); u != nil {
				u = u.Clone()
				u.Name = rapid.SampledFrom([]string{u.Name, "renamed"}).Draw(t, "name")
				if g := pick(groups); g != "none" && !slices.Contains(u.GroupIDs, g) {
					u.GroupIDs = append(u.GroupIDs, g)
				}
				grants(&u.Grants)
				e = u
			}
		case 5:
			if g := tx.GroupByID(pick(groups)); g != nil {
				g = g.Clone()
				grants(&g.Grants)
				e = g
			}
		case 6:
			if r := tx.RoleByID(pick(roles)); r != nil {
				r = r.Clone()
				grants(&r.Grants)
				r.Boundary = rapid.SampledFrom(append(policies, "")).Draw(t, "boundary")
				e = r
			}
		case 7:
			u := pick(users)
			e = &identity.MFADevice{Account: account, Path: "/", Name: name.Draw(t, "device"), Seed: rolecall.NewSecret("seed"), Assigned: true, UserID: u}
		case 8:
			b, bErr := identity.NewBucket(account, "us-east-1", "bucket-"+fmt.Sprint(n%3), start())
			e, err = b, bErr
		case 9:
			var victim identity.Entity
			switch rapid.IntRange(0, 3).Draw(t, "victim") {
			case 0:
				if u := tx.UserByID(pick(users)); u != nil {
					victim = u
				}
			case 1:
				if g := tx.GroupByID(pick(groups)); g != nil {
					victim = g
				}
			case 2:
				if r := tx.RoleByID(pick(roles)); r != nil {
					victim = r
				}
			case 3:
				if p := tx.Policy(pick(policies)); p != nil {
					victim = p
				}
			}
			if victim == nil {
				return nil
			}
			return tx.Delete(victim)
		}
		if err != nil || e == nil {
			return err
		}
		return tx.Put(e)
	})
}

// Whatever happens, three ways to the same state agree: the snapshot that the updates made, that of
// another node that followed, and that of a node that starts now.
func TestSnapshotsAgree(t *testing.T) {
	secrets := cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 25 {
			return // each round makes a database
		}
		dir := t.TempDir()
		one := open(t, database(t, dir))
		put(t, one, &identity.Account{ID: account, Alias: "alias"})
		two := open(t, database(t, dir))
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			err := step(rt, one, i)
			if err != nil && !errors.Is(err, directory.ErrExists) && !errors.Is(err, directory.ErrDangling) && !errors.Is(err, directory.ErrInUse) {
				rt.Fatal(err)
			}
			if i%4 == 0 {
				if err := two.Follow(t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := two.Follow(t.Context()); err != nil {
			rt.Fatal(err)
		}
		want := dump(open(t, database(t, dir)).Snapshot())
		for who, d := range map[string]*directory.Directory{"the writer": one, "the follower": two} {
			if diff := cmp.Diff(want, dump(d.Snapshot()), secrets, cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("%s and a node that starts now (+) differ:\n%s", who, diff)
			}
		}
	})
}
