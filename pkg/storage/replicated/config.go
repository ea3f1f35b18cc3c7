package replicated

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Log is a replicated log as seen by a store. Its member applies the entries
// that it commits to the store's Machine. *consensus.Node is one.
type Log interface {
	// Propose hands data, which then belongs to the log, to the leader. It
	// returns when the log has taken it, not when it is committed; a proposal
	// that was taken may still be lost without a word. After an error nothing
	// was proposed.
	Propose(ctx context.Context, data []byte) error
	// ReadIndex returns an index at or above that of every entry that was
	// committed, by any member, before the call.
	ReadIndex(ctx context.Context) (uint64, error)
}

// LogErrors are the errors of a Log that the contract of a store has a name
// for, matched with errors.Is.
type LogErrors struct {
	NoLeader error
	Stopped  error
	TooLarge error
}

// Clock is the time by which leases expire and compactions are due.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Config says what a Store stands on. Log, Machine and Leadership are required;
// zero values of the others mean the defaults.
type Config struct {
	Log       Log
	LogErrors LogErrors
	// Machine is the one that the log's member applies to.
	Machine *Machine
	// Leadership returns the log's term and whether this member leads in it. It
	// must not block.
	Leadership func() (term uint64, leads bool)

	// MaxRequestBytes bounds the encoding of a Txn or Batch (1.5 MiB, etcd's).
	MaxRequestBytes int
	// MaxPendingBytes bounds the proposals under way (128 MiB); who comes when it
	// is used up waits.
	MaxPendingBytes int64
	// RequestTimeout bounds the wait for a proposal's fate, whatever the context
	// says (7 s, etcd's): the log may have lost it.
	RequestTimeout time.Duration
	// CompactionRetention is how long history is kept: a leader compacts at the
	// revision that it saw so long ago (5 minutes). Negative: never.
	CompactionRetention time.Duration

	Clock  Clock        // the system's
	Logger *slog.Logger // nil discards
}

func (c *Config) setDefaults() {
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 3 << 19
	}
	if c.MaxPendingBytes == 0 {
		c.MaxPendingBytes = 128 << 20
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 7 * time.Second
	}
	if c.CompactionRetention == 0 {
		c.CompactionRetention = 5 * time.Minute
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate lists all faults of c.
func (c *Config) Validate() error {
	var errs []error
	if c.Log == nil {
		errs = append(errs, errors.New("no Log"))
	}
	if c.Machine == nil {
		errs = append(errs, errors.New("no Machine"))
	}
	if c.Leadership == nil {
		errs = append(errs, errors.New("no Leadership"))
	}
	if c.MaxRequestBytes < 0 || c.RequestTimeout < 0 {
		errs = append(errs, errors.New("MaxRequestBytes or RequestTimeout is negative"))
	}
	if c.MaxPendingBytes != 0 && c.MaxPendingBytes < int64(c.MaxRequestBytes)+proposalOverhead {
		errs = append(errs, errors.New("MaxPendingBytes has no room for a single request"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("replicated config: %w", err)
	}
	return nil
}
