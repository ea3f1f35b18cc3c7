package consensus

import (
	"fmt"

	"go.etcd.io/raft/v3/confchange"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"
)

// confHistory knows the configuration as of any index from the log's mark to
// the applied index. A restart applies entries again from the durable index on,
// and raft must begin with the configuration of that index, not a later one.
//
// Invariant: it is never empty, and its indexes rise.
type confHistory []confAt

// confAt is the configuration from an index on.
type confAt struct {
	index uint64
	state *raftpb.ConfState
}

func (h confHistory) latest() *raftpb.ConfState { return h[len(h)-1].state }

// at returns the configuration as of index.
func (h confHistory) at(index uint64) *raftpb.ConfState {
	found := h[0].state
	for _, c := range h {
		if c.index <= index {
			found = c.state
		}
	}
	return found
}

// forget drops what is needed below index alone.
func (h *confHistory) forget(index uint64) {
	for len(*h) > 1 && (*h)[1].index <= index {
		*h = (*h)[1:]
	}
}

// decodeConfChange reads an entry that changes the configuration.
func decodeConfChange(e *raftpb.Entry) (raftpb.ConfChangeI, error) {
	switch e.GetType() {
	case raftpb.EntryConfChange:
		cc := &raftpb.ConfChange{}
		if err := proto.Unmarshal(e.GetData(), cc); err != nil {
			return nil, fmt.Errorf("configuration change at index %d: %w", e.GetIndex(), err)
		}
		return cc, nil
	case raftpb.EntryConfChangeV2:
		cc := &raftpb.ConfChangeV2{}
		if err := proto.Unmarshal(e.GetData(), cc); err != nil {
			return nil, fmt.Errorf("configuration change at index %d: %w", e.GetIndex(), err)
		}
		return cc, nil
	}
	return nil, fmt.Errorf("entry at index %d has type %v", e.GetIndex(), e.GetType())
}

// newConfHistory replays changes up to the applied index on the configuration
// of the log's mark.
func newConfHistory(index uint64, state *raftpb.ConfState, changes []*raftpb.Entry, applied uint64) (confHistory, error) {
	h := confHistory{{index, state}}
	for _, e := range changes {
		if e.GetIndex() > applied {
			break
		}
		cc, err := decodeConfChange(e)
		if err != nil {
			return nil, err
		}
		next, err := changeConf(h.latest(), cc.AsV2(), e.GetIndex())
		if err != nil {
			return nil, fmt.Errorf("configuration change at index %d: %w", e.GetIndex(), err)
		}
		h = append(h, confAt{e.GetIndex(), next})
	}
	return h, nil
}

// changeConf is what raft does to a configuration when cc is applied.
func changeConf(state *raftpb.ConfState, cc *raftpb.ConfChangeV2, index uint64) (*raftpb.ConfState, error) {
	// Progress is tracked as raft would, and thrown away.
	trk := tracker.MakeProgressTracker(1, 0)
	changer := confchange.Changer{Tracker: trk, LastIndex: index}
	cfg, progress, err := confchange.Restore(changer, state)
	if err != nil {
		return nil, err
	}
	changer.Tracker.Config, changer.Tracker.Progress = cfg, progress
	if cc.LeaveJoint() {
		cfg, progress, err = changer.LeaveJoint()
	} else if autoLeave, joint := cc.EnterJoint(); joint {
		cfg, progress, err = changer.EnterJoint(autoLeave, cc.Changes...)
	} else {
		cfg, progress, err = changer.Simple(cc.Changes...)
	}
	if err != nil {
		return nil, err
	}
	trk.Config, trk.Progress = cfg, progress
	return trk.ConfState(), nil
}
