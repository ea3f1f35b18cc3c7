package mvcc

import (
	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Bounds of a command. Decoding refuses what exceeds them.
const (
	MaxTxnDepth = 8      // transactions within transactions, the outermost counted
	MaxTxnOps   = 16_384 // operations and compares of one command, nested ones counted
)

// ProposalID names a proposal so that the member that made it finds it again
// in the log. It means nothing to the state machine. The zero ID is nobody's.
type ProposalID struct {
	Member uint64
	Seq    uint64
}

// CommandKind says which fields of a Command count.
type CommandKind uint8

const (
	CommandTxns           CommandKind = 1 // Txns
	CommandLeaseGrant     CommandKind = 2 // Lease
	CommandLeaseRevoke    CommandKind = 3 // Leases
	CommandCompact        CommandKind = 4 // Revision
	CommandAlarm          CommandKind = 5 // Alarm, Activate
	CommandClusterVersion CommandKind = 6 // ClusterVersion
)

// AlarmType is etcd's.
type AlarmType uint8

const (
	AlarmNoSpace AlarmType = 1 // puts and lease grants fail with ErrNoSpace
	AlarmCorrupt AlarmType = 2
)

// Alarm is a condition that a member raised for the whole cluster.
type Alarm struct {
	Member uint64
	Type   AlarmType
}

// Command is what one log entry asks of the state machine.
type Command struct {
	ID ProposalID
	// Term, unless 0, is the only term in whose entries the command takes
	// effect: a deposed leader's background work is void (ErrFenced).
	Term uint64
	Kind CommandKind

	Txns           []*storage.Txn
	Lease          storage.Lease // TTL in whole seconds; the ID must not be 0
	Leases         []int64
	Revision       int64
	Alarm          Alarm
	Activate       bool
	ClusterVersion string
}
