package replicated

import (
	"context"
	"errors"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// compactHistory compacts, while this member leads, every CompactionRetention
// at the revision seen one such time ago.
func (s *Store) compactHistory(ctx context.Context) {
	retention := s.cfg.CompactionRetention
	if retention < 0 {
		return
	}
	seen, _ := s.mvcc.Revision()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.cfg.Clock.After(retention):
		}
		current, compacted := s.mvcc.Revision()
		if term, leads := s.cfg.Leadership(); leads && seen > compacted {
			s.compactAt(ctx, seen, term)
		}
		seen = current
	}
}

// compactAt compacts in the name of the leader of term: from a later one it is
// void.
func (s *Store) compactAt(ctx context.Context, revision int64, term uint64) {
	r, err := s.propose(ctx, &mvcc.Command{Kind: mvcc.CommandCompact, Term: term, Revision: revision}, 64, nil)
	if err == nil {
		err = r.Err
	}
	// Somebody else may have compacted, or lead by now; the next round sees.
	if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrCompacted) && !errors.Is(err, mvcc.ErrFenced) {
		s.cfg.Logger.Warn("history could not be compacted, will try again", "revision", revision, "error", err)
	}
}
