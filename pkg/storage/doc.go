// Package storage is the contract between the API server and whatever keeps its
// objects: one ordered key space, one revision counter, conditional
// transactions, reads at a revision, and events in revision order.
//
// Main types: [Store] is the contract; [KeyValue], [Event], [Txn] and [Op] are
// the values that cross it.
//
// Invariants every Store holds (package storagetest has one validator for each):
//
//   - Revisions are int64, start above zero, never go back, and are shared by
//     all keys. A write's revision is the ModRevision of every key it put.
//   - A KeyValue and its Value are immutable once a Store has handed them out;
//     they may be kept for good. A Value handed to a Store is copied by it.
//   - [Store.Events] delivers every change of a range exactly once, in revision
//     order; the changes of one revision come in one batch; a batch's Revision
//     says through which revision the range is complete.
//   - What [Store.Txn] acknowledged survives the loss of the process.
//
// A write's answer may be on its way while a read that is not tied to a
// revision still shows the state before it: callers that need their own write
// wait for its revision.
//
// The package imports the standard library only. It knows nothing of objects,
// namespaces or HTTP.
package storage
