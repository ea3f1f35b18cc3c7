package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/cryptotest"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// cluster drives the cores of several members by hand: time, network, disks and
// state machines move only when it says so, in one goroutine. A seed gives the
// same run again.
type cluster struct {
	t       *testing.T
	rng     *rand.Rand
	members map[uint64]*member
	ids     []uint64
	net     []*raftpb.Message
	cut     map[[2]uint64]bool // links that drop everything

	log       map[uint64]Entry // what any member has applied at an index
	acked     uint64           // highest index of it
	proposals int
	reads     int
}

// member is a core with its disk and state machine.
type member struct {
	id    uint64
	fsys  *vfs.MemFS
	sm    *machine
	node  *Node // opened and never run; nil while it is down
	write []appendWork
	apply []applyWork
	asked []asked
}

// asked is a read index that a member waits for.
type asked struct {
	answer  chan readResult
	atLeast uint64
}

func newCluster(t *testing.T, seed uint64, size int) *cluster {
	cryptotest.SetGlobalRandom(t, seed) // raft's election jitter
	c := &cluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)),
		members: map[uint64]*member{}, cut: map[[2]uint64]bool{}, log: map[uint64]Entry{},
	}
	for id := range uint64(size) {
		c.ids = append(c.ids, id+1)
	}
	for _, id := range c.ids {
		c.members[id] = &member{id: id, fsys: vfs.NewMem(seed + id), sm: newMachine()}
		c.up(c.members[id])
	}
	return c
}

// up opens a member as a new process would. The disk may fail in it.
func (c *cluster) up(m *member) {
	c.t.Helper()
	node, err := Open(Config{
		ID: m.id, ClusterID: 7, Dir: testDir, FS: m.fsys, StateMachine: m.sm,
		Voters: c.ids, SegmentSize: 2000,
	})
	if errors.Is(err, vfs.ErrCrashed) {
		c.down(m)
		return
	}
	must(c.t, err)
	m.node = node
	c.turn(m, (*core).start)
}

// down takes a member's power away.
func (c *cluster) down(m *member) {
	m.fsys = m.fsys.Crash()
	m.sm = m.sm.crash()
	m.node, m.write, m.apply, m.asked = nil, nil, nil, nil
}

// turn gives a core an input and collects the outputs.
func (c *cluster) turn(m *member, input func(*core)) {
	c.t.Helper()
	core := m.node.core
	input(core)
	core.advance()
	must(c.t, core.failure)
	m.write = append(m.write, core.takeAppends()...)
	m.apply = append(m.apply, core.takeApplies()...)
	for _, msg := range core.takeOutbox() {
		c.net = append(c.net, proto.Clone(msg).(*raftpb.Message))
	}
	for _, r := range core.reads.takeReads() {
		r.to <- r.result
	}
	c.answers(m)
}

// answers checks the read indexes that have come.
func (c *cluster) answers(m *member) {
	m.asked = slices.DeleteFunc(m.asked, func(a asked) bool {
		select {
		case r := <-a.answer:
			if r.err == nil && r.index < a.atLeast {
				c.t.Fatalf("member %d was given read index %d, entry %d was acknowledged before", m.id, r.index, a.atLeast)
			}
			if r.err == nil {
				c.reads++
			}
			return true
		default:
			return false
		}
	})
}

func (c *cluster) read(m *member) {
	a := asked{answer: make(chan readResult, 1), atLeast: c.acked}
	m.asked = append(m.asked, a)
	c.turn(m, func(core *core) { core.reads.add(core, a.answer) })
}

func (c *cluster) propose(m *member) {
	c.proposals++
	data := fmt.Sprintf("proposal %d", c.proposals)
	c.turn(m, func(core *core) {
		if err := core.propose([][]byte{[]byte(data)}); err != nil && !errors.Is(err, ErrNoLeader) && !errors.Is(err, errLater) {
			c.t.Fatal(err)
		}
	})
}

// writeLog makes the oldest waiting work of a member durable.
func (c *cluster) writeLog(m *member) {
	if len(m.write) == 0 {
		return
	}
	w := m.write[0]
	m.write = m.write[1:]
	if err := m.node.write([]appendWork{w}, nil); err != nil {
		if !errors.Is(err, vfs.ErrCrashed) {
			c.t.Fatal(err)
		}
		c.down(m)
		return
	}
	c.turn(m, func(core *core) { core.appended(&w) })
}

// applyLog gives the oldest waiting entries to a member's state machine.
func (c *cluster) applyLog(m *member) {
	if len(m.apply) == 0 {
		return
	}
	w := m.apply[0]
	m.apply = m.apply[1:]
	for _, e := range w.entries {
		entry := Entry{Index: e.GetIndex(), Term: e.GetTerm()}
		if e.GetType() == raftpb.EntryNormal {
			entry.Data = e.GetData()
		} else {
			c.turn(m, func(core *core) { must(c.t, core.applyConfChange(e)) })
		}
		c.agree(m, entry)
		must(c.t, m.sm.Apply([]Entry{entry}))
	}
	c.turn(m, func(core *core) { core.appliedAll(&w) })
}

// agree checks that no two members apply different entries at an index.
func (c *cluster) agree(m *member, e Entry) {
	before, known := c.log[e.Index]
	if known && (before.Term != e.Term || string(before.Data) != string(e.Data)) {
		c.t.Fatalf("member %d applies %d/%d %q, another has applied %d/%d %q",
			m.id, e.Index, e.Term, e.Data, before.Index, before.Term, before.Data)
	}
	c.log[e.Index] = e
	c.acked = max(c.acked, e.Index)
}

// receive delivers a message, or drops it.
func (c *cluster) receive(i int) {
	msg := c.net[i]
	c.net = slices.Delete(c.net, i, i+1)
	m := c.members[msg.GetTo()]
	if m == nil || m.node == nil || c.cut[[2]uint64{msg.GetFrom(), msg.GetTo()}] {
		return
	}
	must(c.t, m.node.acceptable(msg))
	c.turn(m, func(core *core) { core.step(msg) })
}

// settle lets everything happen in order until nothing is left to do.
func (c *cluster) settle() {
	for busy := true; busy; {
		busy = false
		for len(c.net) > 0 {
			c.receive(0)
			busy = true
		}
		for _, id := range c.ids {
			m := c.members[id]
			for m.node != nil && len(m.write)+len(m.apply) > 0 {
				c.writeLog(m)
				if m.node != nil {
					c.applyLog(m)
				}
				busy = true
			}
		}
	}
}

// tick lets time pass on every member.
func (c *cluster) tick() {
	for _, id := range c.ids {
		if m := c.members[id]; m.node != nil {
			c.turn(m, (*core).tick)
		}
	}
}

// elect lets time pass until one leader is known to all.
func (c *cluster) elect() *member {
	c.t.Helper()
	for range 200 {
		c.tick()
		c.settle()
		if leader := c.leader(); leader != nil {
			return leader
		}
	}
	c.t.Fatal("no leader")
	return nil
}

// leader is the leader that all agree on.
func (c *cluster) leader() *member {
	lead := c.members[c.ids[0]].node.core.leader
	for _, m := range c.members {
		if m.node.core.leader != lead || !m.node.core.settled() {
			return nil
		}
	}
	return c.members[lead]
}

func TestClusterElectsAndReplicates(t *testing.T) {
	c := newCluster(t, 1, 3)
	leader := c.elect()
	if leader.node.core.role != raft.StateLeader || leader.node.core.alone {
		t.Fatalf("role %v", leader.node.core.role)
	}
	if _, ok := leader.node.core.authoritative(); ok {
		t.Error("one of three answers reads by itself")
	}
	for _, id := range c.ids {
		c.propose(c.members[id]) // followers forward
		c.read(c.members[id])
		c.settle()
	}
	c.tick() // tells the followers what is committed
	c.settle()
	for _, id := range c.ids {
		if got := c.members[id].sm.data(); len(got) != 3 {
			t.Errorf("member %d has applied %q", id, got)
		}
	}
	if c.reads != 3 {
		t.Errorf("%d reads were answered", c.reads)
	}

	// The leader goes; the others go on; it comes back and catches up.
	c.down(leader)
	for range 60 {
		c.tick()
		c.settle()
	}
	for _, id := range c.ids {
		if m := c.members[id]; m != leader && m.node.core.role == raft.StateLeader {
			c.propose(m)
		}
	}
	c.settle()
	c.up(leader)
	c.elect()
	c.tick()
	c.settle()
	for _, id := range c.ids {
		if got := c.members[id].sm.data(); len(got) != 4 {
			t.Errorf("member %d has applied %q", id, got)
		}
	}
}

// TestMinorityStops: without a quorum nothing is committed and no read is
// answered.
func TestMinorityStops(t *testing.T) {
	c := newCluster(t, 2, 3)
	leader := c.elect()
	for _, id := range c.ids {
		c.cut[[2]uint64{id, leader.id}] = true
		c.cut[[2]uint64{leader.id, id}] = true
	}
	before := leader.sm.AppliedIndex()
	c.propose(leader)
	c.read(leader)
	for range 60 {
		c.tick()
		c.settle()
	}
	if leader.sm.AppliedIndex() != before || c.reads != 0 {
		t.Error("a leader without a quorum has acknowledged something")
	}
	if leader.node.core.role == raft.StateLeader {
		t.Error("a leader without a quorum has not stepped down")
	}
	clear(c.cut)
	c.elect()
}

// TestVoteSurvivesCrash: a member that has voted does not vote for another in
// the same term after a crash.
func TestVoteSurvivesCrash(t *testing.T) {
	for seed := range uint64(20) {
		c := newCluster(t, seed, 3)
		leader := c.elect()
		c.tick()
		c.settle()
		voter := c.members[leader.id%3+1]
		last := voter.node.core.log.lastIndex()
		const term = 50
		ask := func(candidate, index, logTerm uint64) (granted bool) {
			t.Helper()
			c.net = append(c.net, &raftpb.Message{
				Type: raftpb.MsgVote.Enum(), From: &candidate, To: &voter.id, Term: new(uint64(term)),
				Index: &index, LogTerm: &logTerm, Context: []byte("CampaignTransfer"), // an election by order
			})
			c.receive(len(c.net) - 1)
			if len(c.net) > 0 {
				t.Fatal("a vote is out before it is durable")
			}
			for len(voter.write) > 0 {
				c.writeLog(voter)
			}
			for _, m := range c.net {
				granted = granted || m.GetType() == raftpb.MsgVoteResp && !m.GetReject()
			}
			c.net = nil
			return granted
		}
		if ask(leader.id, 0, 0) {
			t.Fatal("a vote for a log that is behind")
		}
		if !ask(leader.id, last, term) {
			t.Fatal("no vote")
		}
		c.down(voter)
		c.up(voter)
		if other := 6 - leader.id - voter.id; ask(other, last, term) {
			t.Fatalf("seed %d: two votes in one term", seed)
		}
	}
}

// TestConfigurationSurvivesRestart changes the configuration and restarts with
// a state machine that is behind it.
func TestConfigurationSurvivesRestart(t *testing.T) {
	c := newCluster(t, 3, 1)
	m := c.members[1]
	c.settle()
	change := func(typ raftpb.ConfChangeType, id uint64) {
		t.Helper()
		c.turn(m, func(core *core) {
			must(t, core.rn.ProposeConfChange(&raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{{Type: typ.Enum(), NodeId: &id}}}))
		})
		c.settle()
	}
	change(raftpb.ConfChangeAddLearnerNode, 2)
	m.sm.flush()
	change(raftpb.ConfChangeAddLearnerNode, 3)
	if s := m.node.Status(); !slices.Equal(s.Learners, []uint64{2, 3}) || !slices.Equal(s.Voters, []uint64{1}) {
		t.Fatalf("status %+v", s)
	}
	for range 3 { // the second time with a mark above the first change
		c.down(m)
		c.up(m)
		if s := m.node.Status(); !slices.Equal(s.Learners, []uint64{2}) {
			t.Fatalf("status before the replay %+v", s)
		}
		c.settle()
		if s := m.node.Status(); !slices.Equal(s.Learners, []uint64{2, 3}) || s.Role != Leader {
			t.Fatalf("status after the replay %+v", s)
		}
		durable, _ := m.sm.DurableIndex()
		mark := m.node.core.truncate(durable)
		must(t, m.node.write(nil, &mark))
	}
	change(raftpb.ConfChangeAddNode, 2)
	if m.node.core.alone {
		t.Error("one of two voters thinks that it is alone")
	}
	if _, ok := m.node.core.authoritative(); ok {
		t.Error("one of two voters answers reads by itself")
	}
}

// TestRandomCluster runs one, three and five members through lost, delayed and reordered
// messages, partitions and crashes in the middle of writes. No two members may
// apply different entries, no read may be stale, and in the end all agree.
func TestRandomCluster(t *testing.T) {
	base := testSeed(t)
	for run := range uint64(40) {
		size := []int{1, 3, 3, 5}[run%4]
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			c := newCluster(t, base+run, size)
			for range 10_000 {
				c.chaos()
			}
			clear(c.cut)
			for _, id := range c.ids {
				m := c.members[id]
				m.fsys.Inject(nil)
				if m.node == nil {
					c.up(m)
				}
			}
			leader := c.elect()
			c.propose(leader)
			c.settle()
			c.tick()
			c.settle()
			want := leader.sm.data()
			for _, id := range c.ids {
				if got := c.members[id].sm.data(); !slices.Equal(got, want) {
					t.Fatalf("member %d has %d entries, the leader %d", id, len(got), len(want))
				}
			}
			if len(c.log) != int(leader.sm.AppliedIndex()) || c.acked != leader.sm.AppliedIndex() {
				t.Fatalf("%d entries were acknowledged, %d are there", len(c.log), leader.sm.AppliedIndex())
			}
			seen := map[string]bool{}
			for _, data := range want {
				if seen[data] {
					t.Fatalf("%q is there twice", data)
				}
				seen[data] = true
			}
			t.Logf("%d of %d proposals, %d reads, term %d", len(want), c.proposals, c.reads, leader.node.core.term)
		})
	}
}

// chaos is one random event.
func (c *cluster) chaos() {
	m := c.members[c.ids[c.rng.IntN(len(c.ids))]]
	if m.node == nil {
		if c.rng.IntN(30) == 0 {
			c.up(m)
		}
		return
	}
	switch n := c.rng.IntN(1000); {
	case n < 120:
		c.turn(m, (*core).tick)
	case n < 500:
		if len(c.net) > 0 {
			at := 0
			if c.rng.IntN(5) == 0 {
				at = c.rng.IntN(len(c.net)) // out of order
			}
			if c.rng.IntN(50) == 0 {
				c.net = slices.Delete(c.net, at, at+1) // lost
			} else {
				c.receive(at)
			}
		}
	case n < 700:
		c.writeLog(m)
	case n < 870:
		c.applyLog(m)
	case n < 920:
		c.propose(m)
	case n < 950:
		c.read(m)
	case n < 970:
		m.sm.flush()
	case n < 980:
		durable, _ := m.sm.DurableIndex()
		m.node.truncate(durable)
		if mark := m.node.markDue; mark != nil && len(m.write) == 0 {
			m.node.markDue = nil
			if err := m.node.write(nil, mark); err != nil {
				c.down(m)
			}
		}
	case n < 985:
		if len(c.cut) > 0 {
			clear(c.cut)
		} else {
			for _, id := range c.ids {
				c.cut[[2]uint64{id, m.id}] = true
				c.cut[[2]uint64{m.id, id}] = c.rng.IntN(2) == 0
			}
		}
	case n < 988:
		m.fsys.CrashAt(m.fsys.Ops() + c.rng.IntN(8))
	case n < 990:
		c.down(m)
	}
}
