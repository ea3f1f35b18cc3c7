package consensus

import (
	"slices"

	"go.etcd.io/raft/v3"
)

// Role is what a member is in its cluster.
type Role string

const (
	Follower     Role = "follower"
	PreCandidate Role = "pre-candidate"
	Candidate    Role = "candidate"
	Leader       Role = "leader"
)

var roles = map[raft.StateType]Role{
	raft.StateFollower:     Follower,
	raft.StatePreCandidate: PreCandidate,
	raft.StateCandidate:    Candidate,
	raft.StateLeader:       Leader,
}

// Status is a member's view of itself and its cluster.
type Status struct {
	ID, ClusterID uint64
	Leader        uint64 // 0: not known
	Role          Role
	Term          uint64
	Commit        uint64 // index
	Applied       uint64 // index
	FirstIndex    uint64 // of the entries in memory
	LastIndex     uint64
	Voters        []uint64 // sorted; in a joint configuration those of both halves
	Learners      []uint64 // sorted
	Ready         bool     // see Node.Ready
}

// Status returns the member's view. It does not block for long.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.core
	cs := c.conf.latest()
	return Status{
		ID: n.cfg.ID, ClusterID: n.cfg.ClusterID,
		Leader: c.leader, Role: roles[c.role], Term: c.term,
		Commit: c.commit, Applied: c.applied,
		FirstIndex: c.log.baseIndex + 1, LastIndex: c.log.lastIndex(),
		Voters:   union(cs.Voters, cs.VotersOutgoing),
		Learners: union(cs.Learners, cs.LearnersNext),
		Ready:    n.isReady,
	}
}

func union(a, b []uint64) []uint64 {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Stats are counters since Open and gauges, for metrics. The names in brackets
// are etcd's for the same thing.
type Stats struct {
	HasLeader          bool   // [etcd_server_has_leader]
	IsLeader           bool   // [etcd_server_is_leader]
	LeaderChanges      uint64 // [etcd_server_leader_changes_seen_total]
	ProposalsCommitted uint64 // index [etcd_server_proposals_committed_total]
	ProposalsApplied   uint64 // index [etcd_server_proposals_applied_total]
	ProposalsPending   int    // not yet committed [etcd_server_proposals_pending]
	ProposalsFailed    uint64 // dropped for want of a leader [etcd_server_proposals_failed_total]
	LogWrites          uint64 // writes and syncs of the log
	LogBytes           uint64 // bytes written [etcd_disk_wal_write_bytes_total]
	MemoryEntries      int
	MemoryBytes        int
}

// Stats returns the figures of now.
func (n *Node) Stats() Stats {
	queued := n.proposals.len()
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.core
	pending := 0
	if last := c.log.lastIndex(); last > c.commit {
		pending = int(last - c.commit)
	}
	for i := range c.appends {
		pending += len(c.appends[i].entries)
	}
	return Stats{
		HasLeader: c.leader != 0, IsLeader: c.leader == n.cfg.ID, LeaderChanges: c.leaderChanges,
		ProposalsCommitted: c.commit, ProposalsApplied: c.applied,
		ProposalsPending: queued + pending, ProposalsFailed: n.failed.Load(),
		LogWrites: n.walSyncs.Load(), LogBytes: n.walBytes.Load(),
		MemoryEntries: len(c.log.entries), MemoryBytes: c.log.bytes,
	}
}
