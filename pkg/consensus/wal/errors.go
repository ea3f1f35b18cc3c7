package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt is returned by Open and Verify when a log holds what no crash
	// can have left: bytes that were durable are missing or changed.
	ErrCorrupt = errors.New("the log is corrupt")
	// ErrVersion is returned by Open and Verify when a log was written by a
	// newer version of the program.
	ErrVersion = errors.New("the log was written by a newer version")
	// ErrExists is returned by Create when the directory has a log.
	ErrExists = errors.New("a log exists already")
	// ErrNotExist is returned by Open and Verify when the directory has no log.
	ErrNotExist = errors.New("there is no log")
	// ErrFailed is returned by Append once a write or sync has failed: what is
	// on the disk is unknown until the log is opened again.
	ErrFailed = errors.New("the log has failed")
)

// corrupt makes an ErrCorrupt that says where.
func corrupt(segment string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at byte %d: %s", ErrCorrupt, segment, off, fmt.Sprintf(format, args...))
}
