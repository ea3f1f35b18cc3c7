package storage

import (
	"context"
	"time"
)

// KeyValue is one revision of one key, with the fields of etcd's
// mvccpb.KeyValue. It is immutable.
type KeyValue struct {
	Key            string
	Value          []byte
	CreateRevision int64 // revision of the put that made the key
	ModRevision    int64 // revision of this put
	Version        int64 // puts since CreateRevision, 1 for the first
	Lease          int64 // lease the key hangs on, 0 for none
}

// EventType tells a put from a delete.
type EventType uint8

const (
	EventPut EventType = iota
	EventDelete
)

// Event is one change of one key.
type Event struct {
	Type EventType
	// KV is the new state. Of a deleted key it has Key and ModRevision (the
	// revision of the delete) only.
	KV *KeyValue
	// Prev is the state before: nil when the key did not exist, or when the
	// store no longer knows it because it was compacted.
	Prev *KeyValue
	// Local is what this process attached to the put (Op.Local), and nil on
	// every other member, after a restart, and when read back from history.
	Local any
}

// Batch is a run of events of one range.
type Batch struct {
	Events []Event
	// Revision is the revision through which the range is complete: every event
	// of the range at or below it has been delivered by this batch or an
	// earlier one. It is at least the ModRevision of the last event.
	Revision int64
}

// CompareTarget is the property of a key that a Compare looks at.
type CompareTarget uint8

const (
	CompareMod CompareTarget = iota // ModRevision; 0 means the key is absent
	CompareVersion
	CompareCreate
	CompareValue
	CompareLease
)

// CompareResult is the relation that a Compare asks for.
type CompareResult uint8

const (
	Equal CompareResult = iota
	NotEqual
	Greater
	Less
)

// Compare is one condition of a Txn: "<Target of Key> <Result> <Int or Bytes>".
// With RangeEnd set it must hold for every key in [Key, RangeEnd).
type Compare struct {
	Key      string
	RangeEnd string
	Target   CompareTarget
	Result   CompareResult
	Int      int64  // operand of every target but CompareValue
	Bytes    []byte // operand of CompareValue
}

// OpType names an operation of a Txn.
type OpType uint8

const (
	OpPut OpType = iota
	OpDelete
	OpRange
	OpTxn
)

// Op is one operation of a Txn. Keys follow etcd: RangeEnd "" names the one key
// Key, otherwise the range is [Key, RangeEnd), and RangeEnd "\x00" means all
// keys from Key on.
type Op struct {
	Type     OpType
	Key      string
	RangeEnd string

	// Of a put.
	Value       []byte
	Lease       int64
	IgnoreValue bool // keep the value, the key must exist
	IgnoreLease bool // keep the lease, the key must exist
	// Local travels with the put to this process's own Events and nowhere
	// else: it is not stored and not replicated.
	Local any

	// PrevKV asks a put or delete to return what it replaced.
	PrevKV bool

	// Of a range. Limit 0 means all.
	Limit     int64
	Revision  int64
	KeysOnly  bool
	CountOnly bool

	// Of a nested transaction.
	Txn *Txn
}

// Txn is etcd's transaction: when every compare holds, Success runs, otherwise
// Failure. All of its puts and deletes share one revision; no key may be put
// twice in one Txn (ErrDuplicateKey).
type Txn struct {
	Compares []Compare
	Success  []Op
	Failure  []Op
}

// OpResult answers one Op.
type OpResult struct {
	// KVs holds a range's keys in order, or with PrevKV what a put or delete
	// replaced.
	KVs []*KeyValue
	// Count is the number of keys in the range regardless of Limit, or of keys
	// deleted.
	Count int64
	// More says that a range had more keys than Limit.
	More bool
	// Txn answers a nested transaction.
	Txn *TxnResult
}

// TxnResult answers a Txn. Revision is the store's revision after it, which is
// the revision of its writes if it wrote at all.
type TxnResult struct {
	Revision  int64
	Succeeded bool
	Results   []OpResult
}

// RangeRequest reads the keys in [Key, RangeEnd) (see Op) as they were at
// Revision, 0 for the newest state that this process has applied.
type RangeRequest struct {
	Key       string
	RangeEnd  string
	Revision  int64
	Limit     int64 // 0: all
	KeysOnly  bool
	CountOnly bool
}

// RangeResult answers a RangeRequest. Revision is the revision that was read.
type RangeResult struct {
	KVs      []*KeyValue
	Count    int64
	More     bool
	Revision int64
}

// EventsRequest asks for the events of [Key, RangeEnd) with a revision above
// After.
type EventsRequest struct {
	Key      string
	RangeEnd string
	After    int64
	// Limit bounds the events of one batch; a revision is never split, so a
	// batch may be longer by the events of one revision. 0: the store chooses.
	Limit int
}

// Lease is a time to live that keys hang on.
type Lease struct {
	ID  int64
	TTL time.Duration
}

// Store keeps keys. All methods may be called concurrently. A ctx bounds the
// wait of its call: when it ends first the call returns ctx.Err(), except that
// a write whose proposal is already under way returns ErrUnknownOutcome.
// Any method returns ErrStopped once the store's Run has ended.
type Store interface {
	// Txn replicates, makes durable and applies t, then answers it. Errors:
	// ErrTooLarge, ErrDuplicateKey, ErrCompacted and ErrFutureRevision (of a
	// range within), ErrKeyNotFound (IgnoreValue), ErrLeaseNotFound,
	// ErrNoLeader (nothing happened), ErrNoSpace (nothing happened),
	// ErrUnknownOutcome (it may or may not take effect, now or later).
	Txn(ctx context.Context, t *Txn) (*TxnResult, error)
	// Batch is Txn for several transactions in one log entry: they are applied
	// in order with nothing between them, each that writes takes the next
	// revision, and their events are published together.
	Batch(ctx context.Context, ts []*Txn) ([]*TxnResult, error)
	// Range reads this process's applied state. ErrCompacted, ErrFutureRevision.
	Range(ctx context.Context, r RangeRequest) (*RangeResult, error)
	// ReadRevision returns a revision at least as new as every write that was
	// acknowledged, by any member, before the call, and which this process has
	// applied. A read at or after it is linearizable. ErrNoLeader.
	ReadRevision(ctx context.Context) (int64, error)
	// Events returns the next batch of a range, waiting while there is none and
	// the store's revision is not above After. It may return a batch without
	// events whose Revision alone moved on. ErrCompacted when After is below the
	// compaction mark and events may be missing: history is needed from After+1.
	Events(ctx context.Context, r EventsRequest) (Batch, error)
	// Revision returns the newest applied revision and the compaction mark:
	// reads below the mark return ErrCompacted. It does not block.
	Revision() (current, compacted int64)
	// Compact forgets history below rev: a key's state at rev stays.
	// ErrCompacted when rev is at or below the mark, ErrFutureRevision.
	Compact(ctx context.Context, rev int64) error

	// GrantLease makes a lease; id 0 lets the store choose. ErrLeaseExists.
	GrantLease(ctx context.Context, id int64, ttl time.Duration) (Lease, error)
	// RevokeLease deletes a lease and its keys, one revision each. ErrLeaseNotFound.
	RevokeLease(ctx context.Context, id int64) error
	// SharedLease returns a lease that lives at least ttl and at most a little
	// longer (5 % or one minute, whichever is less), shared by up to a thousand
	// keys, as kube-apiserver does to keep leases few.
	SharedLease(ctx context.Context, ttl time.Duration) (Lease, error)
}
