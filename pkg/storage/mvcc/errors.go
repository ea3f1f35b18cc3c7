package mvcc

import "errors"

var (
	// ErrLocked is returned by Open and CheckFile when another process holds the database.
	ErrLocked = errors.New("database is in use by another process")
	// ErrNotADatabase is returned by Open, CheckFile and Restore when the file
	// is not a bbolt database, is cut short, or belongs to another program. The
	// file is left as it was.
	ErrNotADatabase = errors.New("not a Binnacle or etcd database")
	// ErrNewerFormat is returned by Open, CheckFile and Restore when a newer
	// release wrote the file. The file is left as it was.
	ErrNewerFormat = errors.New("database was written by a newer release")
	// ErrCorrupt is returned when the database breaks one of its invariants.
	ErrCorrupt = errors.New("database is corrupt")
	// ErrBadCommand is returned by DecodeCommand for bytes that are no command
	// of a known version, and ends Apply: skipping one would let members part.
	ErrBadCommand = errors.New("bad command")
	// ErrTooDeep is returned by CheckTxn when transactions nest deeper than MaxTxnDepth.
	ErrTooDeep = errors.New("transaction is nested too deeply")
	// ErrTooManyOps is returned by CheckTxn when a transaction has more than MaxTxnOps operations.
	ErrTooManyOps = errors.New("too many operations in txn request")
	// ErrBadRequest is returned for requests that no state could accept, such as
	// an empty key.
	ErrBadRequest = errors.New("bad request")
	// ErrFenced is the Result.Err of a command whose Term is not its entry's:
	// it came from a leader that was deposed, and did nothing.
	ErrFenced = errors.New("command of an earlier term")
)
