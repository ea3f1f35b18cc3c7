// Package vfs is the file system that the replicated log writes to: small
// enough to have a twin in memory that loses data the way disks do.
//
// Main types: [FS] and [File] are what the log needs and nothing more; [OS] is
// the real one; [MemFS] is the lossy twin.
//
// Invariants of every FS:
//
//   - The bytes of a file survive a crash once File.Sync has returned after
//     they were written. Until then all, some or none of them may survive, and
//     not in the order of writing.
//   - A name in a directory (created, renamed, removed) survives a crash once
//     SyncDir of that directory has returned. Syncing the file alone does not
//     save its name.
//   - After a Sync or a write has failed, nothing is known about the unsynced
//     bytes of that file: the caller must stop using it.
//
// The package does not buffer, does not retry and does not hide errors.
package vfs
