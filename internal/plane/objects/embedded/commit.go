package embedded

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// commit is one change that waits for its transaction.
//
// apply checks first and writes then: an error that is not poisoned means that it has written
// nothing, so the other changes of the transaction go on.
type commit struct {
	apply func(tx *bolt.Tx) error
	done  chan error
}

// poisoned marks an error after which the transaction may hold half a change.
type poisoned struct{ error }

func (p poisoned) Unwrap() error { return p.error }

func poison(err error) error { return poisoned{err} }

func poisonIf(err error) error {
	if err == nil {
		return nil
	}
	return poisoned{err}
}

// maxBatch bounds the changes of one transaction, and with it how long the first of them waits.
const maxBatch = 256

// commit runs apply in a transaction and returns when it is on disk.
func (s *Store) commit(apply func(tx *bolt.Tx) error) error {
	c := &commit{apply: apply, done: make(chan error, 1)}
	s.commits <- c // writers hold s.closing, so the loop is there
	return <-c.done
}

// commitLoop puts all changes that have come while the disk was busy into the next transaction.
func (s *Store) commitLoop() {
	batch := make([]*commit, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case c := <-s.commits:
			batch = append(batch, c)
		case <-s.stop:
			return
		}
	more:
		for len(batch) < maxBatch {
			select {
			case c := <-s.commits:
				batch = append(batch, c)
			default:
				break more
			}
		}
		s.run(batch)
	}
}

func (s *Store) run(batch []*commit) {
	results := make([]error, len(batch))
	err := s.db.Update(func(tx *bolt.Tx) error {
		for i, c := range batch {
			results[i] = protect(tx, c.apply)
			if p := (poisoned{}); errors.As(results[i], &p) {
				return p
			}
		}
		return nil
	})
	if err != nil && len(batch) > 1 {
		// One of them spoilt it, or the disk did: each alone, so that only the culprit fails.
		for _, c := range batch {
			s.run([]*commit{c})
		}
		return
	}
	for i, c := range batch {
		if err != nil {
			c.done <- trouble(fmt.Errorf("writing the objects index: %w", err))
			continue
		}
		c.done <- results[i]
	}
}

// protect turns a panic of one change into its error: the loop serves all.
func protect(tx *bolt.Tx, apply func(*bolt.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = poison(fmt.Errorf("panic in a change of the index: %v", p))
		}
	}()
	return apply(tx)
}
