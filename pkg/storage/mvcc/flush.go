package mvcc

import (
	"context"
	"fmt"
	"time"
)

// committer holds what a commit reuses from the one before.
type committer struct {
	records []record
	batch   Batch
	arena   []byte
}

// keptArena is how much encoding space stays between commits.
const keptArena = 4 << 20

// flusher commits FlushInterval after the first change, or at once when kicked.
func (s *Store) flusher(ctx context.Context) error {
	timer := time.NewTimer(s.cfg.FlushInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.dirty:
		}
		timer.Reset(s.cfg.FlushInterval)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.kick:
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// Flush commits everything that is applied.
func (s *Store) Flush() error { return s.flush() }

func (s *Store) flush() error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	return s.flushLocked()
}

// flushLocked commits all published entries, with the position of the last one,
// in one backend transaction. The caller holds commitMu.
func (s *Store) flushLocked() error {
	if err := s.err(); err != nil {
		return err
	}
	c := &s.commit
	s.mu.Lock()
	at, rev := s.state.applied, s.state.rev
	if at == s.durable {
		s.mu.Unlock()
		return nil
	}
	c.records = c.records[:0]
	for pos := s.recent.flushed; pos < s.recent.visible; pos++ {
		c.records = append(c.records, *s.recent.at(pos))
	}
	aux := s.aux
	s.aux = nil
	s.mu.Unlock()

	c.encode(aux, at)
	if err := s.commitBatch(&c.batch, len(c.records)); err != nil {
		return err
	}

	s.mu.Lock()
	for i := range c.records {
		s.recent.pendingBytes -= c.records[i].weight()
	}
	s.recent.flushed += uint64(len(c.records))
	s.recent.trim()
	s.durable, s.durableRev = at, rev
	s.mu.Unlock()
	c.reset()
	return nil
}

// encode makes the batch of one commit.
func (c *committer) encode(aux []BatchOp, at position) {
	size := 0
	for i := range c.records {
		kv := c.records[i].kv
		size += len(kv.Key) + len(kv.Value) + 2*tombRevBytes + 6*11
	}
	if cap(c.arena) < size {
		c.arena = make([]byte, 0, size)
	}
	buf := c.arena[:0]
	for i := range c.records {
		r := &c.records[i]
		from := len(buf)
		buf = appendRevKey(buf, r.rev, r.tomb)
		mid := len(buf)
		buf = appendKV(buf, r.kv, r.tomb)
		c.batch.Ops = append(c.batch.Ops, BatchOp{
			Bucket: bucketKey, Key: buf[from:mid:mid], Value: buf[mid:len(buf):len(buf)], Append: true,
		})
	}
	c.arena = buf
	c.batch.Ops = append(c.batch.Ops, aux...)
	c.batch.put(bucketMeta, metaConsistentIndex, uint64Bytes(at.index))
	c.batch.put(bucketMeta, metaTerm, uint64Bytes(at.term))
}

func (c *committer) reset() {
	clear(c.records)
	clear(c.batch.Ops)
	c.records, c.batch.Ops = c.records[:0], c.batch.Ops[:0]
	if cap(c.arena) > keptArena {
		c.arena = nil
	}
}

// commitBatch commits b. A failed commit ends the store: what the backend has
// then is unknown. The caller holds commitMu.
func (s *Store) commitBatch(b *Batch, records int) error {
	backend, err := s.handle.acquire()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := backend.Commit(b); err != nil {
		_ = backend.release() // the failure is reported already
		return s.fail(fmt.Errorf("commit: %w", err))
	}
	if fn := s.cfg.Observer.Commit; fn != nil {
		var size int64
		for i := range b.Ops {
			size += int64(len(b.Ops[i].Key) + len(b.Ops[i].Value))
		}
		fn(time.Since(start), records, size)
	}
	return backend.release()
}
