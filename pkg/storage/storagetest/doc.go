// Package storagetest says in tests what package storage says in prose. It
// holds one validator per guarantee and everything needed to check a store
// that was not watched from the start to the end, or that crashed in between.
//
// Main types:
//
//   - [Run] runs every [Validator] on a fresh store each, which a [Harness]
//     describes. Every implementation of storage.Store calls it in its tests.
//   - [Model] is the contract as the plainest code that keeps it, and [Memory] a
//     storage.Store over it for tests of what stands above a store.
//   - [Watch] is what a reader of events recorded; [CheckWatch] checks it with
//     every one of the [Guarantees] against the true history.
//   - [Generator] makes random transactions; [Call] is what a client recorded of
//     one; [Replay] explains a history of events by the calls of many clients,
//     or says what was lost, invented or answered wrongly.
//
// A robustness test of a store that crashes runs clients with generators,
// records their calls, reads all events after the restart, and gives both to
// Replay; watches that were open meanwhile go to CheckWatch with the same
// events as the truth.
//
// Invariants: every validator can fail (TestValidatorsFail shows it on faulty
// stores), ends within a bounded time, waits for conditions and never for time
// to pass, and prints the seed of whatever it drew at random.
//
// The package does not check durability by itself: losing a process or a disk
// is the business of the tests of what has one.
package storagetest
