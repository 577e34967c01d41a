// Package storetest holds what every objectstore.Store has to do, as tests.
package storetest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // ETags are MD5 by S3's definition
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// Full is a store with all that the front can use.
type Full interface {
	objectstore.Store
	objectstore.BucketKeeper
	objectstore.Versioner
	objectstore.Tagger
	objectstore.Multiparter
	objectstore.UploadLister
}

// Options say what a store cannot do.
type Options struct {
	// NoVersions skips the tests of versions, for back ends that have none.
	NoVersions bool
	// NoNUL skips keys with control characters.
	NoNUL bool
	// PathKeys says that keys are paths to the store: "", "." and ".." segments are refused by it.
	PathKeys bool
	// OldVersions says that the store, when a delete marker goes, does not bring the newest version
	// back where there is a null version (seen in versitygw 1.8.0).
	OldVersions bool
	// OnePage says that the store cannot list versions in pages.
	OnePage bool
	// NoIncarnations says that a deleted bucket's name is free for the store's other users.
	NoIncarnations bool
}

// Body returns a payload of b.
func Body(b []byte) objectstore.Payload {
	return checksum.NewReader(bytes.NewReader(b), checksum.Declared{Algorithm: checksum.CRC32, Size: int64(len(b))})
}

// Pattern returns n bytes that differ along the way.
func Pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
}

// Run runs the suite; open returns an empty store and is called once for each test.
func Run(t *testing.T, open func(t *testing.T) Full, o Options) {
	h := &harness{open: open, o: o}
	for name, test := range map[string]func(t *testing.T, s *suite){
		"PutGet": h.putGet, "Ranges": h.ranges, "Conditions": h.conditions, "Keys": h.keys, "List": h.list,
		"Replace": h.replace, "Multipart": h.multipart, "MultipartErrors": h.multipartErrors, "Uploads": h.uploads,
		"Tags": h.tags, "BrokenBody": h.brokenBody, "OneWriterWins": h.oneWriterWins, "DeleteBucket": h.deleteBucket,
	} {
		t.Run(name, func(t *testing.T) { test(t, h.suite(t)) })
	}
	if !o.NoVersions {
		t.Run("Versions", func(t *testing.T) { h.versions(t, h.suite(t)) })
		t.Run("ListVersions", func(t *testing.T) { h.listVersions(t, h.suite(t)) })
	}
}

type harness struct {
	open func(t *testing.T) Full
	o    Options
}

type suite struct {
	*testing.T
	ctx context.Context
	s   Full
	b   objectstore.Bucket
}

func (h *harness) suite(t *testing.T) *suite {
	s := &suite{T: t, ctx: t.Context(), s: h.open(t), b: objectstore.Bucket{
		Name: fmt.Sprintf("suite-%d", time.Now().UnixNano()), Incarnation: "1"}}
	if err := s.s.CreateBucket(s.ctx, s.b); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *suite) put(key string, body []byte, change ...func(*objectstore.Put)) objectstore.Info {
	s.Helper()
	in := objectstore.Put{Bucket: s.b, Key: key, Body: Body(body), Size: int64(len(body))}
	for _, f := range change {
		f(&in)
	}
	info, err := s.s.Put(s.ctx, in)
	if err != nil {
		s.Fatalf("put %q: %v", key, err)
	}
	return info
}

func (s *suite) get(in objectstore.Get) (*objectstore.Object, []byte, error) {
	s.Helper()
	in.Bucket = s.b
	o, err := s.s.Get(s.ctx, in)
	if err != nil {
		return o, nil, err
	}
	body, err := io.ReadAll(o.Body)
	if closeErr := o.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		s.Fatalf("reading %q: %v", in.Key, err)
	}
	return o, body, nil
}

func (s *suite) ref(key string) objectstore.Ref { return objectstore.Ref{Bucket: s.b, Key: key} }

func (h *harness) putGet(t *testing.T, s *suite) {
	for _, size := range []int{0, 1, 1000, 16 << 10, 16<<10 + 1, 64 << 10, 64<<10 + 1, 300_000} {
		key, body := fmt.Sprintf("size/%d", size), Pattern(size)
		headers := objectstore.Headers{ContentType: "text/x", CacheControl: "no-store", ContentDisposition: "inline",
			ContentEncoding: "x", ContentLanguage: "de"}
		meta := []objectstore.Meta{{Name: "one", Value: "eins"}}
		info := s.put(key, body, func(p *objectstore.Put) { p.Headers, p.Meta = headers, meta })
		sum := md5.Sum(body) //nolint:gosec // ETag
		if want := hex.EncodeToString(sum[:]); info.ETag != want {
			t.Errorf("%d bytes: etag %s, want %s", size, info.ETag, want)
		}
		o, got, err := s.get(objectstore.Get{Ref: s.ref(key)})
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
		}
		if o.Size != int64(size) || o.ETag != info.ETag || !cmp.Equal(o.Headers, headers) || !cmp.Equal(o.Meta, meta) ||
			time.Since(o.LastModified) > time.Minute {
			t.Errorf("%d bytes: info %+v", size, o.Info)
		}
		head, err := s.s.Get(s.ctx, objectstore.Get{Ref: s.ref(key), HeadOnly: true})
		if err != nil || head.Body != nil || head.Size != int64(size) {
			t.Errorf("%d bytes: head %+v, %v", size, head, err)
		}
	}
	for _, bad := range []string{"nope", "size", "size/"} {
		if _, _, err := s.get(objectstore.Get{Ref: s.ref(bad)}); !errors.Is(err, objectstore.ErrNoSuchKey) {
			t.Errorf("get %q: %v", bad, err)
		}
	}
	if _, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: s.ref("nope")}); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
}

func (h *harness) ranges(t *testing.T, s *suite) {
	body := Pattern(200_000)
	s.put("big", body)
	s.put("small", body[:100])
	s.put("empty", nil)
	for _, c := range []struct {
		key      string
		rg       objectstore.Range
		from, to int
		err      error
	}{
		{"big", objectstore.Range{Set: true, First: 0, Last: 0}, 0, 1, nil},
		{"big", objectstore.Range{Set: true, First: 65_530, Last: 65_545}, 65_530, 65_546, nil},
		{"big", objectstore.Range{Set: true, First: 131_072, Last: -1}, 131_072, 200_000, nil},
		{"big", objectstore.Range{Set: true, First: 199_999, Last: 1 << 40}, 199_999, 200_000, nil},
		{"big", objectstore.Range{Set: true, Suffix: true, Last: 70_000}, 130_000, 200_000, nil},
		{"big", objectstore.Range{Set: true, First: 200_000, Last: -1}, 0, 0, objectstore.ErrInvalidRange},
		{"small", objectstore.Range{Set: true, First: 10, Last: 19}, 10, 20, nil},
		{"small", objectstore.Range{Set: true, Suffix: true, Last: 1000}, 0, 100, nil},
		{"small", objectstore.Range{Set: true, Suffix: true, Last: 0}, 0, 0, objectstore.ErrInvalidRange},
		{"empty", objectstore.Range{Set: true, First: 0, Last: -1}, 0, 0, objectstore.ErrInvalidRange},
	} {
		o, got, err := s.get(objectstore.Get{Ref: s.ref(c.key), Range: c.rg})
		if !errors.Is(err, c.err) {
			t.Errorf("%s %+v: %v, want %v", c.key, c.rg, err, c.err)
			continue
		}
		if err == nil && (!bytes.Equal(got, body[c.from:c.to]) || o.Offset != int64(c.from) || o.Length != int64(c.to-c.from)) {
			t.Errorf("%s %+v: %d bytes at %d+%d", c.key, c.rg, len(got), o.Offset, o.Length)
		}
	}
}

func (h *harness) conditions(t *testing.T, s *suite) {
	info := s.put("k", []byte("v"))
	if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "k", Body: Body([]byte("w")), Size: 1, IfNoneMatch: "*"}); !errors.Is(err, objectstore.ErrPrecondition) {
		t.Errorf("If-None-Match on an object: %v", err)
	}
	if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "k", Body: Body([]byte("w")), Size: 1, IfMatch: `"beef"`}); !errors.Is(err, objectstore.ErrPrecondition) {
		t.Errorf("If-Match with another etag: %v", err)
	}
	if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "new", Body: Body([]byte("w")), Size: 1, IfMatch: info.ETag}); !errors.Is(err, objectstore.ErrNoSuchKey) {
		t.Errorf("If-Match on nothing: %v", err)
	}
	s.put("k", []byte("w"), func(p *objectstore.Put) { p.IfMatch = `"` + info.ETag + `"` })
	s.put("k2", []byte("w"), func(p *objectstore.Put) { p.IfNoneMatch = "*" })
	old := info.ETag
	time.Sleep(1100 * time.Millisecond) // HTTP dates carry seconds, and some stores compare finer ones
	for name, c := range map[string]struct {
		c    objectstore.Conditions
		want error
	}{
		"match":              {objectstore.Conditions{IfMatch: old}, objectstore.ErrPrecondition},
		"none match":         {objectstore.Conditions{IfNoneMatch: "*"}, objectstore.ErrNotModified},
		"none match other":   {objectstore.Conditions{IfNoneMatch: `"` + old + `"`}, nil},
		"modified since":     {objectstore.Conditions{IfModifiedSince: time.Now()}, objectstore.ErrNotModified},
		"modified since old": {objectstore.Conditions{IfModifiedSince: time.Now().Add(-time.Hour)}, nil},
		"unmodified since":   {objectstore.Conditions{IfUnmodifiedSince: time.Now().Add(-time.Hour)}, objectstore.ErrPrecondition},
	} {
		if _, _, err := s.get(objectstore.Get{Ref: s.ref("k"), Conditions: c.c}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// HostileKeys are names that a careless store mixes up.
func HostileKeys() []string {
	return []string{
		"plain", "..", "../up", "a/../b", "./a", "a/./b", "/", "//", "/lead", "a//b", "trail/", "%2e%2e", "%2F", "a b", "a+b", "a?b#c",
		"a\x00b", "a\x00", "a\x01", "a", "ab", "é", "e\u0301", "日本語", "😀", "\\win\\", "tmp", "a\nb", `"<&>'`, strings.Repeat("k", objectstore.MaxKeyBytes),
	}
}

func (h *harness) usable(key string) bool {
	if h.o.NoNUL && strings.ContainsAny(key, "\x00\x01\n") {
		return false
	}
	if h.o.PathKeys {
		if len(key) > 255 {
			return false
		}
		for seg := range strings.SplitSeq(key, "/") {
			if seg == "" || seg == "." || seg == ".." {
				return false
			}
		}
	}
	return true
}

func (h *harness) keys(t *testing.T, s *suite) {
	want := map[string]string{}
	for i, key := range HostileKeys() {
		if h.usable(key) {
			body := fmt.Sprintf("body %d", i)
			s.put(key, []byte(body))
			want[key] = body
		}
	}
	got := map[string]string{}
	for after := ""; ; {
		page, err := s.s.List(s.ctx, objectstore.List{Bucket: s.b, After: after, Max: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			_, body, err := s.get(objectstore.Get{Ref: s.ref(o.Key)})
			if err != nil {
				t.Fatalf("%q is listed and cannot be read: %v", o.Key, err)
			}
			got[o.Key] = string(body)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func (h *harness) list(t *testing.T, s *suite) {
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "b0", "c/", "c/x", "d"} {
		if h.usable(k) {
			s.put(k, []byte(k))
		}
	}
	pages := func(in objectstore.List) (out []string) {
		for range 50 {
			in.Bucket = s.b
			page, err := s.s.List(s.ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(page.Objects) + len(page.Prefixes); n > in.Max {
				t.Errorf("%d entries on a page of %d", n, in.Max)
			}
			i, j := 0, 0
			for i < len(page.Objects) || j < len(page.Prefixes) { // merged in order
				if j == len(page.Prefixes) || i < len(page.Objects) && page.Objects[i].Key < page.Prefixes[j] {
					out = append(out, page.Objects[i].Key)
					i++
				} else {
					out = append(out, page.Prefixes[j]+"*")
					j++
				}
			}
			if page.Next == "" {
				return out
			}
			in.After = page.Next
		}
		t.Fatal("the listing does not end")
		return nil
	}
	for _, limit := range []int{1, 2, 1000} {
		for name, c := range map[string]struct {
			in   objectstore.List
			want string
		}{
			"all":          {objectstore.List{}, "a b/1 b/2 b/c/3 b0 c/ c/x d"},
			"delimiter":    {objectstore.List{Delimiter: "/"}, "a b/* b0 c/* d"},
			"prefix":       {objectstore.List{Prefix: "b/"}, "b/1 b/2 b/c/3"},
			"both":         {objectstore.List{Prefix: "b/", Delimiter: "/"}, "b/1 b/2 b/c/*"},
			"after":        {objectstore.List{After: "b/2"}, "b/c/3 b0 c/ c/x d"},
			"after prefix": {objectstore.List{After: "b/", Delimiter: "/"}, "b0 c/* d"},
			"half prefix":  {objectstore.List{Prefix: "b", Delimiter: "/"}, "b/* b0"},
			"nothing":      {objectstore.List{Prefix: "zz"}, ""},
		} {
			c.in.Max = limit
			got := strings.Join(pages(c.in), " ")
			want := c.want
			if h.o.PathKeys {
				want = strings.ReplaceAll(strings.ReplaceAll(want, "c/ c/x", "c/x"), "  ", " ")
			}
			if got != want {
				t.Errorf("%s by %d: %q, want %q", name, limit, got, want)
			}
		}
	}
}

func (h *harness) replace(t *testing.T, s *suite) {
	big := Pattern(100_000)
	s.put("k", big)
	o, err := s.s.Get(s.ctx, objectstore.Get{Ref: s.ref("k")})
	if err != nil {
		t.Fatal(err)
	}
	s.put("k", []byte("small"))
	if !h.o.NoIncarnations { // a reader keeps what it began to read
		got, err := io.ReadAll(o.Body)
		if err != nil || !bytes.Equal(got, big) {
			t.Errorf("a replaced object reads %d bytes, %v", len(got), err)
		}
	}
	_ = o.Body.Close()
	if _, got, _ := s.get(objectstore.Get{Ref: s.ref("k")}); string(got) != "small" {
		t.Errorf("got %d bytes", len(got))
	}
	if _, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: s.ref("k")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.get(objectstore.Get{Ref: s.ref("k")}); !errors.Is(err, objectstore.ErrNoSuchKey) {
		t.Errorf("after the deletion: %v", err)
	}
}

func (h *harness) upload(t *testing.T, s *suite, key string, sizes ...int) (objectstore.UploadRef, []objectstore.CompletePart, []byte) {
	t.Helper()
	id, err := s.s.CreateUpload(s.ctx, objectstore.CreateUpload{Bucket: s.b, Key: key, Headers: objectstore.Headers{ContentType: "a/b"},
		Meta: []objectstore.Meta{{Name: "m", Value: "v"}}, Algorithm: checksum.CRC32, Type: checksum.FullObject, Initiator: "arn:aws:iam::123456789012:user/u"})
	if err != nil {
		t.Fatal(err)
	}
	ref := objectstore.UploadRef{Bucket: s.b, Key: key, UploadID: id}
	total := 0
	for _, n := range sizes {
		total += n
	}
	body, parts := Pattern(total), []objectstore.CompletePart(nil)
	rest := body
	for i, n := range sizes {
		p, err := s.s.PutPart(s.ctx, objectstore.PutPart{UploadRef: ref, Number: i + 1, Body: Body(rest[:n]), Size: int64(n)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, objectstore.CompletePart{Number: i + 1, ETag: p.ETag, Checksum: p.Checksum})
		rest = rest[n:]
	}
	return ref, parts, body
}

func (h *harness) multipart(t *testing.T, s *suite) {
	ref, parts, body := h.upload(t, s, "mp", objectstore.MinPartBytes, objectstore.MinPartBytes+1, 17)
	info, err := s.s.CompleteUpload(s.ctx, objectstore.CompleteUpload{UploadRef: ref, Parts: parts, Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	all := md5.New() //nolint:gosec // ETag
	for _, p := range parts {
		raw, _ := hex.DecodeString(p.ETag)
		_, _ = all.Write(raw)
	}
	if want := hex.EncodeToString(all.Sum(nil)) + "-3"; info.ETag != want {
		t.Errorf("etag %s, want %s", info.ETag, want)
	}
	o, got, err := s.get(objectstore.Get{Ref: s.ref("mp")})
	if err != nil || !bytes.Equal(got, body) || o.Headers.ContentType != "a/b" || len(o.Meta) != 1 {
		t.Fatalf("%d bytes, %+v, %v", len(got), o, err)
	}
	from := objectstore.MinPartBytes - 5
	if _, got, err := s.get(objectstore.Get{Ref: s.ref("mp"), Range: objectstore.Range{Set: true, First: int64(from), Last: int64(from + 9)}}); err != nil || !bytes.Equal(got, body[from:from+10]) {
		t.Errorf("a range over two parts: %d bytes, %v", len(got), err)
	}
	if _, got, err := s.get(objectstore.Get{Ref: s.ref("mp"), Part: 3}); err != nil || !bytes.Equal(got, body[len(body)-17:]) {
		t.Errorf("part 3: %d bytes, %v", len(got), err)
	}
	if _, _, err := s.get(objectstore.Get{Ref: s.ref("mp"), Part: 4}); !errors.Is(err, objectstore.ErrPartNumber) {
		t.Errorf("part 4: %v", err)
	}
	if err := s.s.AbortUpload(s.ctx, ref); err != nil && !errors.Is(err, objectstore.ErrNoSuchUpload) {
		t.Errorf("aborting what is complete: %v", err)
	}
}

func (h *harness) multipartErrors(t *testing.T, s *suite) {
	ref, parts, _ := h.upload(t, s, "mp", 10, 10)
	complete := func(change func(in *objectstore.CompleteUpload)) error {
		in := objectstore.CompleteUpload{UploadRef: ref, Parts: append([]objectstore.CompletePart(nil), parts...), Size: -1}
		change(&in)
		_, err := s.s.CompleteUpload(s.ctx, in)
		return err
	}
	for name, c := range map[string]struct {
		change func(in *objectstore.CompleteUpload)
		want   error
	}{
		"too small": {func(*objectstore.CompleteUpload) {}, objectstore.ErrPartTooSmall},
		"order":     {func(in *objectstore.CompleteUpload) { in.Parts[0], in.Parts[1] = in.Parts[1], in.Parts[0] }, objectstore.ErrPartOrder},
		"etag": {func(in *objectstore.CompleteUpload) {
			in.Parts = []objectstore.CompletePart{{Number: 2, ETag: strings.Repeat("0", 32)}}
		}, objectstore.ErrInvalidPart},
		"missing": {func(in *objectstore.CompleteUpload) {
			in.Parts = []objectstore.CompletePart{{Number: 7, ETag: parts[0].ETag}}
		}, objectstore.ErrInvalidPart},
		"upload": {func(in *objectstore.CompleteUpload) { in.UploadID = "nope" }, objectstore.ErrNoSuchUpload},
	} {
		if err := complete(c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	s.put("mp", []byte("there"))
	err := complete(func(in *objectstore.CompleteUpload) { in.Parts, in.IfNoneMatch = in.Parts[:1], "*" })
	if !errors.Is(err, objectstore.ErrPrecondition) {
		t.Errorf("If-None-Match: %v", err)
	}
	if err := s.s.AbortUpload(s.ctx, ref); err != nil {
		t.Fatal(err)
	}
	if _, err := s.s.PutPart(s.ctx, objectstore.PutPart{UploadRef: ref, Number: 1, Body: Body([]byte("x")), Size: 1}); !errors.Is(err, objectstore.ErrNoSuchUpload) {
		t.Errorf("a part of an aborted upload: %v", err)
	}
}

func (h *harness) uploads(t *testing.T, s *suite) {
	var ids []string
	for _, key := range []string{"a/1", "a/2", "b"} {
		ref, _, _ := h.upload(t, s, key, 5)
		ids = append(ids, ref.UploadID)
	}
	all, err := s.s.ListUploads(s.ctx, objectstore.ListUploads{Bucket: s.b, Max: 1000})
	if err != nil || len(all.Uploads) != 3 || all.Uploads[1].UploadID != ids[1] || all.Uploads[2].Key != "b" {
		t.Errorf("%+v, %v", all, err)
	}
	grouped, err := s.s.ListUploads(s.ctx, objectstore.ListUploads{Bucket: s.b, Delimiter: "/", Max: 1000})
	if err != nil || len(grouped.Uploads) != 1 || !cmp.Equal(grouped.Prefixes, []string{"a/"}) {
		t.Errorf("%+v, %v", grouped, err)
	}
	parts, err := s.s.ListParts(s.ctx, objectstore.UploadRef{Bucket: s.b, Key: "b", UploadID: ids[2]}, 0, 1000)
	if err != nil || len(parts.Parts) != 1 || parts.Parts[0].Size != 5 || parts.Parts[0].Number != 1 {
		t.Errorf("%+v, %v", parts, err)
	}
}

func (h *harness) tags(t *testing.T, s *suite) {
	want := []identity.Tag{{Key: "team", Value: "a b"}, {Key: "é", Value: ""}}
	s.put("k", Pattern(100_000), func(p *objectstore.Put) { p.Tags = want })
	if _, got, err := s.s.Tags(s.ctx, s.ref("k")); err != nil || !sameTags(want, got) {
		t.Errorf("tags %v, %v", got, err)
	}
	want = want[:1]
	if _, err := s.s.SetTags(s.ctx, s.ref("k"), want); err != nil {
		t.Fatal(err)
	}
	if _, got, err := s.s.Tags(s.ctx, s.ref("k")); err != nil || !sameTags(want, got) {
		t.Errorf("tags %v, %v", got, err)
	}
	if _, err := s.s.SetTags(s.ctx, s.ref("k"), nil); err != nil {
		t.Fatal(err)
	}
	if _, got, err := s.s.Tags(s.ctx, s.ref("k")); err != nil || len(got) != 0 {
		t.Errorf("tags %v, %v", got, err)
	}
	if _, body, err := s.get(objectstore.Get{Ref: s.ref("k")}); err != nil || len(body) != 100_000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if _, err := s.s.SetTags(s.ctx, s.ref("none"), want); !errors.Is(err, objectstore.ErrNoSuchKey) {
		t.Errorf("tags of nothing: %v", err)
	}
}

func sameTags(a, b []identity.Tag) bool {
	values := map[string]string{}
	for _, t := range a {
		values[t.Key] = t.Value
	}
	for _, t := range b {
		if v, ok := values[t.Key]; !ok || v != t.Value {
			return false
		}
	}
	return len(a) == len(b)
}

type brokenReader struct {
	n   int
	err error
}

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, r.err
	}
	n := min(r.n, len(p))
	r.n -= n
	return n, nil
}

func (h *harness) brokenBody(t *testing.T, s *suite) {
	broken := errors.New("broken off")
	for _, size := range []int{0, 10, 70_000, 200_000} {
		body := checksum.NewReader(&brokenReader{n: size, err: broken}, checksum.Declared{Size: -1})
		if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "k", Body: body, Size: int64(size)}); !errors.Is(err, broken) {
			t.Errorf("%d bytes: %v", size, err)
		}
		wrong := checksum.NewReader(bytes.NewReader(Pattern(size)), checksum.Declared{Size: -1, Algorithm: checksum.CRC32, Value: "AAAAAQ=="})
		if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "k", Body: wrong, Size: int64(size)}); !errors.Is(err, checksum.ErrChecksum) {
			t.Errorf("%d bytes with another checksum: %v", size, err)
		}
	}
	if o, _, err := s.get(objectstore.Get{Ref: s.ref("k")}); !errors.Is(err, objectstore.ErrNoSuchKey) {
		t.Errorf("something of it was stored: %+v, %v", o, err)
	}
}

func (h *harness) oneWriterWins(t *testing.T, s *suite) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		wg.Go(func() {
			body := []byte(fmt.Sprint(i))
			_, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "lock", Body: Body(body), Size: int64(len(body)), IfNoneMatch: "*"})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, objectstore.ErrPrecondition) && !errors.Is(err, objectstore.ErrConflict):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

func (h *harness) deleteBucket(t *testing.T, s *suite) {
	s.put("k", Pattern(100_000))
	if err := s.s.DeleteBucket(s.ctx, s.b); !errors.Is(err, objectstore.ErrBucketNotEmpty) {
		t.Errorf("a bucket with an object: %v", err)
	}
	if _, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: s.ref("k")}); err != nil {
		t.Fatal(err)
	}
	if err := s.s.DeleteBucket(s.ctx, s.b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.s.Put(s.ctx, objectstore.Put{Bucket: s.b, Key: "k", Body: Body(nil), Size: 0}); !errors.Is(err, objectstore.ErrNoSuchBucket) {
		t.Errorf("a write to a deleted bucket: %v", err)
	}
	if h.o.NoIncarnations {
		return
	}
	s.b.Incarnation = "2"
	s.put("k", []byte("again"))
}
