package storage

import (
	"errors"
	"fmt"
)

var (
	// ErrFutureRevision is returned by reads at a revision that does not exist yet.
	ErrFutureRevision = errors.New("revision is in the future")
	// ErrTooLarge is returned by Txn and Batch when the encoded entry exceeds the store's limit.
	ErrTooLarge = errors.New("request is too large")
	// ErrDuplicateKey is returned by Txn when a key is put twice.
	ErrDuplicateKey = errors.New("duplicate key given in txn request")
	// ErrKeyNotFound is returned by Txn when IgnoreValue or IgnoreLease names an absent key.
	ErrKeyNotFound = errors.New("key not found")
	// ErrLeaseNotFound is returned when a put, revoke or keep-alive names an unknown lease.
	ErrLeaseNotFound = errors.New("requested lease not found")
	// ErrLeaseExists is returned by GrantLease when the id is taken.
	ErrLeaseExists = errors.New("lease already exists")
	// ErrNoLeader is returned when no leader can be reached: nothing was written or read.
	ErrNoLeader = errors.New("no leader")
	// ErrNoSpace is returned by writes that grow while the store is out of space: nothing was written.
	ErrNoSpace = errors.New("database space exceeded")
	// ErrUnknownOutcome is returned by a write whose fate is unknown: it may take
	// effect now, later or never.
	ErrUnknownOutcome = errors.New("request timed out, its outcome is unknown")
	// ErrStopped is returned by every method once the store has stopped.
	ErrStopped = errors.New("store is stopped")
	// ErrCompacted matches (errors.Is) every *CompactedError.
	ErrCompacted = errors.New("required revision has been compacted")
)

// CompactedError is returned by reads below the compaction mark.
type CompactedError struct {
	Requested int64 // the revision asked for
	Compacted int64 // the mark
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("%v: revision %d is below %d", ErrCompacted, e.Requested, e.Compacted)
}

// Is makes errors.Is(err, ErrCompacted) hold.
func (e *CompactedError) Is(target error) bool { return target == ErrCompacted }
