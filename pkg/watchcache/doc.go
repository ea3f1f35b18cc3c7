// Package watchcache answers the reads and watches of the API server from
// memory. It follows a store's events and keeps, per resource, the newest
// objects and the newest changes.
//
// Main types: a [Set] has one [Cache] per resource and feeds them all; a
// [Snapshot] is a cache's state at one revision; a [Watcher] is a cursor over
// its changes; an [Object] is one revision of one object, and its [Forms]
// remember its encodings.
//
// Invariants:
//
//   - Set.Revision is one for all caches: a loaded cache shows every event at
//     or below it.
//   - A Snapshot of revision R shows the effect of exactly the events at or
//     below R. Taking one costs a few atomic loads; reading one takes no lock.
//   - A Watcher returns every event that it should see above WatchOptions.After
//     once, in order of revision, a revision never split; or it ends with
//     storage.ErrCompacted. How slow it is makes no difference to this, nor to
//     anybody else: the dispatcher waits for no watcher.
//   - An event costs only those watchers whose scope it belongs to.
//   - Objects, snapshots, events and encodings handed out never change.
//   - What is kept besides the objects themselves is bounded, in bytes.
//
// The package knows nothing of Kubernetes types, selectors, encodings or HTTP:
// a View's Decode says what selectors need to know of an object, WatchOptions.Match
// is the selector, and whoever asks Forms for an encoding brings the encoder.
//
// DESIGN.md says why it is made this way.
package watchcache
