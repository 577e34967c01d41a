package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall/internal/store"
)

// rows is one transaction. Table names go into the SQL as they are: they are constants of package
// store.
type rows struct {
	tx       *sql.Tx
	revision store.Revision
	log      bool // write the change log
	prepared map[string]*sql.Stmt
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// exec prepares each statement once: an update may write thousands of rows.
func (r *rows) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, ok := r.prepared[query]
	if !ok {
		var err error
		if stmt, err = r.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		r.prepared[query] = stmt
	}
	return stmt.ExecContext(ctx, args...)
}

func (r *rows) changed(ctx context.Context, t store.Table, id string) error {
	if !r.log {
		return errors.New("a view does not write")
	}
	_, err := r.exec(ctx, "INSERT OR IGNORE INTO changes (revision, tbl, id) VALUES (?, ?, ?)", r.revision+1, string(t), id)
	return err
}

func (r *rows) prune(ctx context.Context, upTo store.Revision) error {
	if upTo <= 0 {
		return nil
	}
	if _, err := r.tx.ExecContext(ctx, "DELETE FROM changes WHERE revision <= ?", upTo); err != nil {
		return err
	}
	_, err := r.tx.ExecContext(ctx, "UPDATE meta SET pruned = ?", upTo)
	return err
}

// Put implements [store.Rows].
func (r *rows) Put(ctx context.Context, t store.Table, row store.Row) error {
	if err := r.changed(ctx, t, row.ID); err != nil {
		return err
	}
	_, err := r.exec(ctx, "INSERT INTO "+string(t)+` (id, account, name, body, sealed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET account = excluded.account, name = excluded.name,
		body = excluded.body, sealed = excluded.sealed`, row.ID, row.Account, row.Name, row.Body, row.Sealed)
	if err != nil {
		return fmt.Errorf("writing %s to %s: %w", row.ID, t, translate(err))
	}
	return nil
}

// Delete implements [store.Rows].
func (r *rows) Delete(ctx context.Context, t store.Table, id string) error {
	if err := r.changed(ctx, t, id); err != nil {
		return err
	}
	done, err := r.exec(ctx, "DELETE FROM "+string(t)+" WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("deleting %s from %s: %w", id, t, translate(err))
	}
	n, err := done.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s of %s: %w", id, t, store.ErrNotFound)
	}
	_, err = r.exec(ctx, "DELETE FROM last_used WHERE id = ?", id)
	return err
}

// Get implements [store.Rows].
func (r *rows) Get(ctx context.Context, t store.Table, id string) (store.Row, error) {
	row := store.Row{ID: id}
	err := r.tx.QueryRowContext(ctx, "SELECT account, name, body, sealed FROM "+string(t)+" WHERE id = ?", id).
		Scan(&row.Account, &row.Name, &row.Body, &row.Sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Row{}, fmt.Errorf("%s of %s: %w", id, t, store.ErrNotFound)
	}
	if err != nil {
		return store.Row{}, fmt.Errorf("reading %s of %s: %w", id, t, translate(err))
	}
	return row, nil
}

// All implements [store.Rows].
func (r *rows) All(ctx context.Context, t store.Table, f func(store.Row) error) error {
	query := "SELECT id, account, name, body, sealed FROM " + string(t) + " ORDER BY id" //nolint:gosec // a constant's name
	found, err := r.tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("reading %s: %w", t, translate(err))
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var row store.Row
		if err := found.Scan(&row.ID, &row.Account, &row.Name, &row.Body, &row.Sealed); err != nil {
			return fmt.Errorf("reading %s: %w", t, translate(err))
		}
		if err := f(row); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", t, translate(err))
	}
	return nil
}
