package mvcc

import (
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"time"
)

// Config says where a Store lives and how much it may hold back. Zero values
// mean the defaults.
type Config struct {
	// Path is the bbolt file; its directory must exist. Unused with Backend.
	Path string
	// Backend, when set, is used in place of a bbolt file at Path. The Store
	// closes it.
	Backend Backend

	// FlushInterval is how long an applied entry may wait for its commit (100 ms).
	FlushInterval time.Duration
	// FlushRecords and FlushBytes start a commit early (10,000 and 8 MiB).
	FlushRecords int
	FlushBytes   int64
	// MaxPendingBytes bounds what is applied but not committed (64 MiB): above
	// it Apply itself commits before it goes on.
	MaxPendingBytes int64

	// RecentRecords and RecentBytes bound the committed changes that are kept in
	// memory for Events (16,384 and 16 MiB).
	RecentRecords int
	RecentBytes   int64

	// InitialMmapSize is the address space reserved for the file, in bytes. As
	// long as the file fits, no open read holds up a commit. Keep it above the
	// quota (10 GiB where pointers have 64 bits, else 0).
	InitialMmapSize int
	// LockTimeout is how long Open waits for the file's lock (500 ms).
	LockTimeout time.Duration

	// Observer is told of commits and compactions; nil functions are skipped.
	Observer Observer
	// Logger takes the few lines of background work; nil discards them.
	Logger *slog.Logger
}

// Observer is a set of hooks for metrics. They are called from background
// goroutines, must not block, and may be nil.
type Observer struct {
	// Commit is called after every backend commit with its duration and what it wrote.
	Commit func(d time.Duration, records int, bytes int64)
	// Compaction is called after each finished physical compaction.
	Compaction func(d time.Duration, removed int)
}

func (c *Config) setDefaults() {
	if c.FlushInterval == 0 {
		c.FlushInterval = 100 * time.Millisecond
	}
	if c.FlushRecords == 0 {
		c.FlushRecords = 10_000
	}
	if c.FlushBytes == 0 {
		c.FlushBytes = 8 << 20
	}
	if c.MaxPendingBytes == 0 {
		c.MaxPendingBytes = 64 << 20
	}
	if c.RecentRecords == 0 {
		c.RecentRecords = 16_384
	}
	if c.RecentBytes == 0 {
		c.RecentBytes = 16 << 20
	}
	if c.InitialMmapSize == 0 && bits.UintSize == 64 {
		c.InitialMmapSize = 10 << 30
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate lists all faults of c.
func (c *Config) Validate() error {
	var errs []error
	if (c.Path == "") == (c.Backend == nil) {
		errs = append(errs, errors.New("exactly one of Path and Backend is needed"))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"FlushInterval", int64(c.FlushInterval)}, {"FlushRecords", int64(c.FlushRecords)},
		{"FlushBytes", c.FlushBytes}, {"MaxPendingBytes", c.MaxPendingBytes},
		{"RecentRecords", int64(c.RecentRecords)}, {"RecentBytes", c.RecentBytes},
		{"InitialMmapSize", int64(c.InitialMmapSize)}, {"LockTimeout", int64(c.LockTimeout)},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", f.name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("mvcc config: %w", err)
	}
	return nil
}
