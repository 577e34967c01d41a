// Package sqlite is the embedded store: one SQLite database in the state directory.
//
// The database is in WAL mode with synchronous=FULL, so an update that was acknowledged survives a
// crash of the machine. One connection serves everything: reads happen at start and when another
// node wrote, never for a request.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// schemaVersion is the number of the last migration.
	schemaVersion = 1
	// keepChanges is how many revisions the change log reaches back.
	keepChanges = 100_000
	// pruneEvery is how many revisions pass between prunings.
	pruneEvery = 1000
)

// Store is an open database.
type Store struct {
	db     *sql.DB
	sealer store.Sealer
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Stamps = (*Store)(nil)
)

// Open opens the database in a file, which it makes (mode 0600) and migrates if need be. sealer
// seals the entities' secrets.
//
// Errors match store.ErrCorrupt, store.ErrNewerSchema or store.ErrFull where that is the cause.
func Open(ctx context.Context, path string, sealer store.Sealer) (*Store, error) {
	// SQLite would make it with the umask's mode; its WAL takes the mode of the database.
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, sealer: sealer}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", path, translate(err)), db.Close())
	}
	return s, nil
}

func dsn(path string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, pragma := range []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(OFF)"} {
		q.Add("_pragma", pragma)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// migrate brings the schema up to date. goose costs milliseconds even if there is nothing to do, so
// it is asked only if the version says so.
func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return fmt.Errorf("%w: its schema is version %d, this one knows %d", store.ErrNewerSchema, version, schemaVersion)
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.db, dir)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// View implements [store.Store].
func (s *Store) View(ctx context.Context, f func(*store.Tx) error) error {
	return s.within(ctx, func(r *rows) error { return f(store.NewTx(r, s.sealer, r.revision)) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, base store.Revision, f func(*store.Tx) error) (store.Revision, error) {
	next := base + 1
	err := s.within(ctx, func(r *rows) error {
		if r.revision != base {
			return fmt.Errorf("%w: at revision %d, not %d", store.ErrStale, r.revision, base)
		}
		r.log = true
		if err := f(store.NewTx(r, s.sealer, base)); err != nil {
			return err
		}
		if _, err := r.tx.ExecContext(ctx, "UPDATE meta SET revision = ?", next); err != nil {
			return err
		}
		if next%pruneEvery == 0 {
			return r.prune(ctx, next-keepChanges)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

// within runs f in a transaction and commits it unless f returns an error.
func (s *Store) within(ctx context.Context, f func(*rows) error) (err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	defer func() {
		if err == nil {
			return
		}
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			err = errors.Join(err, back)
		}
	}()
	r := &rows{tx: tx, prepared: make(map[string]*sql.Stmt)}
	if err := tx.QueryRowContext(ctx, "SELECT revision FROM meta").Scan(&r.revision); err != nil {
		return translate(err)
	}
	if err := f(r); err != nil {
		return translate(err)
	}
	return translate(tx.Commit())
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, after store.Revision) ([]store.Change, error) {
	var changes []store.Change
	err := s.within(ctx, func(r *rows) error {
		var pruned store.Revision
		if err := r.tx.QueryRowContext(ctx, "SELECT pruned FROM meta").Scan(&pruned); err != nil {
			return err
		}
		if after < pruned {
			return store.ErrPruned
		}
		found, err := r.tx.QueryContext(ctx, "SELECT revision, tbl, id FROM changes WHERE revision > ? ORDER BY revision, tbl, id", after)
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		for found.Next() {
			var c store.Change
			if err := found.Scan(&c.Revision, &c.Table, &c.ID); err != nil {
				return err
			}
			changes = append(changes, c)
		}
		return found.Err()
	})
	return changes, err
}

// PutStamps implements [store.Stamps].
func (s *Store) PutStamps(ctx context.Context, stamps []store.Stamp) error {
	return s.within(ctx, func(r *rows) error {
		for _, st := range stamps {
			_, err := r.exec(ctx, `INSERT INTO last_used (id, at, service, region) VALUES (?, ?, ?, ?)
				ON CONFLICT (id) DO UPDATE SET at = excluded.at, service = excluded.service, region = excluded.region
				WHERE excluded.at >= at`, st.ID, st.At.Unix(), st.Service, st.Region)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// AllStamps implements [store.Stamps].
func (s *Store) AllStamps(ctx context.Context) ([]store.Stamp, error) {
	var stamps []store.Stamp
	err := s.within(ctx, func(r *rows) error {
		found, err := r.tx.QueryContext(ctx, "SELECT id, at, service, region FROM last_used ORDER BY id")
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		for found.Next() {
			var st store.Stamp
			var at int64
			if err := found.Scan(&st.ID, &at, &st.Service, &st.Region); err != nil {
				return err
			}
			st.At = unix(at)
			stamps = append(stamps, st)
		}
		return found.Err()
	})
	return stamps, err
}

// translate gives SQLite's result codes the names that the contract knows.
func translate(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	const primary = 0xff // extended codes keep the primary one in the low byte
	switch e.Code() & primary {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case sqlite3.SQLITE_CONSTRAINT:
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	case sqlite3.SQLITE_ERROR:
		return fmt.Errorf("SQLite (%s): %w", strconv.Itoa(e.Code()), err)
	}
	return err
}

// RingKeys returns the keys of the token ring.
func (s *Store) RingKeys(ctx context.Context) ([]identity.RingKey, error) {
	return store.RingKeys{Store: s}.RingKeys(ctx)
}

// PutRingKeys writes and removes keys of the token ring in one transaction.
func (s *Store) PutRingKeys(ctx context.Context, put []identity.RingKey, remove []string) error {
	return store.RingKeys{Store: s}.PutRingKeys(ctx, put, remove)
}
