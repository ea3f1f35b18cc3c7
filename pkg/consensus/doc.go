// Package consensus is one member of a Raft cluster: bytes are proposed, and
// come out committed, in one order, on every member.
//
// Main types: [Node] is a running member; [StateMachine] is what the committed
// entries are given to; [Config] describes a member; [Transport] and [Observer]
// are what it is connected to. Package wal is the log on disk, package vfs the
// disk. Inside, core is the member as a step function, and Node is the
// goroutines around it; read core.go first, then node.go and run.go.
//
// # Invariants
//
//   - An entry is given to the state machine only after it is committed and
//     durable in this member's own log.
//   - The state machine is given every entry once in the life of a process, in
//     index order without gaps, from one goroutine.
//   - No entry above the state machine's durable index is ever forgotten. A
//     restart gives it everything above again.
//   - Proposals that wait while the log is being written go into the next write
//     together: one write and one sync cover all of them.
//   - After a failed write or sync of the log nothing is acknowledged: Run
//     returns the error and the process must end.
//   - A read index is never below what was acknowledged before it was asked for.
//   - Memory is bounded: proposals by MaxQueued and MaxQueuedBytes, what is
//     uncommitted by MaxUncommittedBytes, the log by MaxLogBytes. What does not
//     fit waits in Propose.
//
// # A write
//
// Propose puts the data into a queue and wakes the append goroutine, which
// takes all that waits to raft, gets entries and writes them to the log with one
// sync, steps raft's own answers back, and finds the entries committed (a lone
// voter's quorum is itself). The apply goroutine gives them to the state
// machine, while the append goroutine already writes the next ones.
//
// # What it does not do
//
// It does not know what the bytes mean. It has no network: the Transport is
// given from outside. It does not yet send or take snapshots of the state
// machine, so a member that lags behind the tail of the log that others keep
// (Config.TailEntries, TailBytes) cannot catch up; see DESIGN.md for their room.
package consensus
