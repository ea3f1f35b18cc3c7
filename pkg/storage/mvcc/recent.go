package mvcc

import (
	"sort"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// record is one change of one key as it was applied. It is immutable.
type record struct {
	rev  revision
	prev revision // what it replaced, main 0 for nothing
	kv   *storage.KeyValue
	// local is Op.Local.
	local any
	tomb  bool
}

// weight is an estimate of what r holds in memory.
func (r *record) weight() int64 {
	return int64(len(r.kv.Key) + len(r.kv.Value) + 160)
}

// recent is the tail of history in memory: the pending layer, which the backend
// does not have yet, and before it what Events is likely to ask for. Positions
// count records since the store was opened. The order is
// head <= flushed <= visible <= tail: [head, flushed) is in the backend too,
// [flushed, visible) is not, [visible, tail) is of the entry being applied.
type recent struct {
	buf                          []record // a ring, its length a power of two
	head, flushed, visible, tail uint64
	bytes, pendingBytes          int64

	maxRecords int   // kept of what is flushed
	maxBytes   int64 // of everything
}

func newRecent(maxRecords int, maxBytes int64) recent {
	return recent{buf: make([]record, 64), maxRecords: maxRecords, maxBytes: maxBytes}
}

func (l *recent) at(pos uint64) *record { return &l.buf[pos&uint64(len(l.buf)-1)] }

func (l *recent) append(r record) {
	if l.tail-l.head == uint64(len(l.buf)) {
		l.grow()
	}
	*l.at(l.tail) = r
	l.tail++
	w := r.weight()
	l.bytes += w
	l.pendingBytes += w
}

func (l *recent) grow() {
	buf := make([]record, 2*len(l.buf))
	for pos := l.head; pos < l.tail; pos++ {
		buf[pos&uint64(len(buf)-1)] = *l.at(pos)
	}
	l.buf = buf
}

// trim drops the oldest flushed records that exceed the bounds.
func (l *recent) trim() {
	for l.head < l.flushed && (l.tail-l.head > uint64(l.maxRecords) || l.bytes > l.maxBytes) {
		r := l.at(l.head)
		l.bytes -= r.weight()
		*r = record{}
		l.head++
	}
}

// search returns the position of the first record at or above r, tail when
// there is none.
func (l *recent) search(r revision) uint64 {
	n := sort.Search(int(l.tail-l.head), func(i int) bool { return !l.at(l.head + uint64(i)).rev.less(r) })
	return l.head + uint64(n)
}

// get returns the record of r, nil when it is not here.
func (l *recent) get(r revision) *record {
	if l.head == l.tail || r.less(l.at(l.head).rev) {
		return nil
	}
	if pos := l.search(r); pos < l.tail && l.at(pos).rev == r {
		return l.at(pos)
	}
	return nil
}
