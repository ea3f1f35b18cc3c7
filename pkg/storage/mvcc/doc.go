// Package mvcc is the deterministic state machine under the API server: it
// turns committed log entries into revisions of keys, keeps their history on
// disk, and answers reads and events from it.
//
// Main types: [Store] is the state machine; [Command] is what a log entry says,
// with its encoding; [Entry] and [Result] cross [Store.Apply]; [Backend] is what
// a Store needs from a database, which is bbolt or, in tests of crashes, a
// [MemoryDisk].
//
// Invariants:
//
//   - Apply is a pure function of state and entry: no clock, no randomness, no
//     map order, nothing of this process but Op.Local, which is only carried.
//   - An entry's changes, its revision and its index are committed in one
//     backend transaction. There is no second path that writes state; physical
//     compaction removes only what no read, event or hash can see.
//   - What is applied and not yet committed is in memory, and so is every event
//     of it. The log must be kept from DurableIndex on.
//   - Every transaction that writes takes the revision after the last one. All
//     its changes share it and are numbered 0, 1, 2 ... within it.
//   - The index names every change that the database has, and nothing else. It
//     holds no values.
//   - A KeyValue is shared by whoever asks for it, and never changed.
//   - Events come whole revisions at a time; above the compaction mark none is
//     ever missing.
//   - The file is etcd's: its buckets, keys and values mean what they mean
//     there. What is ours alone is in a bucket of our own, with a version.
//
// Store.Check and CheckFile verify them; tests run Check when they end.
//
// The package knows nothing of Raft, members, lease expiry or objects. It has
// no clock: which lease has run out is for the leader to say, by an entry.
//
// Read schema.go, index.go and recent.go first, then apply.go and txn.go,
// then flush.go; range.go, events.go and compact.go stand on these.
package mvcc
