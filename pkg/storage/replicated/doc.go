// Package replicated is the store that a server runs on: a storage.Store whose
// writes go through a replicated log, are applied to this member's mvcc store,
// and are answered by what applying them returned.
//
// Main types: [Machine] is the side that the log applies to; [Store] is the side
// that callers use; [Log] is all that is asked of a log, which *consensus.Node
// is without this package knowing it. They are made in that order, since the log
// needs the machine and the store the log:
//
//	machine := replicated.NewMachine(member, mvccStore, rand.Uint64())
//	node, err := consensus.Open(consensus.Config{StateMachine: adapter{machine}, ...})
//	store, err := replicated.New(replicated.Config{Log: node, Machine: machine, ...})
//
//	type adapter struct{ *replicated.Machine }
//
//	func (a adapter) Apply(entries []consensus.Entry) error {
//		return replicated.Apply(a.Machine, entries)
//	}
//
// The way of a write: its command is checked and encoded under a proposal id
// (member, number), entered in the table of pending proposals with what its
// puts carry for this process (Op.Local), and handed to the log. When the log
// has committed it, the machine finds the id in the entry, takes the proposal
// out of the table, applies the entry and wakes the caller with the result.
// There is no goroutine, timer or channel made for a request.
//
// Invariants:
//
//   - A call that returns a result has been committed, applied and found again
//     by its id: nothing is answered from a guess. ErrNoLeader, ErrTooLarge and
//     a context's own error mean that nothing was proposed; everything between
//     the log's taking of a proposal and its apply is ErrUnknownOutcome.
//   - Every proposal in the table leaves it by exactly one of: the machine, its
//     caller, the watchdog. Who takes it out answers it.
//   - The first number of a process is random, so that entries of its earlier
//     lives, replayed after a restart, are not taken for its own.
//   - The table, and with it what proposals hold in memory, is bounded by
//     Config.MaxPendingBytes; who comes later waits.
//   - ReadRevision is a read index of the log, waited for. Reads of this member
//     at or after it are linearizable.
//   - Time is the leader's alone. Lease expiry and automatic compaction are
//     commands fenced by its term: of a leader that was deposed they are void. A
//     new leader, or one that restarted, gives every lease its whole time again,
//     as etcd does. A lease never ends early; it ends at most half a second late.
//
// The package keeps no state of its own that would have to survive a restart,
// knows nothing of Raft, and does not retry: a proposal whose fate is unknown is
// the caller's to resolve.
//
// Read machine.go and propose.go first, then store.go; lease.go, lessor.go and
// compact.go stand beside them. crash_test.go has the whole store lose its
// disks.
package replicated
