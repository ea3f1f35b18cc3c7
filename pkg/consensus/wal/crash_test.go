package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// seed is the seed of a random test: the environment's, or a new one. It is
// printed when the test fails.
func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	if env := os.Getenv("BINNACLE_SEED"); env != "" {
		var err error
		if s, err = strconv.ParseUint(env, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("BINNACLE_SEED=%d repeats this run", s)
		}
	})
	return s
}

// model is what a log must say.
type model struct {
	base     uint64   // at or below the mark
	terms    []uint64 // of entry base+1, ...
	hs       HardState
	markTerm uint64
}

func (m *model) last() uint64 { return m.base + uint64(len(m.terms)) }

// apply returns the model after b.
func (m model) apply(b Batch) model {
	terms := append([]uint64(nil), m.terms...)
	for _, e := range b.Entries {
		terms = append(terms[:e.GetIndex()-m.base-1], e.GetTerm())
	}
	m.terms = terms
	if b.HardState != (HardState{}) {
		m.hs = b.HardState
	}
	if b.Mark != nil {
		m.terms = terms[b.Mark.Index-m.base:]
		m.base, m.markTerm = b.Mark.Index, b.Mark.Term
	}
	return m
}

// data is what an entry holds, so that a mixed-up one is found.
func data(index, term uint64) string {
	return fmt.Sprintf("%d/%d%*s", index, term, int(index*term%150), "")
}

// randomBatch is a batch that raft might write.
func (m *model) randomBatch(rng *rand.Rand) Batch {
	var b Batch
	hs := m.hs
	next := m.last() + 1
	if rng.IntN(8) == 0 { // a new leader replaces what is not committed
		hs.Term++
		hs.Vote = uint64(1 + rng.IntN(3))
		low := max(hs.Commit, m.base) + 1
		next = low + rng.Uint64N(next-low+1)
	}
	for range rng.IntN(6) {
		b.Entries = append(b.Entries, ent(next, hs.Term, data(next, hs.Term)))
		next++
	}
	last := m.last()
	if len(b.Entries) > 0 {
		last = next - 1
	}
	hs.Commit += rng.Uint64N(last - hs.Commit + 1)
	if rng.IntN(4) > 0 || hs.Term != m.hs.Term {
		b.HardState = hs
	}
	if rng.IntN(12) == 0 {
		if index := m.base + rng.Uint64N(m.hs.Commit-m.base+1); index > m.base {
			b.Mark = &Mark{Index: index, Term: m.terms[index-m.base-1], Conf: &raftpb.ConfState{Voters: []uint64{1}}}
		}
	}
	return b
}

// matches reports how s differs from the model.
func (m *model) matches(s *State) error {
	if s.HardState != m.hs {
		return fmt.Errorf("hard state %+v, want %+v", s.HardState, m.hs)
	}
	if s.Mark.Index != m.base {
		return fmt.Errorf("mark %d, want %d", s.Mark.Index, m.base)
	}
	if s.LastIndex() != m.last() || s.BaseIndex > m.base {
		return fmt.Errorf("entries %d to %d, want %d to %d", s.BaseIndex+1, s.LastIndex(), m.base+1, m.last())
	}
	for i, e := range s.Entries[m.base-s.BaseIndex:] {
		index := m.base + uint64(i) + 1
		if e.GetIndex() != index || e.GetTerm() != m.terms[i] || string(e.GetData()) != data(index, m.terms[i]) {
			return fmt.Errorf("entry %d/%d %q, want %d/%d", e.GetIndex(), e.GetTerm(), e.GetData(), index, m.terms[i])
		}
	}
	return nil
}

// TestCrashAtEveryOperation runs random batches and crashes at each operation
// of the disk in turn: what was acknowledged is there, what was under way is
// there whole or not at all, and the log goes on.
func TestCrashAtEveryOperation(t *testing.T) {
	s := seed(t)
	for at := 0; ; at++ {
		fsys := vfs.NewMem(s + uint64(at))
		fsys.CrashAt(at)
		rng := rand.New(rand.NewPCG(s, 1))
		if !crashRun(t, fsys, rng, at) {
			t.Logf("%d operations", at)
			return
		}
	}
}

// crashRun reports whether the disk crashed before the run was over.
func crashRun(t *testing.T, fsys *vfs.MemFS, rng *rand.Rand, at int) bool {
	const batches = 60
	opts := options(fsys)
	opts.SegmentSize = 1500
	mark := Mark{Term: 1, Index: 10, Conf: &raftpb.ConfState{Voters: []uint64{1}}}
	l, err := Create(opts, 7, 1, mark)
	if err != nil {
		requireCrash(t, at, err)
		if _, err = Create(Options{FS: fsys.Crash(), Dir: dir}, 7, 1, mark); err != nil && !errors.Is(err, ErrExists) {
			t.Fatalf("crash at operation %d: create again: %v", at, err)
		}
		return true
	}
	acked := model{base: 10, markTerm: 1, hs: HardState{Term: 1, Commit: 10}}
	for range batches {
		b := acked.randomBatch(rng)
		next := acked.apply(b)
		if err := l.Append(b); err != nil {
			requireCrash(t, at, err)
			afterCrash(t, fsys.Crash(), rng, at, acked, next)
			return true
		}
		acked = next
	}
	must(t, l.Close())
	return false
}

func requireCrash(t *testing.T, at int, err error) {
	t.Helper()
	if !errors.Is(err, vfs.ErrCrashed) {
		t.Fatalf("crash at operation %d: %v", at, err)
	}
}

func afterCrash(t *testing.T, fsys *vfs.MemFS, rng *rand.Rand, at int, acked, next model) {
	t.Helper()
	if _, err := Verify(fsys, dir); err != nil {
		t.Fatalf("crash at operation %d: verify: %v", at, err)
	}
	l, s, err := Open(options(fsys), 0)
	if err != nil {
		t.Fatalf("crash at operation %d: %v", at, err)
	}
	now := acked
	if err := acked.matches(s); err != nil {
		if err2 := next.matches(s); err2 != nil {
			t.Fatalf("crash at operation %d: %v; %v", at, err, err2)
		}
		now = next
	}
	for range 5 {
		b := now.randomBatch(rng)
		must(t, l.Append(b))
		now = now.apply(b)
	}
	l, s, err = Open(options(fsys.CrashClean()), 0)
	must(t, err)
	if err := now.matches(s); err != nil {
		t.Fatalf("crash at operation %d, then more batches: %v", at, err)
	}
	must(t, l.Close())
}

// TestRandomRuns restarts at random and compares with the model.
func TestRandomRuns(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 2))
	fsys := vfs.NewMem(s)
	l := newLog(t, fsys)
	m := model{}
	for range 2000 {
		b := m.randomBatch(rng)
		if m.hs.Term == 0 {
			b = Batch{HardState: HardState{Term: 1, Vote: 1}}
		}
		must(t, l.Append(b))
		m = m.apply(b)
		if rng.IntN(20) > 0 {
			continue
		}
		must(t, l.Close())
		if rng.IntN(2) == 0 {
			fsys = fsys.Crash()
		}
		var state *State
		l, state = reopen(t, fsys, 0)
		if err := m.matches(state); err != nil {
			t.Fatal(err)
		}
	}
	if l.Segments() > 20 {
		t.Errorf("%d segments are left", l.Segments())
	}
	must(t, l.Close())
}
