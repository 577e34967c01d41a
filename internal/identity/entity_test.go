package identity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

func TestParseARN(t *testing.T) {
	for text, want := range map[string]identity.ARN{
		"arn:aws:iam::123456789012:role/app/web": {Partition: "aws", Service: "iam", Account: "123456789012", Resource: "role/app/web"},
		"arn:aws:iam::aws:policy/A":              {Partition: "aws", Service: "iam", Account: "aws", Resource: "policy/A"},
		"arn:aws:s3:::bucket/a:b":                {Partition: "aws", Service: "s3", Resource: "bucket/a:b"},
		"arn:aws-cn:sqs:cn-north-1:000000000000:q": {
			Partition: "aws-cn", Service: "sqs", Region: "cn-north-1", Account: "000000000000", Resource: "q",
		},
	} {
		got, err := identity.ParseARN(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "arn", "arn:aws:iam::123456789012", "arn:aws:iam::123456789012:", "arn::iam::123456789012:root", "arn:aws:::123456789012:root", "urn:aws:iam::123456789012:root", "arn:aws:iam::12345678901:root", "arn:aws:iam::12345678901x:root"} {
		if got, err := identity.ParseARN(text); !errors.Is(err, identity.ErrARN) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/app/web")
	f.Add("arn:aws:s3:::b/k")
	f.Add("arn:::::")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := identity.ParseARN(text)
		if err != nil {
			return
		}
		if a.String() != text {
			t.Errorf("%q became %q", text, a)
		}
		a.PathAndName()
		a.ResourceType()
	})
}

func TestARNs(t *testing.T) {
	const account = "123456789012"
	for got, want := range map[string]string{
		identity.RootARN(account):                         "arn:aws:iam::123456789012:root",
		identity.UserARN(account, "/a/b/", "u"):           "arn:aws:iam::123456789012:user/a/b/u",
		identity.GroupARN(account, "/", "g"):              "arn:aws:iam::123456789012:group/g",
		identity.RoleARN(account, "/", "r"):               "arn:aws:iam::123456789012:role/r",
		identity.PolicyARN(identity.AWSAccount, "/", "p"): "arn:aws:iam::aws:policy/p",
		identity.InstanceProfileARN(account, "/", "i"):    "arn:aws:iam::123456789012:instance-profile/i",
		identity.MFADeviceARN(account, "/", "m"):          "arn:aws:iam::123456789012:mfa/m",
		identity.OIDCProviderARN(account, "h/p"):          "arn:aws:iam::123456789012:oidc-provider/h/p",
		identity.SAMLProviderARN(account, "s"):            "arn:aws:iam::123456789012:saml-provider/s",
		identity.AssumedRoleARN(account, "r", "s"):        "arn:aws:sts::123456789012:assumed-role/r/s",
		identity.FederatedUserARN(account, "f"):           "arn:aws:sts::123456789012:federated-user/f",
		identity.ObjectARN("b", "k/é"):                    "arn:aws:s3:::b/k/é",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if _, err := identity.ParseARN(got); err != nil {
			t.Error(err)
		}
	}
	for resource, want := range map[string][2]string{"role/web": {"/", "web"}, "role/a/b/web": {"/a/b/", "web"}, "root": {"/", ""}} {
		path, name := identity.ARN{Resource: resource}.PathAndName()
		if path != want[0] || name != want[1] {
			t.Errorf("%s: %q %q", resource, path, name)
		}
	}
}

func TestNames(t *testing.T) {
	for what, c := range map[string]struct {
		check     func(string) error
		good, bad []string
	}{
		"user":         {identity.CheckUserName, []string{"a", "A_+=,.@-9", strings.Repeat("x", 64)}, []string{"", "a b", "é", "a/b", "a\n", strings.Repeat("x", 65)}},
		"group":        {identity.CheckGroupName, []string{strings.Repeat("x", 128)}, []string{strings.Repeat("x", 129)}},
		"policy":       {identity.CheckPolicyName, []string{strings.Repeat("x", 128)}, []string{"", strings.Repeat("x", 129)}},
		"role":         {identity.CheckRoleName, []string{strings.Repeat("x", 64)}, []string{strings.Repeat("x", 65), "a*"}},
		"profile":      {identity.CheckInstanceProfileName, []string{"x"}, []string{""}},
		"role session": {identity.CheckRoleSessionName, []string{"ab", strings.Repeat("x", 64)}, []string{"a", strings.Repeat("x", 65), "a:b"}},
		"federated":    {identity.CheckFederatedName, []string{"ab"}, []string{"a", strings.Repeat("x", 33)}},
		"alias":        {identity.CheckAlias, []string{"abc", "a-b-c", "1a2"}, []string{"ab", "-abc", "abc-", "a--b", "Abc", "a.b", strings.Repeat("x", 64)}},
		"path":         {identity.CheckPath, []string{"/", "/a/", "/a/!~/"}, []string{"", "a", "/a", "a/", "/a b/", "/é/", "/" + strings.Repeat("x", 512) + "/"}},
		"bucket": {identity.CheckBucketName, []string{"abc", "a.b-c9", strings.Repeat("x", 63)},
			[]string{"ab", "Abc", "a_c", "-ab", "ab-", "a..b", "192.168.5.4", "xn--abc", "abc-s3alias", strings.Repeat("x", 64), "a/b"}},
	} {
		for _, name := range c.good {
			if err := c.check(name); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, name := range c.bad {
			if c.check(name) == nil {
				t.Errorf("%s: took %q", what, name)
			}
		}
	}
}

func TestTags(t *testing.T) {
	tag := func(kv ...string) []identity.Tag {
		var tags []identity.Tag
		for i := 0; i < len(kv); i += 2 {
			tags = append(tags, identity.Tag{Key: kv[i], Value: kv[i+1]})
		}
		return tags
	}
	for _, good := range [][]identity.Tag{nil, tag("a", ""), tag("Ä 1_.:/=+-@", "é"), tag(strings.Repeat("é", 128), strings.Repeat("é", 256))} {
		if err := identity.CheckTags(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range [][]identity.Tag{tag("", "a"), tag("a", "1", "A", "2"), tag("aws:x", ""), tag("AWS:x", ""), tag("a*", ""), tag("a", "\x00"), tag("\xff", ""), tag(strings.Repeat("x", 129), ""), tag("a", strings.Repeat("x", 257))} {
		if err := identity.CheckTags(bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTagKeyCase: "a" and "A" are two keys on a policy, and one on a role.
func TestTagKeyCase(t *testing.T) {
	tags := []identity.Tag{{Key: "A"}, {Key: "a"}}
	p, err := identity.NewManagedPolicy("123456789012", "/", "p", "{}", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if p.Tags = tags; p.Validate() != nil {
		t.Errorf("policy: %v", p.Validate())
	}
	if p.Tags = []identity.Tag{{Key: "a"}, {Key: "a"}}; p.Validate() == nil {
		t.Error("policy with a key twice")
	}
	r, err := identity.NewRole("123456789012", "/", "r", "{}", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if r.Tags = tags; r.Validate() == nil {
		t.Error("role with a key twice")
	}
}

// entities returns one of each type, with every field set.
func entities(t *testing.T) []identity.Entity {
	t.Helper()
	all := []identity.Entity{
		&identity.Account{}, &identity.UserEntity{}, &identity.Group{}, &identity.Role{}, &identity.ManagedPolicy{}, &identity.InstanceProfile{},
		&identity.AccessKey{}, &identity.MFADevice{}, &identity.LoginProfile{}, &identity.OIDCProvider{}, &identity.SAMLProvider{},
		&identity.ServerCertificate{}, &identity.SigningCertificate{}, &identity.Bucket{}, &identity.DeniedSession{},
	}
	for _, e := range all {
		fill(reflect.ValueOf(e).Elem())
	}
	return all
}

func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case rolecall.Secret:
		v.Set(reflect.ValueOf(rolecall.NewSecret("canary-secret")))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1e9, 0).UTC()))
		return
	}
	switch v.Kind() { //nolint:exhaustive // the kinds that entities have
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 4)) // room to append in place
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("v"))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	default:
		panic("a kind of field that this test does not know: " + v.Kind().String())
	}
}

// scramble changes everything that a value reaches.
func scramble(v reflect.Value) {
	if v.Type() == reflect.TypeFor[rolecall.Secret]() || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	switch v.Kind() { //nolint:exhaustive // the kinds that reach further, and text
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(v.Field(i))
		}
	case reflect.Pointer:
		scramble(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
		}
	case reflect.Map:
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("scrambled"))
	case reflect.String:
		v.SetString("scrambled")
	}
}

func TestClonesShareNothing(t *testing.T) {
	secrets := cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })
	for i, e := range entities(t) {
		clone := reflect.ValueOf(e).MethodByName("Clone").Call(nil)[0]
		if diff := cmp.Diff(e, clone.Interface(), secrets); diff != "" {
			t.Errorf("%T (-original +clone):\n%s", e, diff)
		}
		scramble(clone.Elem())
		if diff := cmp.Diff(entities(t)[i], e, secrets); diff != "" {
			t.Errorf("%T: changing the clone changed the original:\n%s", e, diff)
		}
	}
}

func TestEntitiesShowNoSecrets(t *testing.T) {
	for _, e := range entities(t) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if shown := string(text) + fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(shown, "canary") {
			t.Errorf("%T: %s", e, shown)
		}
	}
}

func TestConstructorsAndValidate(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 123, time.FixedZone("", 7200))
	u, err := identity.NewUser("123456789012", "/a/", "anna", now)
	if err != nil || !strings.HasPrefix(u.ID, "AIDA") || u.ARN() != "arn:aws:iam::123456789012:user/a/anna" || u.Created != time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC) {
		t.Errorf("%+v, %v", u, err)
	}
	k, err := identity.NewAccessKey("123456789012", u.ID, now)
	if err != nil || len(k.ID) != 20 || len(k.Secret.Expose()) != 40 || k.Status != identity.StatusActive {
		t.Errorf("%+v, %v", k, err)
	}
	for name, err := range map[string]error{
		"user":    second(identity.NewUser("12", "/", "x", now)),
		"path":    second(identity.NewUser("123456789012", "x", "x", now)),
		"group":   second(identity.NewGroup("123456789012", "/", "a b", now)),
		"role":    second(identity.NewRole("123456789012", "/", "r", "", now)),
		"policy":  second(identity.NewManagedPolicy("123456789012", "/", "", "{}", now)),
		"profile": second(identity.NewInstanceProfile("", "/", "x", now)),
		"bucket":  second(identity.NewBucket("123456789012", "us-east-1", "UPPER", now)),
		"region":  second(identity.NewBucket("123456789012", "", "lower", now)),
		"short session": func() error {
			r, _ := identity.NewRole("123456789012", "/", "r", "{}", now)
			r.MaxSession = time.Minute
			return r.Validate()
		}(),
		"group with a boundary": func() error {
			g, _ := identity.NewGroup("123456789012", "/", "g", now)
			g.Boundary = "x"
			return g.Validate()
		}(),
		"twice attached": func() error {
			c := u.Clone()
			c.Attached = []string{"a", "a"}
			return c.Validate()
		}(),
		"unsorted": func() error {
			c := u.Clone()
			c.Inline = []identity.InlinePolicy{{Name: "b", Document: "{}"}, {Name: "a", Document: "{}"}}
			return c.Validate()
		}(),
	} {
		if !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[E any](_ *E, err error) error { return err }

func TestGrants(t *testing.T) {
	var g identity.Grants
	g.SetInline("b", "1")
	g.SetInline("a", "2")
	g.SetInline("B", "3")
	if diff := cmp.Diff([]identity.InlinePolicy{{Name: "B", Document: "3"}, {Name: "a", Document: "2"}}, g.Inline); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p, ok := g.InlinePolicy("b"); !ok || p.Document != "3" {
		t.Errorf("%+v, %v", p, ok)
	}
	if !g.RemoveInline("A") || g.RemoveInline("a") {
		t.Error("RemoveInline")
	}
	if !g.Attach("x") || g.Attach("x") || !g.Detach("x") || g.Detach("x") {
		t.Error("Attach and Detach")
	}
}
