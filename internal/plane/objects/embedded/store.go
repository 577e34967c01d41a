// Package embedded keeps objects in a directory: an index (bbolt) that also holds small objects, and
// one file of sealed chunks for each larger body.
//
// Everything but bucket names, keys and the order of versions is encrypted. Each object version, and
// each part of an upload, has a random data key, wrapped by the plane's key ring; contents are sealed
// with AES-256-GCM in chunks of 64 KiB whose additional data names bucket, key, version and
// place, so that no stored piece can stand in for another. Metadata (ETags are hashes of the
// content) is sealed under a key of the store, itself wrapped by the ring.
//
// A change is acknowledged once it is on disk: files are written, synced and renamed before the index
// commits, and what is in the files but not in the index is removed at the next start. Changes that
// wait for the disk at the same time share one commit.
package embedded

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// KeyRing wraps data keys. *token.Ring is one.
type KeyRing interface {
	Wrap(dataKey, aad []byte) ([]byte, error)
	Unwrap(wrapped, aad []byte) ([]byte, error)
}

// Options of a store.
type Options struct {
	// Dir is made with mode 0700 if it is missing.
	Dir  string
	Keys KeyRing
	// InlineLimit is the size in bytes up to which objects live in the index; 0 means 16 KiB, -1 none.
	InlineLimit int
	// DataKeys bounds the unwrapped data keys kept in memory; 0 means 4096 (about 3 MB).
	DataKeys int
	Logger   *slog.Logger
	Now      func() time.Time
}

// Store is an objectstore.Store with all its further interfaces.
type Store struct {
	db     *bolt.DB
	blobs  *blobDir
	seals  *sealer
	inline int
	chunks chunkPool
	first  sync.Pool // *[]byte of inline+1
	logger *slog.Logger
	now    func() time.Time

	commits chan *commit
	stop    chan struct{}
	workers sync.WaitGroup
	closing sync.RWMutex // held shared by writers, so that Close waits for them
	closed  bool
}

var (
	_ objectstore.Store        = (*Store)(nil)
	_ objectstore.Local        = (*Store)(nil)
	_ objectstore.BucketKeeper = (*Store)(nil)
	_ objectstore.Versioner    = (*Store)(nil)
	_ objectstore.Tagger       = (*Store)(nil)
	_ objectstore.Multiparter  = (*Store)(nil)
	_ objectstore.UploadLister = (*Store)(nil)
)

// Names of the index's buckets.
const (
	tableStore   = "store"   // "format", "metadata-key"
	tableObjects = "objects" // namespace → key and version → record
	tableUploads = "uploads" // namespace → key and upload → record
	tableParts   = "parts"   // namespace → upload and number → record
	tableBlobs   = "blobs"   // blob id → nothing: the files that must be there
	tableDropped = "dropped" // namespaces that are no more
)

const formatVersion = "1"

// Open opens the store in o.Dir, or makes one. Close it.
func Open(o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.DataKeys == 0 {
		o.DataKeys = 4096
	}
	if o.InlineLimit == 0 {
		o.InlineLimit = 16 << 10
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the objects directory: %w", err)
	}
	blobs, err := openBlobDir(filepath.Join(o.Dir, "blobs"))
	if err != nil {
		return nil, err
	}
	index := filepath.Join(o.Dir, "index.db")
	db, err := bolt.Open(index, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType, InitialMmapSize: 64 << 20})
	if err != nil {
		return nil, fmt.Errorf("opening the objects index %s: %w", index, err)
	}
	s := &Store{
		db: db, blobs: blobs, inline: max(0, o.InlineLimit), logger: o.Logger, now: o.Now,
		commits: make(chan *commit), stop: make(chan struct{}),
	}
	metadata, err := s.prepare(o.Keys)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.seals = &sealer{ring: o.Keys, metadata: metadata, cache: newKeyCache(o.DataKeys)}
	s.workers.Go(s.commitLoop)
	s.workers.Go(s.sweep)
	return s, nil
}

// Local marks the store as one that answers without a round trip.
func (s *Store) Local() {}

// prepare makes the tables and yields the metadata cipher. An index that is ready is not written to.
func (s *Store) prepare(ring KeyRing) (cipher.AEAD, error) {
	var wrapped []byte
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(tableStore))
		if b == nil {
			return nil
		}
		if v := string(b.Get([]byte("format"))); v != formatVersion {
			return fmt.Errorf("objects index has format %q, this program reads %s", v, formatVersion)
		}
		wrapped = append(wrapped, b.Get([]byte("metadata-key"))...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if wrapped == nil {
		if wrapped, err = s.initialize(ring); err != nil {
			return nil, err
		}
	}
	key, err := ring.Unwrap(wrapped, []byte("objects metadata key"))
	if err != nil {
		return nil, fmt.Errorf("unwrapping the objects metadata key: %w", err)
	}
	return newAEAD(key)
}

func (s *Store) initialize(ring KeyRing) ([]byte, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	wrapped, err := ring.Wrap(key[:], []byte("objects metadata key"))
	if err != nil {
		return nil, fmt.Errorf("wrapping the objects metadata key: %w", err)
	}
	err = s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{tableStore, tableObjects, tableUploads, tableParts, tableBlobs, tableDropped} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		b := tx.Bucket([]byte(tableStore))
		if err := b.Put([]byte("format"), []byte(formatVersion)); err != nil {
			return err
		}
		return b.Put([]byte("metadata-key"), wrapped)
	})
	if err != nil {
		return nil, fmt.Errorf("making the objects index: %w", err)
	}
	return wrapped, nil
}

// Close waits for writes under way, then closes the index. Bodies that are being read stay readable.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	s.closing.Unlock()
	close(s.stop)
	s.workers.Wait()
	return s.db.Close()
}

// begin registers a writer; the function that it returns ends it.
func (s *Store) begin(ctx context.Context) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return nil, fmt.Errorf("%w: closed", objectstore.ErrUnavailable)
	}
	return s.closing.RUnlock, nil
}

// trouble marks errors that say that the disk cannot take more.
func trouble(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) || errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: %w", objectstore.ErrUnavailable, err)
	}
	return err
}

// CreateBucket does nothing: a namespace comes with its first object.
func (s *Store) CreateBucket(context.Context, objectstore.Bucket) error { return nil }

// SetVersioning does nothing: each write says how versions are kept.
func (s *Store) SetVersioning(context.Context, objectstore.Bucket, objectstore.Versioning) error {
	return nil
}

// DeleteBucket implements [objectstore.BucketKeeper].
func (s *Store) DeleteBucket(ctx context.Context, b objectstore.Bucket) error {
	end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ns := namespace(b)
	var gone []blobID
	err = s.commit(func(tx *bolt.Tx) error {
		objects := tx.Bucket([]byte(tableObjects))
		if nested := objects.Bucket(ns); nested != nil {
			if k, _ := nested.Cursor().First(); k != nil {
				return objectstore.ErrBucketNotEmpty
			}
		}
		gone = gone[:0]
		parts := tx.Bucket([]byte(tableParts))
		if nested := parts.Bucket(ns); nested != nil {
			err := nested.ForEach(func(k, v []byte) error {
				p, err := s.openPart(ns, k, v)
				if err == nil && p.blob.id != (blobID{}) {
					gone = append(gone, p.blob.id)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		for _, table := range []string{tableObjects, tableUploads, tableParts} {
			if t := tx.Bucket([]byte(table)); t.Bucket(ns) != nil {
				if err := t.DeleteBucket(ns); err != nil {
					return poison(err)
				}
			}
		}
		if err := forget(tx, gone); err != nil {
			return err
		}
		return poisonIf(tx.Bucket([]byte(tableDropped)).Put(ns, []byte{1}))
	})
	if err != nil {
		return fmt.Errorf("deleting bucket: %w", err)
	}
	s.blobs.remove(gone)
	return nil
}

// namespaceFor returns the nested bucket of a table for ns, made if need be.
func namespaceFor(tx *bolt.Tx, table string, ns []byte) (*bolt.Bucket, error) {
	t := tx.Bucket([]byte(table))
	if nested := t.Bucket(ns); nested != nil {
		return nested, nil
	}
	if tx.Bucket([]byte(tableDropped)).Get(ns) != nil {
		return nil, objectstore.ErrNoSuchBucket
	}
	nested, err := t.CreateBucket(ns)
	return nested, poisonIf(err)
}
