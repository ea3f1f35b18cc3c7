package mvcc

import (
	"context"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// rangePiece bounds how many keys one hold of the lock walks over.
const rangePiece = 2048

// hit is a key of a range as it is in the index.
type hit struct {
	key                    string
	rev                    revision
	create, version, lease int64
	newest                 bool // create, version and lease are of rev
}

// Range reads applied state. With Revision 0 it reads the newest. It walks in
// pieces and holds up nothing; the revision that it reads stays the same.
func (s *Store) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	if s.closed.Load() {
		return nil, storage.ErrStopped
	}
	if r.Key == "" && r.RangeEnd == "" || r.Limit < 0 || r.Revision < 0 {
		return nil, fmt.Errorf("%w: range of key %q", ErrBadRequest, r.Key)
	}
	s.mu.RLock()
	rev, err := s.checkRev(r.Revision, s.state.rev)
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	s.counters.ranges.Add(1)
	return s.rangeAt(ctx, r, rev)
}

// rangeAt reads at rev, which may be of the transaction that is being applied.
func (s *Store) rangeAt(ctx context.Context, r storage.RangeRequest, rev int64) (*storage.RangeResult, error) {
	res := &storage.RangeResult{Revision: rev}
	end := r.RangeEnd
	if end == "" {
		end = r.Key + "\x00"
	}
	var hits []hit
	for from, more := r.Key, true; more; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hits = hits[:0]
		var err error
		if from, more, err = s.walk(from, end, rev, &r, res, &hits); err != nil {
			return nil, err
		}
		kvs, err := s.values(hits, r.KeysOnly, rev)
		if err != nil {
			return nil, err
		}
		res.KVs = append(res.KVs, kvs...)
	}
	res.More = !r.CountOnly && res.Count > int64(len(res.KVs))
	return res, nil
}

// walk counts the next piece of keys from from on and collects those to return.
// It returns where to go on.
func (s *Store) walk(from, end string, rev int64, r *storage.RangeRequest, res *storage.RangeResult, hits *[]hit) (string, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if rev < s.state.compacted {
		return "", false, s.compactedError(rev)
	}
	seen, next := 0, ""
	s.state.index.tree.ascend(from, end, func(k *keyItem) bool {
		if seen++; seen > rangePiece {
			next = k.key
			return false
		}
		at, ok := k.at(rev)
		if !ok {
			return true
		}
		res.Count++
		if !r.CountOnly && (r.Limit == 0 || int64(len(res.KVs)+len(*hits)) < r.Limit) {
			*hits = append(*hits, hit{k.key, at, k.create, k.version, k.lease, at == k.newest})
		}
		return true
	})
	return next, seen > rangePiece, nil
}

// values returns the key-values of hits.
func (s *Store) values(hits []hit, keysOnly bool, rev int64) ([]*storage.KeyValue, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	out := make([]*storage.KeyValue, len(hits))
	wants := make([]want, 0, len(hits))
	for i, h := range hits {
		if keysOnly && h.newest {
			out[i] = &storage.KeyValue{Key: h.key, CreateRevision: h.create, ModRevision: h.rev.main, Version: h.version, Lease: h.lease}
			continue
		}
		wants = append(wants, want{rev: h.rev, key: h.key, to: &out[i]})
	}
	if err := s.fetch(wants); err != nil {
		return nil, err
	}
	for i, kv := range out {
		if kv == nil {
			return nil, s.missing(rev, hits[i].rev)
		}
		if keysOnly && !hits[i].newest {
			bare := *kv
			bare.Value = nil
			out[i] = &bare
		}
	}
	return out, nil
}

// missing explains why a change that a read at rev needs is not there: it was
// compacted meanwhile, gone with a Restore, or lost.
func (s *Store) missing(rev int64, lost revision) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if rev < s.state.compacted {
		return s.compactedError(rev)
	}
	if s.recent.tail == s.recent.visible && rev > s.state.rev {
		return storage.ErrFutureRevision
	}
	return fmt.Errorf("%w: revision %d_%d is missing", ErrCorrupt, lost.main, lost.sub)
}

// want asks for the put of key at rev.
type want struct {
	rev revision
	key string
	to  **storage.KeyValue // left alone when there is no such put
}

// fetch looks up puts, in memory first. What is not there then has been in the
// backend since before the lookup, so the view comes second.
func (s *Store) fetch(wants []want) error {
	if len(wants) == 0 {
		return nil
	}
	rest := wants[:0]
	s.mu.RLock()
	for _, w := range wants {
		if r := s.recent.get(w.rev); r == nil {
			rest = append(rest, w)
		} else if !r.tomb {
			*w.to = r.kv
		}
	}
	s.mu.RUnlock()
	if len(rest) == 0 {
		return nil
	}
	return s.handle.view(func(r Reader) error {
		var buf [revBytes]byte
		for _, w := range rest {
			v := r.Get(bucketKey, appendRevKey(buf[:0], w.rev, false))
			if v == nil {
				continue
			}
			kv, err := parseKV(v)
			if err != nil {
				return fmt.Errorf("revision %d_%d: %w", w.rev.main, w.rev.sub, err)
			}
			*w.to = kv.own(w.key)
		}
		return nil
	})
}
