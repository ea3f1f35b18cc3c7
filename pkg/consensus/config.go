package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// Entry is a committed entry.
type Entry struct {
	Index uint64
	Term  uint64
	// Data is what was proposed; nil in raft's own entries (the first of a term,
	// changes of the configuration), which are delivered so that the applied
	// index has no gaps. It is immutable and may be kept: it pins nothing else.
	Data []byte
}

// StateMachine is what committed entries are applied to.
type StateMachine interface {
	// Apply applies entries in index order, each once in the life of the
	// process, called by one goroutine at a time. The slice is reused after it
	// returns. An error ends the member. Apply may block; proposals then wait.
	Apply(entries []Entry) error
	// AppliedIndex is the index of the last entry applied, in memory.
	AppliedIndex() uint64
	// DurableIndex is the index and term of the last entry whose effects survive
	// a crash. The log is kept above it. It must be cheap; it never goes back.
	DurableIndex() (index, term uint64)
}

// Transport carries messages to other members. It owns the messages but must
// not change them. Send must not block: it may drop what it cannot queue, and
// the order of messages does not matter.
type Transport interface {
	Send(messages []*raftpb.Message)
}

// Observer is told what happens, for metrics. Its methods must be quick and may
// be called concurrently.
type Observer interface {
	// Synced follows every write and sync of the log.
	Synced(took time.Duration, bytes int)
	// Applied follows every call of StateMachine.Apply.
	Applied(took time.Duration, entries int)
	// LeaderChanged follows a change of the leader that this member knows; 0 is
	// none.
	LeaderChanged(leader uint64)
}

// Config describes a member. Zero values mean the defaults.
type Config struct {
	ID        uint64 // of this member, not 0
	ClusterID uint64 // not 0; random, so that data of different clusters never mixes
	Dir       string // of the log
	FS        vfs.FS // the operating system's

	StateMachine StateMachine

	// Voters are the first members of a new cluster: the same on each of them.
	// ID alone by default. Ignored when there is a log.
	Voters []uint64
	// NewLog starts a log behind a state machine that has applied entries and
	// whose log is gone, as after a restore. Without it that is ErrMismatch.
	NewLog bool

	TickInterval  time.Duration // 100 ms
	HeartbeatTick int           // 1
	ElectionTick  int           // 10

	// MaxEntrySize bounds the data of one proposal. 4 MiB.
	MaxEntrySize int
	// MaxQueued and MaxQueuedBytes bound the proposals that wait to be taken by
	// raft; Propose blocks beyond. 8192, 32 MiB.
	MaxQueued      int
	MaxQueuedBytes int
	// MaxUncommittedBytes bounds what raft has taken and not committed; further
	// proposals stay in the queue. 32 MiB.
	MaxUncommittedBytes int
	// MaxLogBytes bounds the entries in memory. They can go once they are
	// durable in the state machine; proposals stay in the queue until then.
	// 128 MiB.
	MaxLogBytes int
	// TailEntries and TailBytes bound the entries that are kept below the
	// durable index for members that lag; a lone member keeps none. 5000, 16 MiB.
	TailEntries int
	TailBytes   int
	// SegmentSize is the size of the log's files. wal.DefaultSegmentSize.
	SegmentSize int64

	Transport Transport    // none
	Observer  Observer     // none
	Logger    *slog.Logger // discards
}

// setDefault fills a zero option.
func setDefault[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

func (c *Config) defaults() {
	if c.FS == nil {
		c.FS = vfs.OS{}
	}
	if len(c.Voters) == 0 {
		c.Voters = []uint64{c.ID}
	}
	setDefault(&c.TickInterval, 100*time.Millisecond)
	setDefault(&c.HeartbeatTick, 1)
	setDefault(&c.ElectionTick, 10)
	setDefault(&c.MaxEntrySize, 4<<20)
	setDefault(&c.MaxQueued, 8192)
	setDefault(&c.MaxQueuedBytes, 32<<20)
	setDefault(&c.MaxUncommittedBytes, 32<<20)
	setDefault(&c.MaxLogBytes, 128<<20)
	setDefault(&c.TailEntries, 5000)
	setDefault(&c.TailBytes, 16<<20)
	setDefault(&c.SegmentSize, wal.DefaultSegmentSize)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate lists all that is wrong with c.
func (c Config) Validate() error {
	c.defaults()
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("consensus: "+format, args...))
		}
	}
	check(c.ID != 0 && !raft.IsLocalMsgTarget(c.ID), "ID %d is reserved", c.ID)
	check(c.ClusterID != 0, "ClusterID is missing")
	check(c.Dir != "", "Dir is missing")
	check(c.StateMachine != nil, "StateMachine is missing")
	check(!slices.Contains(c.Voters, 0), "Voters has a 0")
	check(c.TickInterval > 0, "TickInterval %v is not positive", c.TickInterval)
	check(c.HeartbeatTick > 0, "HeartbeatTick %d is not positive", c.HeartbeatTick)
	check(c.ElectionTick > c.HeartbeatTick, "ElectionTick %d is not above HeartbeatTick %d", c.ElectionTick, c.HeartbeatTick)
	check(c.MaxEntrySize > 0 && c.MaxEntrySize <= wal.MaxEntrySize, "MaxEntrySize %d is not in [1, %d]", c.MaxEntrySize, wal.MaxEntrySize)
	check(c.MaxQueued > 0, "MaxQueued %d is not positive", c.MaxQueued)
	check(c.MaxQueuedBytes >= c.MaxEntrySize, "MaxQueuedBytes %d is below MaxEntrySize %d", c.MaxQueuedBytes, c.MaxEntrySize)
	check(c.MaxUncommittedBytes >= c.MaxEntrySize, "MaxUncommittedBytes %d is below MaxEntrySize %d", c.MaxUncommittedBytes, c.MaxEntrySize)
	check(c.TailEntries > 0, "TailEntries %d is not positive", c.TailEntries)
	check(c.TailBytes > 0, "TailBytes %d is not positive", c.TailBytes)
	check(c.MaxLogBytes > c.TailBytes, "MaxLogBytes %d is not above TailBytes %d", c.MaxLogBytes, c.TailBytes)
	check(c.SegmentSize > 0, "SegmentSize %d is not positive", c.SegmentSize)
	return errors.Join(faults...)
}

// raftConfig is how c looks to raft.
func (c *Config) raftConfig(log *memoryLog, applied uint64) *raft.Config {
	return &raft.Config{
		ID:                 c.ID,
		ElectionTick:       c.ElectionTick,
		HeartbeatTick:      c.HeartbeatTick,
		Storage:            log,
		Applied:            applied,
		AsyncStorageWrites: true,
		MaxSizePerMsg:      1 << 20,
		// The state machine may be given this much at a time.
		MaxCommittedSizePerReady:  16 << 20,
		MaxUncommittedEntriesSize: uint64(c.MaxUncommittedBytes),
		MaxInflightMsgs:           256,
		CheckQuorum:               true,
		PreVote:                   true,
		StepDownOnRemoval:         true,
		Logger:                    raftLogger{c.Logger},
	}
}
