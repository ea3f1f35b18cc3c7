// Package wal is the replicated log on disk: what one member has promised to
// remember.
//
// Main types: [Log] is an open log that batches are appended to; [Batch] is
// what becomes durable together; [State] is what a log said when it was
// opened. [Verify] checks a log without changing it.
//
// # Invariants
//
//   - When [Log.Append] returns nil, the batch survives the loss of the
//     machine. When it fails, the log has failed for good and every later
//     Append returns the same error.
//   - At any time at most one frame is written and not synced, and it is the
//     last one. A batch is one frame unless it is larger than a few MiB.
//   - A frame is taken whole or not at all.
//   - A damaged frame is cut off as the torn end of the last write only when
//     nothing after it is a valid frame. A valid frame after it proves that it
//     had been synced once, and the log is refused as corrupt.
//   - The last frame may hold an acknowledged batch. If rot destroys exactly it
//     and the member was not stopped cleanly, that looks like a torn write;
//     nothing in the log can tell. The commit index of a later hard state, or a
//     state machine that is ahead of the log, does tell, and is checked.
//
// # Format, version 1
//
// Numbers are little endian; "uv" is an unsigned varint as in encoding/binary.
//
// A log is a directory of segments named SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.wal:
// in hex, the segment's number (consecutive) and the index of the first entry
// that a leader would put into it. A segment is written under a name that ends
// in .tmp, synced, renamed, and its directory synced: under its real name its
// header is always whole. The file LOCK is locked while the log is open.
//
// A segment is a header, frames, and perhaps zeros that were allocated ahead.
//
//	header, 64 bytes
//	 0  "BINNWAL\n"
//	 8  u32  version
//	12  u32  length of the header
//	16  u64  number of the segment
//	24  u64  first index
//	32  u64  number of its first frame
//	40  u64  cluster id
//	48  u64  member id
//	56  u32  CRC of the frame before its first one, 0 for the first of all
//	60  u32  CRC-32C of bytes 0..60
//
//	frame, padded with zeros to a multiple of 8 bytes
//	 0  u32  length of the body, not 0
//	 4  u32  CRC-32C, started from the CRC of the segment's header, of bytes
//	         0..4, bytes 8..24 and the body
//	 8  u64  number of the frame (consecutive over all segments)
//	16  u32  CRC of the frame before
//	20  u32  number of items
//	24       body: items
//
//	item: u8 type, then
//	 1 entry       uv term, uv index, u8 raft entry type, uv length, data
//	 2 hard state  uv term, uv vote, uv commit
//	 3 mark        uv index, uv term, the configuration as of index: four lists
//	               (voters, learners, outgoing voters, next learners), each
//	               uv count and that many uv ids; u8 auto-leave
//
// An entry replaces the entry of the same index and everything after it. A mark
// says that the log is needed only above its index. Every segment begins with a
// frame that repeats the hard state and the mark.
//
// A reader refuses a version above its own with [ErrVersion]. Any change of this
// format, a new item type included, is a new version.
//
// # What it does not do
//
// It does not know what entries mean, when they may be dropped, or who leads;
// package consensus does. It starts no goroutine. Log is for one goroutine.
package wal
