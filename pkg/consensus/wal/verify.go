package wal

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// Report is what Verify found in a sound log.
type Report struct {
	State    State // without entries
	Last     uint64
	Segments int
	Frames   int
	Bytes    int64
	// TornBytes is what the last write of a crashed process left; Open cuts it.
	TornBytes int64
	// Leftovers are files that Open will remove.
	Leftovers int
}

// Verify checks every byte of the log in dir and changes nothing. Errors:
// ErrNotExist, ErrCorrupt, ErrVersion, vfs.ErrLocked while a process has it
// open.
func Verify(fsys vfs.FS, dir string) (_ *Report, err error) {
	found, err := list(fsys, dir)
	if err != nil {
		return nil, err
	}
	unlock, err := lockPresent(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r, err := read(fsys, dir, found.segments, NoEntries)
	if err != nil {
		return nil, err
	}
	report := &Report{
		State: r.state, Last: r.state.LastIndex(),
		Segments: len(r.segments), Frames: r.frames, TornBytes: r.torn,
		Leftovers: len(found.leftovers) + len(found.temporary),
	}
	report.State.Entries = nil
	for _, s := range r.segments {
		report.Bytes += s.size
	}
	return report, nil
}

// lockPresent takes the log's lock if its file is there, so that nothing is
// made on a disk that may be read-only.
func lockPresent(fsys vfs.FS, dir string) (unlock func() error, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, lockName) {
		return func() error { return nil }, nil
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, err
	}
	if err != nil { // a read-only disk: nobody can be writing
		return func() error { return nil }, nil
	}
	return lock.Close, nil
}
