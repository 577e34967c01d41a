package iam

import (
	"encoding/base64"
	"iter"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

// defaultPage is how many items a listing answers when it is not told.
const defaultPage = 100

// page is one page of a listing.
type page[E any] struct {
	items     []E
	truncated *bool
	marker    *string
}

// paginate takes a page from a listing that is sorted by name: list yields what comes after a name.
// Markers name the last item of the page before, so that pages stay right when items come and go.
func paginate[E any](marker *string, max *int, list func(after string) iter.Seq[E], name func(E) string) (page[E], error) {
	after := ""
	if marker != nil {
		var ok bool
		if after, ok = openMarker(*marker); !ok {
			return page[E]{}, awsapi.ValidationError("Invalid Marker.")
		}
	}
	limit := defaultPage
	if max != nil {
		limit = *max
	}
	p := page[E]{items: []E{}, truncated: new(false)}
	for e := range list(after) {
		if len(p.items) == limit {
			p.truncated = new(true)
			p.marker = new(newMarker(name(p.items[limit-1])))
			break
		}
		p.items = append(p.items, e)
	}
	return p, nil
}

const markerVersion = "1:"

func newMarker(name string) string {
	return base64.StdEncoding.EncodeToString([]byte(markerVersion + name))
}

func openMarker(s string) (string, bool) {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", false
	}
	name, ok := strings.CutPrefix(string(text), markerVersion)
	return name, ok && name != ""
}

// sliced makes a listing of a sorted slice.
func sliced[E any](all []E, name func(E) string) func(after string) iter.Seq[E] {
	return func(after string) iter.Seq[E] {
		return func(yield func(E) bool) {
			found := after == ""
			for _, e := range all {
				if !found {
					// A list that keeps the order of arrival has no "after" other than this; a
					// marker whose item is gone begins anew rather than skipping what is left.
					found = name(e) == after
					continue
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// sequence makes a listing of items that are few and come in the order of their names.
func sequence[E any](seq iter.Seq[E], name func(E) string) func(after string) iter.Seq[E] {
	return func(after string) iter.Seq[E] {
		return func(yield func(E) bool) {
			for e := range seq {
				if name(e) > after && !yield(e) {
					return
				}
			}
		}
	}
}

// filtered keeps what a listing yields and keep accepts.
func filtered[E any](list func(after string) iter.Seq[E], keep func(E) bool) func(after string) iter.Seq[E] {
	return func(after string) iter.Seq[E] {
		return func(yield func(E) bool) {
			for e := range list(after) {
				if keep(e) && !yield(e) {
					return
				}
			}
		}
	}
}

// mapped converts the items of a page.
func mapped[E, T any](items []E, convert func(E) T) []T {
	out := make([]T, len(items))
	for i, e := range items {
		out[i] = convert(e)
	}
	return out
}
