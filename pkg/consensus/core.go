package consensus

import (
	"crypto/rand"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// core is one raft member without clock, disk, network or goroutine. Its owner
// steps inputs into it (tick, step, propose, read, appended, applied), calls
// advance, and takes the outputs, which it carries out in order:
//
//	takeAppends  write to the log, then appended
//	takeApplies  give to the state machine, then applied
//	takeOutbox   send to other members
//	takeReads    answer read indexes
//
// So a whole cluster can run under virtual time, in one goroutine, from a seed.
type core struct {
	id  uint64
	cfg *Config
	rn  *raft.RawNode
	log *memoryLog

	conf  confHistory
	alone bool // the only voter

	leader        uint64
	role          raft.StateType
	leaderChanges uint64
	term          uint64
	commit        uint64
	// firstOfTerm is the index of the entry that began this member's own
	// leadership: what is committed is authoritative once that is.
	firstOfTerm uint64
	hardState   wal.HardState // as of the newest append handed out or waiting

	applied     uint64
	appliedTerm uint64
	uncommitted uint64 // bytes; the figure that raft keeps, to stay below its limit
	ticks       uint64

	appends []appendWork
	applies []applyWork
	outbox  []*raftpb.Message
	reads   readRounds
	failure error
}

// appendWork is a step of the append order: it is made durable, then appended
// is called with it.
type appendWork struct {
	entries   []*raftpb.Entry
	hardState wal.HardState // zero: unchanged
	responses []*raftpb.Message
	// sync is false when the work holds nothing that must be written before the
	// responses go out: the hard state may then wait for the next write.
	sync bool
}

// applyWork is a run of committed entries. They are applied, then applied is
// called with it.
type applyWork struct {
	entries   []*raftpb.Entry
	responses []*raftpb.Message
}

// newCore makes the core of a member whose log says state and whose state
// machine has applied everything up to applied.
func newCore(cfg *Config, state *wal.State, applied uint64) (*core, error) {
	c := &core{id: cfg.ID, cfg: cfg, log: newMemoryLog(state), applied: applied}
	conf, err := newConfHistory(state.Mark.Index, state.Mark.Conf, state.ConfChanges, applied)
	if err != nil {
		return nil, err
	}
	c.conf = conf
	// What was applied was committed, whatever the lagging record says.
	c.log.hardState.Commit = max(c.log.hardState.Commit, applied)
	c.log.confState = conf.latest()
	if c.appliedTerm, err = c.log.Term(applied); err != nil {
		return nil, fmt.Errorf("%w: entry %d is applied, the log has %d to %d",
			ErrMismatch, applied, c.log.baseIndex+1, c.log.lastIndex())
	}
	c.hardState = state.HardState
	c.term, c.commit = state.HardState.Term, c.log.hardState.Commit
	if c.rn, err = raft.NewRawNode(cfg.raftConfig(c.log, applied)); err != nil {
		return nil, err
	}
	c.confChanged()
	rand.Read(c.reads.life[:])
	return c, nil
}

func (c *core) confChanged() {
	cs := c.conf.latest()
	c.alone = len(cs.Voters) == 1 && cs.Voters[0] == c.id && len(cs.VotersOutgoing) == 0
}

// start lets a lone voter campaign at once: there is nobody to wait for.
func (c *core) start() {
	if c.alone && c.role == raft.StateFollower && c.leader == 0 {
		if err := c.rn.Campaign(); err != nil {
			c.fail(err)
		}
	}
}

// tick is one unit of raft's time.
func (c *core) tick() {
	c.ticks++
	c.rn.Tick()
	c.reads.tick(c)
}

// step takes a message of another member.
func (c *core) step(m *raftpb.Message) {
	// Raft answers with an error what it need not act on, such as an answer of
	// a member that was removed.
	_ = c.rn.Step(m)
}

// proposable reports whether raft would take a proposal of size bytes now.
func (c *core) proposable(size int) bool {
	return c.log.bytes <= c.cfg.MaxLogBytes && c.uncommitted+uint64(size) <= uint64(c.cfg.MaxUncommittedBytes)
}

// errLater is returned by propose when raft takes no proposal just now.
var errLater = errors.New("raft takes no proposal now")

// propose hands proposals to raft: all or, with ErrNoLeader or errLater, none.
// What went in before must have been advanced.
func (c *core) propose(batch [][]byte) error {
	entries := make([]*raftpb.Entry, len(batch))
	all := make([]raftpb.Entry, len(batch))
	size := 0
	for i, data := range batch {
		all[i].Data = data
		entries[i] = &all[i]
		size += len(data)
	}
	err := c.rn.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: &c.id, Entries: entries})
	switch {
	case err == nil:
		if c.role == raft.StateLeader {
			c.uncommitted += uint64(size)
		}
		return nil
	case !errors.Is(err, raft.ErrProposalDropped):
		return err
	case c.role == raft.StateLeader:
		// It has too much uncommitted, what followers forwarded too, or hands
		// its leadership over.
		return errLater
	}
	return ErrNoLeader
}

// appended takes back work that is durable.
func (c *core) appended(w *appendWork) {
	c.log.append(w.entries)
	c.respond(w.responses)
}

// appliedAll takes back work that the state machine has applied.
func (c *core) appliedAll(w *applyWork) {
	last := w.entries[len(w.entries)-1]
	c.applied, c.appliedTerm = last.GetIndex(), last.GetTerm()
	size := uint64(0)
	for _, e := range w.entries {
		size += uint64(len(e.GetData()))
	}
	c.uncommitted -= min(size, c.uncommitted)
	c.respond(w.responses)
	c.start() // raft refuses to campaign while it has configuration changes to apply
}

// respond delivers the answers of a local storage step.
func (c *core) respond(responses []*raftpb.Message) {
	for _, m := range responses {
		if m.GetTo() != c.id {
			c.outbox = append(c.outbox, m)
		} else if err := c.rn.Step(m); err != nil && !errors.Is(err, raft.ErrStepPeerNotFound) {
			c.fail(fmt.Errorf("step %v: %w", m.GetType(), err))
		}
	}
}

// applyConfChange changes the configuration as a committed entry says. It is
// called before the entry counts as applied.
func (c *core) applyConfChange(e *raftpb.Entry) error {
	cc, err := decodeConfChange(e)
	if err != nil {
		return err
	}
	c.conf = append(c.conf, confAt{e.GetIndex(), c.rn.ApplyConfChange(cc)})
	c.confChanged()
	return nil
}

func (c *core) fail(err error) {
	if c.failure == nil {
		c.failure = err
	}
}

// advance takes from raft what the inputs since have led to.
func (c *core) advance() {
	for {
		c.reads.issue(c)
		if !c.rn.HasReady() {
			break
		}
		c.ready(c.rn.Ready())
	}
	c.reads.answerAlone(c)
}

func (c *core) ready(rd raft.Ready) {
	if rd.HardState != nil && !raft.IsEmptyHardState(rd.HardState) {
		if term := rd.HardState.GetTerm(); term != c.term {
			c.term = term
			c.firstOfTerm = 0
			c.uncommitted = 0 // raft forgets it with the term
		}
		c.commit = rd.HardState.GetCommit()
	}
	if rd.SoftState != nil {
		c.role = rd.SoftState.RaftState
		if c.leader != rd.SoftState.Lead {
			c.leader = rd.SoftState.Lead
			c.leaderChanges++
			c.reads.leaderChanged(c)
		}
	}
	if c.role != raft.StateLeader {
		c.firstOfTerm = 0
	} else if c.firstOfTerm == 0 {
		c.firstOfTerm = firstOfTerm(rd.Entries, c.term)
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			c.queueAppend(m)
		case raft.LocalApplyThread:
			c.applies = append(c.applies, applyWork{m.GetEntries(), m.GetResponses()})
		default:
			c.outbox = append(c.outbox, m)
		}
	}
	for _, state := range rd.ReadStates {
		c.reads.confirmed(state)
	}
}

// firstOfTerm is the index of the first entry of term: a new leader puts one
// into the log at once.
func firstOfTerm(entries []*raftpb.Entry, term uint64) uint64 {
	for _, e := range entries {
		if e.GetTerm() == term {
			return e.GetIndex()
		}
	}
	return 0
}

// queueAppend adds a message to the append order. It joins the work that waits
// there, so that one write covers all, unless it replaces entries of it.
func (c *core) queueAppend(m *raftpb.Message) {
	if !raft.IsEmptySnap(m.GetSnapshot()) {
		panic("consensus: a snapshot has come through, Step refuses them")
	}
	if !c.joins(m.GetEntries()) {
		c.appends = append(c.appends, appendWork{})
	}
	w := &c.appends[len(c.appends)-1]
	if m.Term != nil {
		hs := wal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
		// The commit index need not be durable: the entries are.
		w.sync = w.sync || hs.Term != c.hardState.Term || hs.Vote != c.hardState.Vote
		w.hardState, c.hardState = hs, hs
	}
	if len(m.GetEntries()) > 0 {
		w.sync = true
		if w.entries == nil {
			w.entries = m.GetEntries()
		} else {
			w.entries = append(w.entries[:len(w.entries):len(w.entries)], m.GetEntries()...)
		}
	}
	w.responses = append(w.responses, m.GetResponses()...)
}

func (c *core) joins(entries []*raftpb.Entry) bool {
	if len(c.appends) == 0 {
		return false
	}
	before := c.appends[len(c.appends)-1].entries
	return len(entries) == 0 || len(before) == 0 ||
		before[len(before)-1].GetIndex()+1 == entries[0].GetIndex()
}

// appendsPressing reports whether there is append work that something waits
// for; a commit index alone does not press.
func (c *core) appendsPressing() bool {
	for i := range c.appends {
		if c.appends[i].sync || len(c.appends[i].responses) > 0 {
			return true
		}
	}
	return false
}

func (c *core) takeAppends() []appendWork {
	w := c.appends
	c.appends = nil
	return w
}

func (c *core) takeApplies() []applyWork {
	w := c.applies
	c.applies = nil
	return w
}

func (c *core) takeOutbox() []*raftpb.Message {
	m := c.outbox
	c.outbox = nil
	return m
}

// authoritative returns the commit index if, by itself, it is a linearizable
// read index: this member is the only voter, leads, and has committed an entry
// of its own term, so that nothing was ever acknowledged beyond it.
func (c *core) authoritative() (index uint64, ok bool) {
	ok = c.alone && c.role == raft.StateLeader && c.firstOfTerm != 0 && c.commit >= c.firstOfTerm
	return c.commit, ok
}

// settled reports whether a leader is known and an entry of its term applied.
func (c *core) settled() bool { return c.leader != 0 && c.appliedTerm == c.term }

// truncate forgets what is durable in the state machine up to index, except for
// a tail for other members, and returns the mark for the log on disk.
func (c *core) truncate(durable uint64) wal.Mark {
	target := min(durable, c.applied)
	if !c.solitary() {
		target = min(target, c.log.tailStart(c.cfg.TailEntries, c.cfg.TailBytes))
	}
	c.log.compact(target)
	index := c.log.baseIndex
	return wal.Mark{Index: index, Term: c.log.baseTerm, Conf: c.conf.at(index)}
}

// solitary reports whether nobody else may ask for entries.
func (c *core) solitary() bool {
	cs := c.conf.latest()
	return c.alone && len(cs.Learners) == 0 && len(cs.LearnersNext) == 0
}
