package mvcc

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// compactWalk bounds how many keys one hold of the lock looks at, and
	// compactBatch the changes that one commit removes.
	compactWalk  = 2048
	compactBatch = 4096
)

// compactor removes what the mark hides whenever it has moved, and at start
// what an earlier process left.
func (s *Store) compactor(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.compactKick:
		}
		if err := s.removeCompacted(ctx); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
	}
}

// removeCompacted removes what the mark hides from index and backend, piece by
// piece. It is idempotent: cut off anywhere, it starts over. Reads at or above
// the mark, events after it and hashes do not see it.
func (s *Store) removeCompacted(ctx context.Context) error {
	start := time.Now()
	s.mu.RLock()
	mark, finished := s.state.compacted, s.state.finished
	s.mu.RUnlock()
	if finished >= mark {
		return nil
	}
	// This mark has to be durable before anything below it goes, and so must be
	// what goes, or it would be written after it was removed. Everything at or
	// below the mark precedes the mark in the log. A mark that is set from here
	// on has to wait for the next round.
	if err := s.flush(); err != nil {
		return err
	}
	removed := 0
	for from, more := "", true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var n int
		var err error
		if from, more, n, err = s.compactPiece(from, mark); err != nil {
			return err
		}
		removed += n
	}
	if fn := s.cfg.Observer.Compaction; fn != nil {
		fn(time.Since(start), removed)
	}
	s.cfg.Logger.Debug("compacted", "revision", mark, "removed", removed, "took", time.Since(start))
	return nil
}

// compactPiece removes what the mark hides of the keys from from on, in memory
// and in one commit, and returns where to go on. The last piece records the end.
func (s *Store) compactPiece(from string, mark int64) (next string, more bool, removed int, err error) {
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	s.mu.RLock()
	moot := s.state.compacted < mark || s.state.finished >= mark
	s.mu.RUnlock()
	if moot {
		return "", false, 0, nil // a Restore changed the ground
	}
	var gone []pastRevision
	for next, more = from, true; more && len(gone) < compactBatch; {
		next, more, gone = s.forget(next, mark, gone)
	}
	slices.SortFunc(gone, func(a, b pastRevision) int {
		return cmp.Or(cmp.Compare(a.main, b.main), cmp.Compare(a.subTomb, b.subTomb))
	})
	b := &Batch{}
	for _, p := range gone {
		b.delete(bucketKey, appendRevKey(nil, p.rev(), p.tomb()))
	}
	if !more {
		b.put(bucketMeta, metaFinishedCompactRev, encodeRev(mark))
	}
	if len(b.Ops) > 0 {
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		if err := s.err(); err != nil {
			return "", false, 0, err
		}
		if err := s.commitBatch(b, 0); err != nil {
			return "", false, 0, err
		}
	}
	if !more {
		s.mu.Lock()
		s.state.finished = mark
		s.mu.Unlock()
	}
	return next, more, len(gone), nil
}

// forget removes what the mark hides of the next keys from the index.
func (s *Store) forget(from string, mark int64, gone []pastRevision) (next string, more bool, _ []pastRevision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var empty []string
	seen := 0
	s.state.index.tree.ascend(from, "\x00", func(k *keyItem) bool {
		if seen++; seen > compactWalk {
			next = k.key
			return false
		}
		var isEmpty bool
		if gone, isEmpty = k.compact(mark, gone); isEmpty {
			empty = append(empty, k.key)
		}
		return true
	})
	for _, key := range empty {
		s.state.index.tree.remove(key)
	}
	return next, seen > compactWalk, gone
}
