package mvcc

import (
	"context"
	"io"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// AppendCommand appends c's encoding to dst.
func AppendCommand(dst []byte, c *Command) ([]byte, error) { panic("todo") }

// DecodeCommand decodes an entry's data. Values of the result alias data.
func DecodeCommand(data []byte) (*Command, error) { panic("todo") }

// PeekID returns the proposal id of an entry's data without decoding the rest;
// false when data is empty or no command.
func PeekID(data []byte) (ProposalID, bool) { panic("todo") }

// Locals collects Op.Local of every put in ts, both branches, in encoding
// order, as Entry.Local wants it; nil when there is none.
func Locals(ts []*storage.Txn) []any { panic("todo") }

// CheckTxn refuses what no state could accept: duplicate keys
// (storage.ErrDuplicateKey), too deep, too many ops, empty keys.
func CheckTxn(t *storage.Txn) error { panic("todo") }

// Entry is a committed log entry. Empty Data only moves the applied index.
type Entry struct {
	Index, Term uint64
	Data        []byte
	Local       []any // see Locals
}

// Result answers the Entry at the same position.
type Result struct {
	ID ProposalID
	// Skipped says that the entry was at or below the applied index.
	Skipped bool
	// Revision is the store's revision after the entry.
	Revision int64
	// Txns has one result for each Txn, nil for those that failed.
	Txns  []*storage.TxnResult
	Lease storage.Lease
	// Err is the first failure: of the Txn at the first nil in Txns (which wrote
	// nothing; the others took effect), or of the command.
	Err error
}

// Store is the state machine.
type Store struct{}

func Open(cfg Config) (*Store, error)                    { panic("todo") }
func (s *Store) Run(ctx context.Context) error           { panic("todo") }
func (s *Store) Close() error                            { panic("todo") }
func (s *Store) Flush(ctx context.Context) error         { panic("todo") }
func (s *Store) Apply(entries []Entry) ([]Result, error) { panic("todo") }
func (s *Store) AppliedIndex() uint64                    { panic("todo") }
func (s *Store) DurableIndex() (index, term uint64)      { panic("todo") }
func (s *Store) Revision() (current, compacted int64)    { panic("todo") }
func (s *Store) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	panic("todo")
}
func (s *Store) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	panic("todo")
}

// Leases lists all leases by id.
func (s *Store) Leases() []storage.Lease { panic("todo") }

// Lease returns a lease and how many keys hang on it.
func (s *Store) Lease(id int64) (l storage.Lease, keys int, ok bool) { panic("todo") }

// LeaseKeys lists the keys of a lease in order.
func (s *Store) LeaseKeys(id int64) []string { panic("todo") }

func (s *Store) Alarms() []Alarm        { panic("todo") }
func (s *Store) ClusterVersion() string { panic("todo") }

// Hash is what HashKV returns.
type Hash struct {
	Sum                 uint64
	Revision, Compacted int64
}

func (s *Store) HashKV(ctx context.Context, rev int64) (Hash, error) { panic("todo") }

// Snapshot is a copy of the database on local disk; Close removes it.
type Snapshot struct {
	io.ReadCloser
	Index, Term uint64
	Size        int64
}

func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) { panic("todo") }
func (s *Store) Restore(ctx context.Context, r io.Reader) error  { panic("todo") }

// Check verifies every invariant; all violations joined.
func (s *Store) Check() error { panic("todo") }

// CheckFile is Check on the file of a stopped store, opened read-only.
func CheckFile(path string) error { panic("todo") }

// Stats are counters since Open and sizes of now.
type Stats struct {
	Revision, Compacted                      int64
	Keys                                     int64
	Puts, Deletes, Ranges, Txns, EventsReads int64
	PendingRecords, PendingBytes             int64
	DBSize, DBInUse                          int64
	Leases                                   int64
}

func (s *Store) Stats() Stats { panic("todo") }
