package mvcc

import (
	"fmt"
	"slices"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Entry is a committed log entry. Empty Data only moves the applied index. The
// store copies what it keeps of Data.
type Entry struct {
	Index, Term uint64
	Data        []byte
	// Local has one value for every put of the command, see Locals, or is nil.
	Local []any
}

// Result answers the Entry at the same place.
type Result struct {
	// ID is the command's, zero when the entry had none.
	ID ProposalID
	// Skipped says that the entry was at or below the applied index.
	Skipped bool
	// Revision is the store's revision after the entry.
	Revision int64
	// Txns answers CommandTxns, one for each, nil for those that failed.
	Txns []*storage.TxnResult
	// Lease answers CommandLeaseGrant.
	Lease storage.Lease
	// Err is the first failure: that of the first Txn which failed (it wrote
	// nothing; the others took effect), or the command's. It is
	// part of the answer, and the same on every member.
	Err error
}

// Apply applies entries in order and answers each. An entry at or below the
// applied index is skipped. All changes of an entry become visible at once.
//
// The error is a failure of the store itself: of a commit, of a read, or of an
// entry that this release cannot read. The entry is not applied then, results
// has the answers of those before it, and every later Apply fails.
//
// Apply waits for a commit when more than MaxPendingBytes are not durable.
func (s *Store) Apply(entries []Entry) ([]Result, error) {
	s.applyMu.Lock()
	defer s.applyMu.Unlock()
	results := make([]Result, 0, len(entries))
	for i := range entries {
		if err := s.err(); err != nil {
			return results, err
		}
		r, err := s.applyEntry(&entries[i])
		if err != nil {
			return results, s.fail(fmt.Errorf("apply entry %d: %w", entries[i].Index, err))
		}
		results = append(results, r)
	}
	return results, nil
}

func (s *Store) applyEntry(e *Entry) (Result, error) {
	s.mu.RLock()
	x := execution{s: s, rev: s.state.rev}
	skip := e.Index <= s.state.applied.index
	s.mu.RUnlock()
	if skip {
		id, _ := PeekID(e.Data)
		return Result{ID: id, Skipped: true, Revision: x.rev}, nil
	}
	var res Result
	if len(e.Data) > 0 {
		c, err := DecodeCommand(e.Data)
		if err != nil {
			return res, err
		}
		if e.Local != nil {
			attachLocals(c.Txns, e.Local)
		}
		res.ID = c.ID
		if c.Term != 0 && c.Term != e.Term {
			res.Err = ErrFenced
		} else if err := x.command(c, &res); err != nil {
			return res, err
		}
	}
	res.Revision = x.rev
	return res, s.publish(&x, position{e.Index, e.Term})
}

// publish makes the changes of an entry visible and due for commit.
func (s *Store) publish(x *execution, at position) error {
	s.mu.Lock()
	moved := s.state.rev != x.rev || x.compacted > 0
	s.state.rev = x.rev
	if x.compacted > 0 {
		s.state.compacted = x.compacted
	}
	s.state.applied = at
	s.recent.visible = s.recent.tail
	s.recent.trim()
	s.aux = append(s.aux, x.aux...)
	pending := int(s.recent.visible - s.recent.flushed)
	pendingBytes := s.recent.pendingBytes
	s.mu.Unlock()

	s.counters.add(x)
	if moved {
		s.changed.broadcast()
	}
	poke(s.dirty)
	if x.compacted > 0 {
		poke(s.compactKick)
	}
	if pending >= s.cfg.FlushRecords || pendingBytes >= s.cfg.FlushBytes {
		poke(s.kick)
	}
	if pendingBytes >= s.cfg.MaxPendingBytes {
		return s.flush()
	}
	return nil
}

// execution is the effect of one entry in the making.
type execution struct {
	s    *Store
	rev  int64 // after the transactions that are done
	main int64 // of the running transaction's writes, rev+1
	sub  int64 // of the next write

	aux       []BatchOp // changes outside bucket "key"
	compacted int64     // the new mark, 0 for none

	puts, deletes, ranges, txns int64
}

// command runs c and fills in its answer. The error is the store's own failure.
func (x *execution) command(c *Command, res *Result) error {
	switch c.Kind {
	case CommandTxns:
		return x.batch(c.Txns, res)
	case CommandLeaseGrant:
		res.Lease, res.Err = x.grant(c.Lease)
	case CommandLeaseRevoke:
		res.Err = x.revoke(c.Leases)
	case CommandCompact:
		res.Err = x.compact(c.Revision)
	case CommandAlarm:
		x.alarm(c.Alarm, c.Activate)
	case CommandClusterVersion:
		x.setClusterVersion(c.ClusterVersion)
	default:
		return fmt.Errorf("%w: kind %d", ErrBadCommand, c.Kind)
	}
	return nil
}

func (x *execution) batch(txns []*storage.Txn, res *Result) error {
	res.Txns = make([]*storage.TxnResult, len(txns))
	for i, t := range txns {
		r, refused, err := x.txn(t)
		if err != nil {
			return err
		}
		if refused != nil && res.Err == nil {
			res.Err = refused
		}
		res.Txns[i] = r
	}
	return nil
}

func (x *execution) grant(l storage.Lease) (storage.Lease, error) {
	s := x.s
	ttl := int64(l.TTL.Seconds())
	if l.ID == 0 || ttl <= 0 {
		return storage.Lease{}, fmt.Errorf("%w: lease %d with ttl %v", ErrBadRequest, l.ID, l.TTL)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.leases[l.ID] != nil {
		return storage.Lease{}, storage.ErrLeaseExists
	}
	if s.state.noSpace() {
		return storage.Lease{}, storage.ErrNoSpace
	}
	s.state.leases[l.ID] = newLease(l.ID, ttl)
	x.aux = append(x.aux, BatchOp{Bucket: bucketLease, Key: leaseKey(l.ID), Value: appendLease(nil, l.ID, ttl)})
	return s.state.leases[l.ID].lease(), nil
}

// revoke deletes leases and their keys in key order, one revision each. It goes
// on after one that does not exist.
func (x *execution) revoke(ids []int64) (err error) {
	s := x.s
	for _, id := range ids {
		s.mu.RLock()
		l := s.state.leases[id]
		var keys []string
		if l != nil {
			keys = l.sortedKeys()
		}
		s.mu.RUnlock()
		if l == nil {
			err = storage.ErrLeaseNotFound
			continue
		}
		for _, key := range keys {
			x.begin()
			x.delete(key)
			x.end()
		}
		s.mu.Lock()
		delete(s.state.leases, id)
		s.mu.Unlock()
		x.aux = append(x.aux, BatchOp{Bucket: bucketLease, Key: leaseKey(id), Delete: true})
	}
	return err
}

func (x *execution) compact(rev int64) error {
	x.s.mu.RLock()
	defer x.s.mu.RUnlock()
	if rev <= x.s.state.compacted {
		return x.s.compactedError(rev)
	}
	if rev > x.rev {
		return storage.ErrFutureRevision
	}
	x.compacted = rev
	x.aux = append(x.aux, BatchOp{Bucket: bucketMeta, Key: metaScheduledCompactRev, Value: encodeRev(rev)})
	return nil
}

func (x *execution) alarm(a Alarm, on bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if on {
		x.s.state.alarms[a] = struct{}{}
	} else {
		delete(x.s.state.alarms, a)
	}
	x.aux = append(x.aux, BatchOp{Bucket: bucketAlarm, Key: appendAlarm(nil, a), Value: []byte{}, Delete: !on})
}

func (x *execution) setClusterVersion(v string) {
	x.s.mu.Lock()
	x.s.state.cluster = v
	x.s.mu.Unlock()
	x.aux = append(x.aux, BatchOp{Bucket: bucketCluster, Key: clusterVersionKey, Value: []byte(v)})
}

func (st *state) noSpace() bool {
	for a := range st.alarms {
		if a.Type == AlarmNoSpace {
			return true
		}
	}
	return false
}

// Alarms lists the alarms that are on.
func (s *Store) Alarms() []Alarm {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Alarm, 0, len(s.state.alarms))
	for a := range s.state.alarms {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Alarm) int {
		return slices.Compare([]uint64{a.Member, uint64(a.Type)}, []uint64{b.Member, uint64(b.Type)})
	})
	return list
}

// ClusterVersion returns the version that all members agreed on, "" when none.
func (s *Store) ClusterVersion() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.cluster
}
