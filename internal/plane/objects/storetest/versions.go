package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

func versioned(p *objectstore.Put) { p.Versioning = objectstore.VersioningEnabled }

func suspended(p *objectstore.Put) { p.Versioning = objectstore.VersioningSuspended }

func (s *suite) setVersioning(v objectstore.Versioning) {
	s.Helper()
	if err := s.s.SetVersioning(s.ctx, s.b, v); err != nil {
		s.Fatal(err)
	}
}

func (h *harness) versions(t *testing.T, s *suite) {
	s.put("k", []byte("zero"))
	s.setVersioning(objectstore.VersioningEnabled)
	one := s.put("k", []byte("one"), versioned)
	two := s.put("k", Pattern(50_000), versioned)
	if one.VersionID == two.VersionID || one.VersionID == "" || one.VersionID == objectstore.NullVersion {
		t.Fatalf("version ids %q and %q", one.VersionID, two.VersionID)
	}
	read := func(id string) string {
		_, b, err := s.get(objectstore.Get{Ref: objectstore.Ref{Bucket: s.b, Key: "k", VersionID: id}})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(b))
	}
	if got := strings.Join([]string{read(""), read(two.VersionID), read(one.VersionID), read(objectstore.NullVersion)}, " "); got != "50000 50000 3 4" {
		t.Errorf("versions read %q", got)
	}
	gone, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: s.ref("k"), Versioning: objectstore.VersioningEnabled})
	if err != nil || !gone.DeleteMarker || gone.VersionID == "" {
		t.Fatalf("%+v, %v", gone, err)
	}
	_, _, err = s.get(objectstore.Get{Ref: s.ref("k")})
	if !errors.Is(err, objectstore.ErrNoSuchKey) {
		t.Errorf("behind a delete marker: %v", err)
	}
	_, _, err = s.get(objectstore.Get{Ref: objectstore.Ref{Bucket: s.b, Key: "k", VersionID: gone.VersionID}})
	var marker *objectstore.DeleteMarkerError
	if !errors.As(err, &marker) || !marker.Named {
		t.Errorf("the delete marker itself: %v", err)
	}
	if list, err := s.s.List(s.ctx, objectstore.List{Bucket: s.b, Max: 10}); err != nil || len(list.Objects) != 0 {
		t.Errorf("listed behind a delete marker: %+v, %v", list, err)
	}
	undo, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: objectstore.Ref{Bucket: s.b, Key: "k", VersionID: gone.VersionID}, Versioning: objectstore.VersioningEnabled})
	if err != nil || !undo.DeleteMarker || undo.VersionID != gone.VersionID {
		t.Errorf("%+v, %v", undo, err)
	}
	if got := read(""); got != "50000" && !h.o.OldVersions {
		t.Errorf("after the marker went: %s", got)
	}
	s.setVersioning(objectstore.VersioningSuspended)
	if null := s.put("k", []byte("nought"), suspended); null.VersionID != objectstore.NullVersion {
		t.Errorf("version id %q while suspended", null.VersionID)
	}
	if got := strings.Join([]string{read(""), read(objectstore.NullVersion), read(one.VersionID)}, " "); got != "6 6 3" {
		t.Errorf("versions read %q", got)
	}
	if _, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: objectstore.Ref{Bucket: s.b, Key: "k", VersionID: objectstore.NullVersion}}); err != nil {
		t.Fatal(err)
	}
	if got := read(""); got != "50000" {
		t.Errorf("after the null version went: %s", got)
	}
	for _, id := range []string{"nope", strings.Repeat("A", 22), one.VersionID[:len(one.VersionID)-1] + "!"} {
		_, _, err := s.get(objectstore.Get{Ref: objectstore.Ref{Bucket: s.b, Key: "k", VersionID: id}})
		if !errors.Is(err, objectstore.ErrNoSuchVersion) {
			t.Errorf("version %q: %v", id, err)
		}
	}
}

func (h *harness) listVersions(t *testing.T, s *suite) {
	s.setVersioning(objectstore.VersioningEnabled)
	for _, k := range []string{"a", "a", "b/1", "b/2", "c"} {
		s.put(k, []byte(k), versioned)
	}
	if _, err := s.s.Delete(s.ctx, objectstore.Delete{Ref: s.ref("a"), Versioning: objectstore.VersioningEnabled}); err != nil {
		t.Fatal(err)
	}
	limits := []int{1, 2, 1000}
	if h.o.OnePage {
		limits = limits[2:]
	}
	for _, limit := range limits {
		for delimiter, want := range map[string]string{"": "a- a a b/1* b/2* c*", "/": "a- a a b/ c*"} {
			var got []string
			in := objectstore.ListVersions{Bucket: s.b, Delimiter: delimiter, Max: limit}
			for page := 0; ; page++ {
				out, err := s.s.ListVersions(s.ctx, in)
				if err != nil || page > 20 {
					t.Fatalf("page %d: %v", page, err)
				}
				prefixes := out.Prefixes
				for _, v := range out.Versions {
					for len(prefixes) > 0 && prefixes[0] < v.Key {
						got, prefixes = append(got, prefixes[0]), prefixes[1:]
					}
					name := v.Key
					if v.DeleteMarker {
						name += "-"
					} else if v.Latest {
						name += "*"
					}
					got = append(got, name)
				}
				got = append(got, prefixes...)
				if !out.Truncated {
					break
				}
				in.KeyMarker, in.VersionMarker = out.NextKey, out.NextVersionMark
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("delimiter %q by %d: %q, want %q", delimiter, limit, text, want)
			}
		}
	}
}
