package token_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/token"
)

// memory is a key store without a database.
type memory struct {
	keys map[string]identity.RingKey
	fail error
	n    int
}

func (m *memory) RingKeys(context.Context) ([]identity.RingKey, error) {
	m.n++
	var all []identity.RingKey
	for _, k := range m.keys {
		all = append(all, k)
	}
	return all, m.fail
}

func (m *memory) PutRingKeys(_ context.Context, put []identity.RingKey, remove []string) error {
	m.n++
	if m.fail != nil {
		return m.fail
	}
	for _, k := range put {
		m.keys[k.ID] = k
	}
	for _, id := range remove {
		delete(m.keys, id)
	}
	return nil
}

type sealer struct{ aead cipher.AEAD }

func master(b byte) sealer {
	block, err := aes.NewCipher(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealer{aead}
}

func (s sealer) Seal(plaintext, aad []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plaintext, aad), nil
}

func (s sealer) Open(sealed, aad []byte) ([]byte, error) { return s.aead.Open(nil, nil, sealed, aad) }

func start() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// clock is a settable time.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func ring(t testing.TB, store token.KeyStore, o token.Options) *token.Ring {
	t.Helper()
	if o.Now == nil {
		o.Now = start
	}
	r, err := token.OpenRing(t.Context(), store, master(1), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newRing(t testing.TB) *token.Ring {
	t.Helper()
	return ring(t, &memory{keys: map[string]identity.RingKey{}}, token.Options{})
}

const accessKeyID = "ASIAQAAAAAAAGMKEM7X5"

func ordinary() *identity.Session {
	return &identity.Session{
		Type: identity.SessionAssumeRole, IssuedAt: start(), Expires: start().Add(time.Hour),
		Account: "123456789012", EntityID: "AROAQAAAAAAAGMKEM7X5A", Name: "web-app-7d9f8b6c5-x2x4z",
		SourceIdentity: "anna", ChainDepth: 1,
		Tags:              []identity.Tag{{Key: "team", Value: "platform"}, {Key: "cost-center", Value: "4711"}, {Key: "env", Value: "prod"}},
		TransitiveTagKeys: []string{"cost-center", "team"},
	}
}

func full() *identity.Session {
	s := ordinary()
	s.MFAAt = start().Add(-time.Minute)
	s.Federation = "arn:aws:iam::123456789012:saml-provider/corp"
	s.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],` +
		`"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/web-app/*"],"Condition":{"StringEquals":{"aws:PrincipalTag/team":"platform"}}}]}`
	s.PolicyARNs = []string{"arn:aws:iam::123456789012:policy/one", "arn:aws:iam::aws:policy/ReadOnlyAccess"}
	for i := range 20 {
		s.Tags = append(s.Tags, identity.Tag{Key: fmt.Sprintf("key-%d", i), Value: strings.Repeat("v", i)})
	}
	return s
}

func federated() *identity.Session {
	s := ordinary()
	s.Federation = "arn:aws:iam::123456789012:oidc-provider/token.example.com"
	s.FederatedKeys = []identity.ConditionKey{
		{Name: "token.example.com:sub", Values: []string{"repo:example/app:ref:refs/heads/main"}},
		{Name: "token.example.com:amr", Values: []string{"pwd", "mfa"}},
	}
	return s
}

func TestSealAtLeast(t *testing.T) {
	r := newRing(t)
	for _, size := range []int{0, 1, 300, 1001, 4095, 4096} {
		text, _, err := r.SealAtLeast(accessKeyID, federated(), size)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) < size || size > 1000 && len(text) >= size+4 || size == 0 && len(text) > 500 {
			t.Errorf("asked for %d characters, got %d", size, len(text))
		}
		got, _, err := r.Open(accessKeyID, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(federated(), got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", size, diff)
		}
	}
}

func TestSealOpen(t *testing.T) {
	r := newRing(t)
	for name, s := range map[string]*identity.Session{
		"ordinary": ordinary(), "full": full(), "federated": federated(),
		"least": {Type: identity.SessionToken, IssuedAt: start(), Expires: start().Add(time.Second), Account: "000000000000"},
		"odd times": {Type: identity.SessionFederation, IssuedAt: time.Unix(-5, 0).UTC(), Expires: time.Unix(-10, 0).UTC(),
			MFAAt: time.Unix(0, 0).UTC(), Account: "999999999999"},
	} {
		text, secret, err := r.Seal(accessKeyID, s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, again, err := r.Open(accessKeyID, text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !secret.Equal(again) || len(secret.Expose()) != 40 {
			t.Errorf("%s: the secret is another when opened, or has a wrong length", name)
		}
		if len(text)%4 != 0 || strings.Contains(text, "=") || len(text) >= 1024 {
			t.Errorf("%s: token of %d characters: %s", name, len(text), text)
		}
		t.Logf("%s: %d characters", name, len(text))
	}
}

func TestSealOpenAnySession(t *testing.T) {
	r := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 60, -1)
		s := &identity.Session{
			Type:     identity.SessionType(rapid.ByteRange(0, 255).Draw(t, "type")),
			IssuedAt: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "issued"), 0).UTC(),
			Account:  identity.AccountID(rapid.StringMatching(`[0-9]{12}`).Draw(t, "account")),
			EntityID: text.Draw(t, "entity"), Name: text.Draw(t, "name"), SourceIdentity: text.Draw(t, "source"),
			Federation: text.Draw(t, "federation"), ChainDepth: rapid.IntRange(0, 100).Draw(t, "depth"),
			Policy: rapid.StringN(0, 2048, -1).Draw(t, "policy"), PolicyARNs: rapid.SliceOfN(text, 0, 10).Draw(t, "arns"),
		}
		s.Expires = s.IssuedAt.Add(time.Duration(rapid.Int64Range(-10, 130000).Draw(t, "life")) * time.Second)
		for _, key := range rapid.SliceOfNDistinct(text, 0, 20, rapid.ID[string]).Draw(t, "tags") {
			s.Tags = append(s.Tags, identity.Tag{Key: key, Value: text.Draw(t, "value")})
			if rapid.Bool().Draw(t, "transitive") {
				s.TransitiveTagKeys = append(s.TransitiveTagKeys, key)
			}
		}
		if len(s.PolicyARNs) == 0 {
			s.PolicyARNs = nil
		}
		sealed, _, err := r.Seal(accessKeyID, s)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := r.Open(accessKeyID, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestSealRefuses(t *testing.T) {
	r := newRing(t)
	huge := ordinary()
	for i := range 3000 { // does not deflate well
		huge.Tags = append(huge.Tags, identity.Tag{Key: fmt.Sprintf("%x", i*7919*7919), Value: fmt.Sprint(i * 104729)})
	}
	noTag := ordinary()
	noTag.TransitiveTagKeys = []string{"Team"}
	noAccount := ordinary()
	noAccount.Account = "12345"
	for name, s := range map[string]*identity.Session{"huge": huge, "transitive key that is no tag": noTag, "no account": noAccount} {
		if _, _, err := r.Seal(accessKeyID, s); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	if _, _, err := r.Seal(strings.Repeat("A", 129), ordinary()); err == nil {
		t.Error("sealed for an access key id of 129 characters")
	}
}

func TestNothingIsReadableOrRepeats(t *testing.T) {
	r := newRing(t)
	seen := map[string]bool{}
	for range 100 {
		text, secret, err := r.Seal(accessKeyID, ordinary())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, clear := range []string{"AROAQ", "web-app", "platform", secret.Expose(), secret.Expose()[:10]} {
			if bytes.Contains(raw, []byte(clear)) || strings.Contains(text, clear) {
				t.Fatalf("%q can be read in the token", clear)
			}
		}
		if decoded, err := base64.StdEncoding.DecodeString(secret.Expose()); err != nil || bytes.Contains(raw, decoded[:8]) {
			t.Fatal("the secret can be read in the token")
		}
		if seen[text] || seen[secret.Expose()] {
			t.Fatal("token or secret repeats")
		}
		seen[text], seen[secret.Expose()] = true, true
	}
}

func TestOpenTellsErrorsApart(t *testing.T) {
	r := newRing(t)
	text, _, err := r.Seal(accessKeyID, ordinary())
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) string {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		raw[i] ^= 1
		return base64.StdEncoding.EncodeToString(raw)
	}
	wrapped, err := r.Wrap([]byte("0123456789abcdef0123456789abcdef"), []byte(accessKeyID))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		id, text string
		want     error
	}{
		"empty":                {accessKeyID, "", token.ErrMalformed},
		"not base64":           {accessKeyID, strings.Repeat("!", 400), token.ErrMalformed},
		"short":                {accessKeyID, text[:40], token.ErrMalformed},
		"length":               {accessKeyID, text[:len(text)-1], token.ErrMalformed},
		"line end":             {accessKeyID, text[:40] + "\r\n\r\n" + text[40:], token.ErrMalformed},
		"spaces":               {accessKeyID, "    " + text, token.ErrMalformed},
		"huge":                 {accessKeyID, strings.Repeat("A", 1<<20), token.ErrMalformed},
		"long access key id":   {strings.Repeat("A", 200), text, token.ErrMalformed},
		"other version":        {accessKeyID, flip(0), token.ErrMalformed},
		"other key id":         {accessKeyID, flip(1), token.ErrUnknownKey},
		"other nonce":          {accessKeyID, flip(5), token.ErrForged},
		"other body":           {accessKeyID, flip(20), token.ErrForged},
		"other tag":            {accessKeyID, flip(len(text)/4*3 - 1), token.ErrForged},
		"cut":                  {accessKeyID, text[:len(text)-4], token.ErrForged},
		"lengthened":           {accessKeyID, text + "AAAA", token.ErrForged},
		"other access key id":  {"ASIAQAAAAAAAGMKEM7X6", text, token.ErrForged},
		"no access key id":     {"", text, token.ErrForged},
		"a wrapped data key":   {accessKeyID, base64.StdEncoding.EncodeToString(append(wrapped, make([]byte, 3-len(wrapped)%3)...)), token.ErrUnknownKey},
		"another plane's ring": {accessKeyID, func() string { other, _, _ := newRing(t).Seal(accessKeyID, ordinary()); return other }(), token.ErrUnknownKey},
	} {
		s, secret, err := r.Open(c.id, c.text)
		if !errors.Is(err, c.want) || s != nil || !secret.IsZero() {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestID(t *testing.T) {
	r := newRing(t)
	one, _, _ := r.Seal(accessKeyID, ordinary())
	two, _, _ := r.Seal(accessKeyID, ordinary())
	a, err := token.ID(accessKeyID, one)
	if err != nil || len(a) != 32 {
		t.Fatalf("%q, %v", a, err)
	}
	b, _ := token.ID(accessKeyID, two)
	c, _ := token.ID("ASIAQAAAAAAAGMKEM7X6", one)
	if a == b || a == c {
		t.Error("two sessions have one id")
	}
	if _, err := token.ID(accessKeyID, "x"); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("error %v", err)
	}
}

func TestWrap(t *testing.T) {
	r := newRing(t)
	dataKey, aad := bytes.Repeat([]byte{7}, 32), []byte("bucket/key/version")
	wrapped, err := r.Wrap(dataKey, aad)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Unwrap(wrapped, aad)
	if err != nil || !bytes.Equal(got, dataKey) {
		t.Fatalf("%x, %v", got, err)
	}
	if bytes.Contains(wrapped, dataKey[:8]) {
		t.Error("the key can be read")
	}
	cut := wrapped[:len(wrapped)-1]
	flipped := slices.Clone(wrapped)
	flipped[20] ^= 1
	unknown := slices.Clone(wrapped)
	unknown[1] ^= 1
	for name, c := range map[string]struct {
		wrapped []byte
		aad     string
		want    error
	}{
		"other place": {wrapped, "bucket/key2/version", token.ErrForged},
		"cut":         {cut, string(aad), token.ErrForged},
		"flipped":     {flipped, string(aad), token.ErrForged},
		"other key":   {unknown, string(aad), token.ErrUnknownKey},
		"empty":       {nil, string(aad), token.ErrMalformed},
		"long":        {make([]byte, 1000), string(aad), token.ErrMalformed},
	} {
		if _, err := r.Unwrap(c.wrapped, []byte(c.aad)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int{0, 257} {
		if _, err := r.Wrap(make([]byte, size), nil); err == nil {
			t.Errorf("wrapped a key of %d bytes", size)
		}
	}
}

// The documented example of AssumeRole answers a PackedPolicySize of 8; real answers are higher for tags.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func TestPackedPercent(t *testing.T) {
	example := &identity.Session{
		Policy:            `{"Version":"2012-10-17","Statement":[{"Sid":"Stmt1","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		PolicyARNs:        []string{"arn:aws:iam::123456789012:policy/demopolicy1", "arn:aws:iam::123456789012:policy/demopolicy2"},
		Tags:              []identity.Tag{{Key: "Project", Value: "Unicorn"}, {Key: "Team", Value: "Automation"}, {Key: "Cost-Center", Value: "12345"}},
		TransitiveTagKeys: []string{"Project", "Cost-Center"},
	}
	if got := token.PackedPercent(example); got < 4 || got > 20 {
		t.Errorf("the documented example takes %d %%", got)
	}
	if got := token.PackedPercent(&identity.Session{Name: "x"}); got != 0 {
		t.Errorf("nothing takes %d %%", got)
	}
	big := &identity.Session{}
	for i := range 20 {
		big.Tags = append(big.Tags, identity.Tag{Key: fmt.Sprintf("key%02d", i), Value: fmt.Sprint(i * 104729)})
	}
	if got := newRing(t).PackedPercent(big); got > 80 || got < 40 {
		t.Errorf("20 short tags take %d %%", got)
	}
	// https://github.com/aws-actions/configure-aws-credentials/issues/1898 has AWS's answer: 498.
	recorded := &identity.Session{}
	for i := range 9 {
		recorded.Tags = append(recorded.Tags, identity.Tag{Key: fmt.Sprintf("T%d", i+1), Value: strings.Repeat("a", 250)})
	}
	if got := token.PackedPercent(recorded); got < 490 || got > 506 {
		t.Errorf("nine long tags take %d %%", got)
	}
	random := rand.New(rand.NewPCG(1, 2))
	policy := func(repeated bool) string {
		var b strings.Builder
		for b.Len() < 2000 {
			n := random.Uint64()
			if repeated {
				n = 7
			}
			fmt.Fprintf(&b, `"arn:aws:s3:::bucket-%x/*",`, n)
		}
		return b.String()
	}
	if got := token.PackedPercent(&identity.Session{Policy: policy(true)}); got > 30 {
		t.Errorf("a long policy that says the same again and again takes %d %%", got)
	}
	if got := token.PackedPercent(&identity.Session{Policy: policy(false), Tags: recorded.Tags[:2]}); got <= 100 {
		t.Errorf("a long policy without repetition and two long tags take %d %%", got)
	}
}

func TestRotation(t *testing.T) {
	now := &clock{start()}
	store := &memory{keys: map[string]identity.RingKey{}}
	r := ring(t, store, token.Options{Now: now.now})
	states := func() map[string]int {
		n := map[string]int{}
		for _, k := range store.keys {
			n[k.Use+" "+k.State]++
		}
		return n
	}
	check := func(want map[string]int) {
		t.Helper()
		if diff := cmp.Diff(want, states()); diff != "" {
			t.Errorf("keys after %v (-want +got):\n%s", now.Sub(start()), diff)
		}
	}
	check(map[string]int{"session active": 1, "session prepared": 1, "data active": 1})
	first, _, _ := r.Seal(accessKeyID, ordinary())
	wrapped, _ := r.Wrap([]byte("key"), nil)

	tick := func(d time.Duration) {
		t.Helper()
		now.Time = now.Add(d)
		if err := r.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	calls := store.n
	tick(23 * time.Hour)
	if store.n != calls {
		t.Error("a tick with nothing to do touched the store")
	}
	tick(time.Hour) // 24 h
	check(map[string]int{"session active": 1, "session prepared": 1, "session old": 1, "data active": 1})
	second, _, _ := r.Seal(accessKeyID, ordinary())
	if second[:8] == first[:8] {
		t.Error("the old key still seals")
	}
	tick(36 * time.Hour) // 60 h: the first key is old since 36 h, and the second not yet replaced for 37
	for i, text := range []string{first, second} {
		if _, _, err := r.Open(accessKeyID, text); err != nil {
			t.Errorf("token %d after %v: %v", i+1, now.Sub(start()), err)
		}
	}
	tick(2 * time.Hour) // 62 h: past the overlap
	if _, _, err := r.Open(accessKeyID, first); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("first token after %v: %v", now.Sub(start()), err)
	}
	tick(100 * 24 * time.Hour)
	check(map[string]int{"session active": 1, "session prepared": 1, "session old": 1, "data active": 1, "data old": 1})
	if got, err := r.Unwrap(wrapped, nil); err != nil || string(got) != "key" {
		t.Errorf("data key after %v: %q, %v", now.Sub(start()), got, err)
	}
	// All of it survives a restart.
	before := r.String()
	if again := ring(t, store, token.Options{Now: now.now}); again.String() != before {
		t.Errorf("ring after a restart:\n%s\nbefore:\n%s", again, before)
	}
}

func TestNodes(t *testing.T) {
	store := &memory{keys: map[string]identity.RingKey{}}
	one, two := ring(t, store, token.Options{Node: "one"}), ring(t, store, token.Options{Node: "two"})
	text, secret, _ := two.Seal(accessKeyID, ordinary())
	if _, _, err := one.Open(accessKeyID, text); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("before the reload: %v", err)
	}
	if err := one.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, again, err := one.Open(accessKeyID, text); err != nil || !again.Equal(secret) {
		t.Errorf("node one opens node two's token: %v", err)
	}
	// The key that node two will seal with next is known to node one already.
	if err := two.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, _, _ = two.Seal(accessKeyID, ordinary())
	if _, _, err := one.Open(accessKeyID, text); err != nil {
		t.Errorf("after a rotation on node two: %v", err)
	}
}

func TestStoreFailure(t *testing.T) {
	store := &memory{keys: map[string]identity.RingKey{}}
	r := ring(t, store, token.Options{})
	before := r.String()
	store.fail = errors.New("disk on fire")
	if err := r.Rotate(t.Context()); !errors.Is(err, store.fail) {
		t.Errorf("error %v", err)
	}
	if r.String() != before {
		t.Error("the ring holds keys that the store does not")
	}
	if err := r.Reload(t.Context()); !errors.Is(err, store.fail) {
		t.Errorf("error %v", err)
	}
	store.fail = nil
	if _, err := token.OpenRing(t.Context(), store, master(2), token.Options{}); err == nil || strings.Contains(err.Error(), "disk") {
		t.Errorf("ring under another master key: %v", err)
	}
}

func TestRingShowsNoKeys(t *testing.T) {
	r := newRing(t)
	text := fmt.Sprintf("%v %+v %#v %s", r, r, r, r)
	if strings.Contains(text, "0x") || len(text) > 1000 {
		t.Errorf("%.1000s", text)
	}
}
