package mvcc

import "sync/atomic"

// Stats are sizes of now and counters since Open.
type Stats struct {
	Revision, Compacted int64
	Keys                int64 // that exist
	IndexKeys           int64 // with a history, deleted ones included
	Leases              int64

	PendingRecords, PendingBytes int64 // applied and not durable
	RecentRecords, RecentBytes   int64 // kept in memory, pending ones included
	DBSize, DBInUse              int64 // bytes

	Puts, Deletes, Txns int64 // applied
	Ranges, EventReads  int64 // served
}

// counters count since Open.
type counters struct {
	puts, deletes, txns, ranges, events atomic.Int64
}

func (c *counters) add(x *execution) {
	c.puts.Add(x.puts)
	c.deletes.Add(x.deletes)
	c.txns.Add(x.txns)
	c.ranges.Add(x.ranges)
}

// Stats returns the figures of now, for metrics.
func (s *Store) Stats() Stats {
	st := Stats{
		Puts: s.counters.puts.Load(), Deletes: s.counters.deletes.Load(), Txns: s.counters.txns.Load(),
		Ranges: s.counters.ranges.Load(), EventReads: s.counters.events.Load(),
	}
	s.mu.RLock()
	st.Revision, st.Compacted = s.state.rev, s.state.compacted
	st.Keys, st.IndexKeys = int64(s.state.index.live), int64(s.state.index.tree.n)
	st.Leases = int64(len(s.state.leases))
	st.PendingRecords, st.PendingBytes = int64(s.recent.visible-s.recent.flushed), s.recent.pendingBytes
	st.RecentRecords, st.RecentBytes = int64(s.recent.tail-s.recent.head), s.recent.bytes
	s.mu.RUnlock()
	if b, err := s.handle.acquire(); err == nil {
		st.DBSize, st.DBInUse = b.Size()
		_ = b.release() // a late close of a replaced database
	}
	return st
}
