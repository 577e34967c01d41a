package embedded

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// blobID names a file; random, so that names tell nothing.
type blobID [16]byte

func newBlobID() (id blobID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// blobDir is the directory of body files: 256 folders by the first byte of the id, and tmp.
//
// A file that a reader has pinned is removed when the reader lets go.
type blobDir struct {
	dir string

	mu     sync.Mutex
	pins   map[blobID]int
	doomed map[blobID]bool
	fresh  map[blobID]bool // renamed into place, the index does not know them yet
}

func openBlobDir(dir string) (*blobDir, error) {
	tmp := filepath.Join(dir, "tmp")
	if err := os.RemoveAll(tmp); err != nil { // what a crash left half written
		return nil, fmt.Errorf("clearing %s: %w", tmp, err)
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, fmt.Errorf("making the blobs directory: %w", err)
	}
	return &blobDir{dir: dir, pins: map[blobID]int{}, doomed: map[blobID]bool{}, fresh: map[blobID]bool{}}, nil
}

func (d *blobDir) path(id blobID) string {
	name := hex.EncodeToString(id[:])
	return filepath.Join(d.dir, name[:2], name)
}

// remove unlinks files that the index no longer names.
func (d *blobDir) remove(ids []blobID) {
	for _, id := range ids {
		d.mu.Lock()
		delete(d.fresh, id)
		pinned := d.pins[id] > 0
		if pinned {
			d.doomed[id] = true
		}
		d.mu.Unlock()
		if !pinned {
			_ = os.Remove(d.path(id)) // what stays is swept at the next start
		}
	}
}

func (d *blobDir) pin(ids []blobRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range ids {
		d.pins[ids[i].id]++
	}
}

func (d *blobDir) unpin(ids []blobRef) {
	var gone []blobID
	d.mu.Lock()
	for i := range ids {
		id := ids[i].id
		if d.pins[id]--; d.pins[id] > 0 {
			continue
		}
		delete(d.pins, id)
		if d.doomed[id] {
			delete(d.doomed, id)
			gone = append(gone, id)
		}
	}
	d.mu.Unlock()
	for _, id := range gone {
		_ = os.Remove(d.path(id))
	}
}

func (d *blobDir) settle(ids ...blobID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		delete(d.fresh, id)
	}
}

// chunkPool keeps buffers for sealed chunks.
type chunkPool struct{ pool sync.Pool }

func (p *chunkPool) put(b *[]byte) { p.pool.Put(b) }

func (p *chunkPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, chunkSize+tagSize)
	return &b
}

// write seals first and then all of body into a new file and syncs it. The caller commits the index and
// then calls settle, or remove if it could not.
func (d *blobDir) write(id blobID, first []byte, body io.Reader, aead cipher.AEAD, aad []byte) (err error) {
	tmp := filepath.Join(d.dir, "tmp", hex.EncodeToString(id[:]))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // our own directory
	if err != nil {
		return trouble(fmt.Errorf("making a body file: %w", err))
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
		}
	}()
	if err := sealTo(f, first, body, aead, aad); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return trouble(fmt.Errorf("syncing a body file: %w", err))
	}
	if err := f.Close(); err != nil {
		return trouble(fmt.Errorf("closing a body file: %w", err))
	}
	return d.place(id, tmp)
}

func sealTo(f *os.File, first []byte, body io.Reader, aead cipher.AEAD, aad []byte) error {
	src := io.MultiReader(&onceReader{first}, body)
	plain, sealed := make([]byte, chunkSize), make([]byte, 0, chunkSize+tagSize)
	scratch := make([]byte, 0, len(aad)+8)
	for n := uint64(0); ; n++ {
		got, readErr := io.ReadFull(src, plain)
		if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
			return readErr
		}
		if got > 0 {
			nonce := chunkNonce(n)
			scratch = chunkAAD(scratch, aad, n)
			if _, err := f.Write(aead.Seal(sealed, nonce[:], plain[:got], scratch)); err != nil {
				return trouble(fmt.Errorf("writing a body file: %w", err))
			}
		}
		if readErr != nil {
			return nil
		}
	}
}

type onceReader struct{ b []byte }

func (r *onceReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

func (d *blobDir) place(id blobID, tmp string) error {
	d.mu.Lock()
	d.fresh[id] = true
	d.mu.Unlock()
	final := d.path(id)
	err := os.Rename(tmp, final)
	if errors.Is(err, os.ErrNotExist) {
		if err = d.makeFolder(filepath.Dir(final)); err == nil {
			err = os.Rename(tmp, final)
		}
	}
	if err == nil {
		err = syncDir(filepath.Dir(final))
	}
	if err != nil {
		d.remove([]blobID{id})
		return trouble(fmt.Errorf("placing a body file: %w", err))
	}
	return nil
}

func (d *blobDir) makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(d.dir)
}

func syncDir(path string) error {
	f, err := os.Open(path) //nolint:gosec // our own directory
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// bodyReader yields a stretch of the concatenation of blobs.
type bodyReader struct {
	store  *Store
	blobs  []blobRef
	all    []blobRef // what is pinned
	skip   int64     // bytes of blobs[0] before the stretch
	left   int64
	file   *os.File
	aead   cipher.AEAD
	chunk  uint64
	size   int64 // of the current blob
	buf    *[]byte
	plain  []byte // not yet handed out
	aad    []byte
	closed bool
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	r.left -= int64(n)
	return n, nil
}

// WriteTo hands chunks over without copying them.
func (r *bodyReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if err := r.fill(); err != nil {
			if err == io.EOF { //nolint:errorlint // io.Reader's contract is identity
				err = nil
			}
			return total, err
		}
		n, err := w.Write(r.plain)
		r.plain = r.plain[n:]
		r.left -= int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// fill makes sure that there is plain text, not more than what is left.
func (r *bodyReader) fill() error {
	if r.closed {
		return os.ErrClosed
	}
	for len(r.plain) == 0 {
		if r.left == 0 {
			return io.EOF
		}
		if r.file == nil {
			if err := r.open(); err != nil {
				return err
			}
		}
		if err := r.next(); err != nil {
			return err
		}
	}
	if int64(len(r.plain)) > r.left {
		r.plain = r.plain[:r.left]
	}
	return nil
}

// open opens the blob in which the stretch goes on.
func (r *bodyReader) open() error {
	for len(r.blobs) > 0 && r.skip >= r.blobs[0].size {
		r.skip -= r.blobs[0].size
		r.blobs = r.blobs[1:]
	}
	if len(r.blobs) == 0 {
		return errTampered
	}
	b := &r.blobs[0]
	f, err := os.Open(r.store.blobs.path(b.id))
	if err != nil {
		return fmt.Errorf("opening a body file: %w", err)
	}
	r.file = f
	if r.aead, err = r.store.seals.dataKey([]byte(b.wrapped), []byte(b.aad)); err != nil {
		return err
	}
	r.chunk, r.size = uint64(r.skip/chunkSize), b.size //nolint:gosec // not negative
	if r.buf == nil {
		r.buf = r.store.chunks.get()
	}
	if r.chunk > 0 {
		_, err = f.Seek(int64(r.chunk)*(chunkSize+tagSize), io.SeekStart) //nolint:gosec // bounded by the size
	}
	return err
}

// next reads and opens one chunk.
func (r *bodyReader) next() error {
	b := &r.blobs[0]
	start := int64(r.chunk) * chunkSize //nolint:gosec // bounded by the size
	want := min(chunkSize, r.size-start)
	sealed := (*r.buf)[:want+tagSize]
	if _, err := io.ReadFull(r.file, sealed); err != nil {
		return fmt.Errorf("reading a body file: %w", errors.Join(errTampered, err))
	}
	nonce := chunkNonce(r.chunk)
	r.aad = chunkAAD(r.aad, []byte(b.aad), r.chunk)
	plain, err := r.aead.Open(sealed[:0], nonce[:], sealed, r.aad)
	if err != nil {
		return errTampered
	}
	r.plain = plain
	if r.skip > start {
		r.plain = plain[r.skip-start:]
	}
	r.chunk++
	if start+want == r.size {
		err := r.file.Close()
		r.file, r.skip, r.blobs = nil, 0, r.blobs[1:]
		return err
	}
	return nil
}

// Close lets go of the files.
func (r *bodyReader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	var err error
	if r.file != nil {
		err = r.file.Close()
	}
	if r.buf != nil {
		r.store.chunks.put(r.buf)
	}
	r.store.blobs.unpin(r.all)
	return err
}

// memory is the body of an inline object.
type memory struct{ b []byte }

func (m *memory) Read(p []byte) (int, error) {
	if len(m.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, m.b)
	m.b = m.b[n:]
	return n, nil
}

func (m *memory) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(m.b)
	m.b = m.b[n:]
	return int64(n), err
}

func (m *memory) Close() error { return nil }
