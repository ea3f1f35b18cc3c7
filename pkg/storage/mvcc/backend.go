package mvcc

import "io"

// Backend keeps ordered buckets of bytes and changes them in atomic, durable
// batches. All methods may be called concurrently.
type Backend interface {
	// View calls fn with a consistent view of the newest committed state. What
	// the view hands out is valid until fn returns. Errors are fn's own, or the
	// backend's.
	View(fn func(Reader) error) error
	// Commit makes all of b durable, or none. After an error the outcome is
	// unknown and the backend must not be written again. It does not keep b.
	Commit(b *Batch) error
	// Copy writes a consistent copy that Stage accepts, and before it shows look
	// what is in it.
	Copy(w io.Writer, look func(Reader) error) (int64, error)
	// Stage writes a copy to where it can take this backend's place, durably.
	Stage(r io.Reader) (Staged, error)
	// Size returns the bytes that the backend occupies and those of them in use.
	Size() (total, inUse int64)
	Close() error
}

// Staged is a copy beside a backend.
type Staged interface {
	// View reads the copy.
	View(fn func(Reader) error) error
	// Install puts the copy in the backend's place, durably, and returns it
	// opened. The former backend stays readable until closed and must not be
	// written any more.
	Install() (Backend, error)
	// Discard removes the copy. It does nothing after Install.
	Discard() error
}

// Reader reads one consistent state.
type Reader interface {
	// Get returns nil when the bucket or the key does not exist.
	Get(bucket, key []byte) []byte
	// Scan calls fn with every pair of from <= key < to in order until fn
	// returns false; nil means open.
	Scan(bucket, from, to []byte, fn func(key, value []byte) bool)
}

// Batch is a list of changes, applied in order.
type Batch struct {
	Ops []BatchOp
}

// BatchOp puts a pair, or deletes a key when Delete is set.
type BatchOp struct {
	Bucket, Key, Value []byte
	Delete             bool
	// Append promises that the key is above all others of its bucket.
	Append bool
}

func (b *Batch) put(bucket, key, value []byte) {
	b.Ops = append(b.Ops, BatchOp{Bucket: bucket, Key: key, Value: value})
}

func (b *Batch) delete(bucket, key []byte) {
	b.Ops = append(b.Ops, BatchOp{Bucket: bucket, Key: key, Delete: true})
}
