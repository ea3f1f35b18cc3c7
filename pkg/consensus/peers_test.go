package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// switchboard carries messages between members in one process. It drops what a
// member cannot take at once.
type switchboard struct {
	inbox map[uint64]chan *raftpb.Message
}

func (s *switchboard) Send(messages []*raftpb.Message) {
	for _, m := range messages {
		select {
		case s.inbox[m.GetTo()] <- proto.Clone(m).(*raftpb.Message):
		default:
		}
	}
}

// receive gives a member what is sent to it until it ends.
func (s *switchboard) receive(t *testing.T, r *running) {
	for {
		select {
		case m := <-s.inbox[r.cfg.ID]:
			if err := r.Step([]*raftpb.Message{m}); err != nil {
				t.Error(err)
			}
		case <-r.ended:
			return
		}
	}
}

// TestThreeNodes runs the goroutines of three members under virtual time.
func TestThreeNodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		board := &switchboard{inbox: map[uint64]chan *raftpb.Message{}}
		nodes, machines := map[uint64]*running{}, map[uint64]*machine{}
		disks := map[uint64]*vfs.MemFS{}
		up := func(id uint64) {
			cfg := testConfig(disks[id], machines[id])
			cfg.ID, cfg.Voters, cfg.Transport = id, []uint64{1, 2, 3}, board
			nodes[id] = start(t, cfg)
			go board.receive(t, nodes[id])
		}
		for _, id := range []uint64{1, 2, 3} {
			board.inbox[id] = make(chan *raftpb.Message, 1000)
			machines[id], disks[id] = newMachine(), vfs.NewMem(id)
		}
		for id := range machines {
			up(id)
		}
		for _, n := range nodes {
			<-n.Ready()
		}
		for i := range 30 {
			id := uint64(i%3 + 1)
			if !nodes[id].propose(machines[id], fmt.Sprint(i)) {
				t.Fatal("a member ended")
			}
			index, err := nodes[id%3+1].ReadIndex(t.Context())
			must(t, err)
			if index < machines[id].AppliedIndex() {
				t.Fatalf("read index %d, %d was acknowledged", index, machines[id].AppliedIndex())
			}
		}

		// The leader goes without a word.
		lead := nodes[1].Status().Leader
		nodes[lead].stop(t)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		other := lead%3 + 1
		if s := nodes[other].Status(); s.Leader == 0 || s.Leader == lead {
			t.Fatalf("status %+v", s)
		}
		if !nodes[other].propose(machines[other], "without") {
			t.Fatal("a member ended")
		}
		disks[lead], machines[lead] = disks[lead].Crash(), machines[lead].crash()
		up(lead)
		if !machines[lead].wait("without", nodes[lead].ended) {
			t.Fatal("the member ended")
		}
		time.Sleep(time.Second)
		for id, n := range nodes {
			if s := n.Status(); !s.Ready || len(s.Voters) != 3 {
				t.Errorf("status %+v", s)
			}
			n.stop(t)
			if got := machines[id].data(); len(got) != 31 || !slices.Equal(got, machines[1].data()) {
				t.Errorf("member %d has %d entries", id, len(got))
			}
		}
	})
}

// TestNoQuorum: a member that never hears of others says so.
func TestNoQuorum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := testConfig(vfs.NewMem(1), newMachine())
		cfg.Voters = []uint64{1, 2, 3}
		n := start(t, cfg)
		if err := n.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrNoLeader) {
			t.Errorf("propose: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read index: %v", err)
		}
		if _, err := n.ReadIndex(t.Context()); !errors.Is(err, ErrNoLeader) {
			t.Errorf("read index: %v", err)
		}
		select {
		case <-n.Ready():
			t.Error("it is ready")
		default:
		}
		n.stop(t)
	})
}
