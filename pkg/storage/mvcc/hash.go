package mvcc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Hash is the answer of HashKV: two members with the same Compacted and
// Revision must have the same Sum.
type Hash struct {
	Sum       uint64
	Revision  int64
	Compacted int64
}

// hashAttempts bounds how often a hash starts over because the mark moved.
const hashAttempts = 3

// HashKV hashes what a client can learn at rev, 0 for the newest: the state at
// the compaction mark and every change from there to rev. Physical compaction,
// batches and restarts do not change it. Errors as of Range.
func (s *Store) HashKV(ctx context.Context, rev int64) (Hash, error) {
	if s.closed.Load() {
		return Hash{}, storage.ErrStopped
	}
	var err error
	for range hashAttempts {
		s.mu.RLock()
		h := Hash{Compacted: s.state.compacted}
		h.Revision, err = s.checkRev(rev, s.state.rev)
		s.mu.RUnlock()
		if err != nil {
			return Hash{}, err
		}
		if h.Sum, err = s.hash(ctx, h.Revision, h.Compacted); err == nil || !errors.Is(err, storage.ErrCompacted) {
			return h, err
		}
	}
	return Hash{}, err
}

func (s *Store) hash(ctx context.Context, rev, mark int64) (uint64, error) {
	h := historyHash{Hash: sha256.New()}
	from := int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mu.RLock()
		upTo := min(rev, s.durableRev)
		s.mu.RUnlock()
		if from > upTo {
			break
		}
		piece := changes{}
		next, err := s.scan(revision{main: from}, upTo, piece.add)
		if err != nil {
			return 0, err
		}
		s.hashVisible(&h, piece.list, mark)
		from = next
	}
	if err := s.hashRecent(&h, from, rev, mark); err != nil {
		return 0, err
	}
	return h.sum64(), s.markIs(mark, rev)
}

// changes is a piece of history, copied out of the backend.
type changes struct {
	list []record
	size int
}

func (p *changes) add(c change) bool {
	kv := c.kv.own("")
	p.list = append(p.list, record{rev: c.rev, kv: kv, tomb: c.tomb})
	p.size += len(kv.Value)
	return p.size < eventsPieceBytes
}

// hashVisible adds those of list that the mark does not hide.
func (s *Store) hashVisible(h *historyHash, list []record, mark int64) {
	visible := make([]bool, len(list))
	s.mu.RLock()
	for i := range list {
		visible[i] = s.isVisible(&list[i], mark)
	}
	s.mu.RUnlock()
	for i := range list {
		if visible[i] {
			h.add(&list[i])
		}
	}
}

func (s *Store) isVisible(r *record, mark int64) bool {
	k := s.state.index.tree.get(r.kv.Key)
	return k != nil && k.visible(r.rev, r.tomb, mark)
}

// hashRecent adds what the backend did not have yet when the scan ended. It is
// all still in memory unless it was flushed and trimmed since; then the backend
// has it now.
func (s *Store) hashRecent(h *historyHash, from, rev, mark int64) error {
	if from > rev {
		return nil
	}
	s.mu.RLock()
	if s.backendPart(from-1, s.state.rev) > 0 {
		s.mu.RUnlock()
		return s.hashRest(h, from, rev, mark)
	}
	var list []record
	for pos := s.recent.search(revision{main: from}); pos < s.recent.visible; pos++ {
		r := s.recent.at(pos)
		if r.rev.main > rev {
			break
		}
		if s.isVisible(r, mark) {
			list = append(list, *r)
		}
	}
	s.mu.RUnlock()
	for i := range list {
		h.add(&list[i])
	}
	return nil
}

// hashRest flushes and hashes [from, rev] from the backend.
func (s *Store) hashRest(h *historyHash, from, rev, mark int64) error {
	if err := s.flush(); err != nil {
		return err
	}
	for from <= rev {
		piece := changes{}
		next, err := s.scan(revision{main: from}, rev, piece.add)
		if err != nil {
			return err
		}
		s.hashVisible(h, piece.list, mark)
		from = next
	}
	return nil
}

// markIs fails when the mark has moved, so that history was missing.
func (s *Store) markIs(mark, rev int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state.compacted != mark {
		return s.compactedError(min(rev, s.state.compacted-1))
	}
	return nil
}

// historyHash hashes changes as they are in the schema: no length is ambiguous,
// as every part's is known from itself.
type historyHash struct {
	hash.Hash
	buf []byte
}

func (h *historyHash) add(r *record) {
	h.buf = appendRevKey(h.buf[:0], r.rev, r.tomb)
	body := len(h.buf)
	h.buf = appendKV(h.buf, r.kv, r.tomb)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(h.buf)-body))
	h.Write(n[:])
	h.Write(h.buf)
}

func (h *historyHash) sum64() uint64 { return binary.BigEndian.Uint64(h.Sum(nil)) }
