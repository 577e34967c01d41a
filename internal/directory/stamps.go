package directory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/store"
)

// stamps remembers when keys, roles and users were last used. Requests write to memory; Flush
// writes to the store.
type stamps struct {
	store store.Stamps
	byID  sync.Map // string → *stamp
}

type stamp struct {
	last  atomic.Pointer[store.Stamp]
	dirty atomic.Bool
}

// stampGrain is how exact last-used times are: within it only the first use is noted.
const stampGrain = time.Second

// Touch notes that an access key, role or user was used now for a service ("s3") in a region. It
// only writes memory.
func (d *Directory) Touch(id, service, region string) {
	now := d.now()
	v, ok := d.stamps.byID.Load(id)
	if !ok {
		v, _ = d.stamps.byID.LoadOrStore(id, new(stamp))
	}
	st := v.(*stamp) //nolint:forcetypeassert,errcheck // only this file stores values
	last := st.last.Load()
	if last != nil && now.Sub(last.At) < stampGrain && last.Service == service && last.Region == region {
		return
	}
	st.last.Store(&store.Stamp{ID: id, At: now.UTC().Truncate(time.Second), Service: service, Region: region})
	st.dirty.Store(true)
}

// LastUsed returns when an access key, role or user was last used, or false if it never was.
func (d *Directory) LastUsed(id string) (store.Stamp, bool) {
	v, ok := d.stamps.byID.Load(id)
	if !ok {
		return store.Stamp{}, false
	}
	last := v.(*stamp).last.Load() //nolint:forcetypeassert,errcheck // only this file stores values
	if last == nil {
		return store.Stamp{}, false
	}
	return *last, true
}

// FlushStamps writes the last-used times that are new to the store. The server calls it every
// minute or so, and before it ends.
func (d *Directory) FlushStamps(ctx context.Context) error {
	var dirty []store.Stamp
	d.stamps.byID.Range(func(_, v any) bool {
		st := v.(*stamp) //nolint:forcetypeassert,errcheck // only this file stores values
		if st.dirty.Swap(false) {
			dirty = append(dirty, *st.last.Load())
		}
		return true
	})
	if len(dirty) == 0 {
		return nil
	}
	if err := d.stamps.store.PutStamps(ctx, dirty); err != nil {
		for _, s := range dirty {
			if v, ok := d.stamps.byID.Load(s.ID); ok {
				v.(*stamp).dirty.Store(true) //nolint:forcetypeassert,errcheck // only this file stores values
			}
		}
		return err
	}
	return nil
}

func (s *stamps) load(ctx context.Context) error {
	all, err := s.store.AllStamps(ctx)
	if err != nil {
		return err
	}
	for _, last := range all {
		st := new(stamp)
		st.last.Store(&last)
		s.byID.Store(last.ID, st)
	}
	return nil
}
