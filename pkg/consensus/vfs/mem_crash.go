package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorSize is the unit in which a disk writes or does not.
const sectorSize = 512

// Crash stops m, if CrashAt has not yet, and returns the disk that the machine
// finds when it is back: what was synced, and of the rest what chance left.
func (m *MemFS) Crash() *MemFS { return m.crash(true) }

// CrashClean is Crash with the least that a disk may keep: nothing unsynced.
func (m *MemFS) CrashClean() *MemFS { return m.crash(false) }

func (m *MemFS) crash(lucky bool) *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashed = true
	next := NewMem(m.rng.Uint64())
	s := survivor{rng: m.rng, lucky: lucky, seen: map[*memNode]*memNode{}}
	next.root = s.node(m.root)
	return next
}

// survivor copies nodes as a crash leaves them.
type survivor struct {
	rng   *rand.Rand
	lucky bool
	seen  map[*memNode]*memNode // a node may have two names
}

func (s *survivor) node(n *memNode) *memNode {
	if kept := s.seen[n]; kept != nil {
		return kept
	}
	kept := &memNode{dir: n.dir}
	s.seen[n] = kept
	if n.dir {
		s.directory(n, kept)
		return kept
	}
	kept.durable = s.file(n)
	kept.data = slices.Clone(kept.durable)
	return kept
}

// directory keeps the synced names and the first few changes after them: file
// systems journal names in order.
func (s *survivor) directory(n, kept *memNode) {
	names := maps.Clone(n.durableNames)
	if s.lucky && len(n.pendingNames) > 0 {
		for _, op := range n.pendingNames[:s.rng.IntN(len(n.pendingNames)+1)] {
			op.apply(names)
		}
	}
	kept.names = map[string]*memNode{}
	for _, name := range slices.Sorted(maps.Keys(names)) { // sorted: the seed decides, not the map
		kept.names[name] = s.node(names[name])
	}
	kept.durableNames = maps.Clone(kept.names)
}

func (s *survivor) file(n *memNode) []byte {
	data := slices.Clone(n.durable)
	if !s.lucky || len(n.pending) == 0 {
		return data
	}
	switch s.rng.IntN(4) {
	case 0: // nothing unsynced
		return data
	case 1: // everything
		return applyAll(data, n.pending)
	case 2: // the first few writes, the last of them torn at any byte
		ops := n.pending[:1+s.rng.IntN(len(n.pending))]
		last := ops[len(ops)-1]
		data = applyAll(data, ops[:len(ops)-1])
		if last.data == nil {
			return data
		}
		if cut := s.rng.IntN(len(last.data) + 1); cut > 0 {
			data = fileOp{off: last.off, data: last.data[:cut]}.apply(data)
		}
		return data
	default: // the size, and any of the sectors
		return s.sectors(data, n.pending)
	}
}

func applyAll(data []byte, ops []fileOp) []byte {
	for _, op := range ops {
		data = op.apply(data)
	}
	return data
}

// sectors keeps the size that ops give and each changed sector with even odds;
// a sector that never was written reads as zeros.
func (s *survivor) sectors(data []byte, ops []fileOp) []byte {
	full := applyAll(slices.Clone(data), ops)
	kept := make([]byte, len(full))
	copy(kept, data)
	for at := 0; at < len(full); at += sectorSize {
		end := min(at+sectorSize, len(full))
		if s.rng.IntN(2) == 0 {
			copy(kept[at:end], full[at:end])
		}
	}
	return kept
}
