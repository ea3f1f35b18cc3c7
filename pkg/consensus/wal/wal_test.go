package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

const dir = "/data/wal"

func ent(index, term uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Index: &index, Term: &term, Type: raftpb.EntryNormal.Enum(), Data: []byte(data)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(fsys vfs.FS) Options { return Options{FS: fsys, Dir: dir, SegmentSize: 4 << 10} }

func newLog(t testing.TB, fsys vfs.FS) *Log {
	t.Helper()
	l, err := Create(options(fsys), 7, 1, Mark{Conf: &raftpb.ConfState{Voters: []uint64{1}}})
	must(t, err)
	return l
}

func reopen(t testing.TB, fsys vfs.FS, from uint64) (*Log, *State) {
	t.Helper()
	l, s, err := Open(options(fsys), from)
	must(t, err)
	return l, s
}

// describe is a State's entries as text.
func describe(s *State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d/%d:", s.BaseIndex, s.BaseTerm)
	for _, e := range s.Entries {
		fmt.Fprintf(&b, " %d/%d=%s", e.GetIndex(), e.GetTerm(), e.GetData())
	}
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"mem": vfs.NewMem(1), "os": vfs.OS{}} {
		t.Run(name, func(t *testing.T) {
			opts := Options{FS: fsys, Dir: filepath.Join(t.TempDir(), "wal")}
			synced := 0
			opts.OnSync = func(_ time.Duration, n int) { synced += n }
			l, err := Create(opts, 7, 1, Mark{Conf: &raftpb.ConfState{Voters: []uint64{1}}})
			must(t, err)
			must(t, l.Append(Batch{Entries: []*raftpb.Entry{ent(1, 1, "a"), ent(2, 1, "b")}, HardState: HardState{Term: 1, Vote: 1}}))
			conf := ent(3, 1, "conf")
			conf.Type = raftpb.EntryConfChangeV2.Enum()
			must(t, l.Append(Batch{Entries: []*raftpb.Entry{conf}, HardState: HardState{1, 1, 2}}))
			must(t, l.Append(Batch{}))
			if synced == 0 {
				t.Error("OnSync was not called")
			}
			if _, _, err := Open(opts, 0); !errors.Is(err, vfs.ErrLocked) {
				t.Errorf("second open: %v", err)
			}
			if _, err := Verify(fsys, opts.Dir); !errors.Is(err, vfs.ErrLocked) {
				t.Errorf("verify of an open log: %v", err)
			}
			must(t, l.Close())
			if err := l.Append(Batch{Entries: []*raftpb.Entry{ent(4, 1, "")}}); !errors.Is(err, ErrFailed) {
				t.Errorf("append after close: %v", err)
			}
			if _, err := Create(opts, 7, 1, Mark{}); !errors.Is(err, ErrExists) {
				t.Errorf("second create: %v", err)
			}
			l, s, err := Open(opts, 0)
			must(t, err)
			defer l.Close()
			if got, want := describe(s), "0/0: 1/1=a 2/1=b 3/1=conf"; got != want {
				t.Errorf("entries %q, want %q", got, want)
			}
			if s.HardState != (HardState{1, 1, 2}) || s.ClusterID != 7 || s.MemberID != 1 || len(s.ConfChanges) != 1 {
				t.Errorf("state %+v", s)
			}
			if s.Entries[2].GetType() != raftpb.EntryConfChangeV2 {
				t.Errorf("type %v", s.Entries[2].GetType())
			}
			// It goes on where it was.
			must(t, l.Append(Batch{Entries: []*raftpb.Entry{ent(3, 2, "c")}, HardState: HardState{2, 1, 2}}))
			must(t, l.Close())
			l, s, err = Open(opts, 3)
			must(t, err)
			defer l.Close()
			if got, want := describe(s), "2/1: 3/2=c"; got != want || len(s.ConfChanges) != 0 {
				t.Errorf("entries %q, want %q", got, want)
			}
		})
	}
}

func TestMarkConfiguration(t *testing.T) {
	conf := &raftpb.ConfState{
		Voters: []uint64{1, 2, 1 << 60}, Learners: []uint64{4}, VotersOutgoing: []uint64{1, 5},
		LearnersNext: []uint64{5}, AutoLeave: new(true),
	}
	fsys := vfs.NewMem(1)
	l, err := Create(options(fsys), 7, 1, Mark{Index: 100, Term: 3, Conf: conf})
	must(t, err)
	must(t, l.Append(Batch{Entries: []*raftpb.Entry{ent(101, 4, "x")}, HardState: HardState{4, 1, 100}}))
	must(t, l.Close())
	l, s := reopen(t, fsys, 0)
	defer l.Close()
	if !proto.Equal(s.Mark.Conf, conf) {
		t.Errorf("configuration %v", s.Mark.Conf)
	}
	if got, want := describe(s), "100/3: 101/4=x"; got != want {
		t.Errorf("entries %q, want %q", got, want)
	}
}

// fill appends n entries of one batch each and returns the last index.
func fill(t testing.TB, l *Log, n int) uint64 {
	t.Helper()
	for range n {
		i := l.LastIndex() + 1
		must(t, l.Append(Batch{
			Entries:   []*raftpb.Entry{ent(i, 1, strings.Repeat("x", 100))},
			HardState: HardState{1, 1, i - 1},
		}))
	}
	return l.LastIndex()
}

func TestSegmentsAndMarks(t *testing.T) {
	fsys := vfs.NewMem(1)
	l := newLog(t, fsys)
	last := fill(t, l, 300)
	if l.Segments() < 5 {
		t.Fatalf("%d segments", l.Segments())
	}
	before := l.Size()
	must(t, l.Append(Batch{Mark: &Mark{Index: last - 10, Term: 1, Conf: &raftpb.ConfState{Voters: []uint64{1}}}}))
	if l.Segments() > 2 || l.Size() > before/3 {
		t.Errorf("%d segments, %d bytes of %d after a mark", l.Segments(), l.Size(), before)
	}
	fill(t, l, 1)
	must(t, l.Close())
	report, err := Verify(fsys, dir)
	must(t, err)
	if report.Last != last+1 || report.Segments != l.Segments() || report.TornBytes != 0 {
		t.Errorf("report %+v", report)
	}
	l, s := reopen(t, fsys, last-5)
	if s.BaseIndex != last-6 || s.BaseTerm != 1 || len(s.Entries) != 7 {
		t.Errorf("base %d, %d entries", s.BaseIndex, len(s.Entries))
	}
	must(t, l.Close())
	// With an early from it gives what it has, and the term before it.
	l, s = reopen(t, fsys, 0)
	defer l.Close()
	if s.BaseIndex > last-10 || s.BaseTerm != 1 || s.LastIndex() != last+1 {
		t.Errorf("base %d/%d, last %d", s.BaseIndex, s.BaseTerm, s.LastIndex())
	}
}

// TestLargeBatch has a batch that takes several frames.
func TestLargeBatch(t *testing.T) {
	fsys := vfs.NewMem(1)
	l := newLog(t, fsys)
	var entries []*raftpb.Entry
	for i := range uint64(7) {
		entries = append(entries, ent(i+1, 3, strings.Repeat("z", 2<<20)))
	}
	must(t, l.Append(Batch{Entries: entries, HardState: HardState{3, 1, 7}}))
	must(t, l.Close())
	_, s := reopen(t, fsys, 0)
	if s.LastIndex() != 7 || s.HardState != (HardState{3, 1, 7}) {
		t.Errorf("last %d, hard state %+v", s.LastIndex(), s.HardState)
	}
	err := l.Append(Batch{Entries: []*raftpb.Entry{ent(8, 3, string(make([]byte, MaxEntrySize+1)))}})
	if err == nil {
		t.Error("an entry that is too large was taken")
	}
}

func TestAppendRefusesGaps(t *testing.T) {
	l := newLog(t, vfs.NewMem(1))
	fill(t, l, 3)
	if err := l.Append(Batch{Entries: []*raftpb.Entry{ent(5, 1, "")}}); err == nil {
		t.Error("a gap was taken")
	}
	if err := l.Append(Batch{Entries: []*raftpb.Entry{ent(4, 1, ""), ent(6, 1, "")}}); err == nil {
		t.Error("a gap within a batch was taken")
	}
	fill(t, l, 1)
}

// replaceFile gives a file other content, durably.
func replaceFile(t testing.TB, fsys vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	must(t, f.Truncate(0))
	_, err = f.WriteAt(data, 0)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func segments(t testing.TB, fsys vfs.FS) []string {
	t.Helper()
	found, err := list(fsys, dir)
	must(t, err)
	var names []string
	for _, s := range found.segments {
		names = append(names, filepath.Join(dir, s.name))
	}
	return names
}

// TestTornTailAtEveryByte cuts the last frame at every byte, with nothing, with
// zeros and with noise after the cut.
func TestTornTailAtEveryByte(t *testing.T) {
	fsys := vfs.NewMem(1)
	l := newLog(t, fsys)
	must(t, l.Append(Batch{Entries: []*raftpb.Entry{ent(1, 1, "kept")}, HardState: HardState{1, 1, 0}}))
	start := l.size
	must(t, l.Append(Batch{Entries: []*raftpb.Entry{ent(2, 1, "torn"), ent(3, 1, "torn too")}, HardState: HardState{1, 1, 1}}))
	end := l.size
	must(t, l.Close())
	name := segments(t, fsys)[0]
	whole, err := readFile(fsys, name, nil)
	must(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	for cut := start; cut < end; cut++ {
		noise := make([]byte, end-cut)
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		for kind, tail := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 5000), "noise": noise} {
			torn := append(bytes.Clone(whole[:cut]), tail...)
			if bytes.HasPrefix(torn, whole[:end]) {
				continue
			}
			fsys := vfs.NewMem(uint64(cut))
			must(t, fsys.MkdirAll(dir))
			f, err := fsys.Create(name)
			must(t, err)
			must(t, f.Close())
			replaceFile(t, fsys, name, torn)
			must(t, fsys.SyncDir(dir))
			if _, err := Verify(fsys, dir); err != nil {
				t.Fatalf("cut at %d, then %s: verify: %v", cut, kind, err)
			}
			l, s, err := Open(options(fsys), 0)
			if err != nil {
				t.Fatalf("cut at %d, then %s: %v", cut, kind, err)
			}
			zeros := len(trimZeros(whole[cut:end])) == 0 // the cut lost padding alone
			if got := describe(s); got != "0/0: 1/1=kept" && !zeros {
				t.Fatalf("cut at %d, then %s: %q", cut, kind, got)
			}
			fill(t, l, 2)
			must(t, l.Close())
			l, _ = reopen(t, fsys.CrashClean(), 0)
			must(t, l.Close())
		}
	}
}

// TestCorruptionIsFound flips every bit before the last frame, and removes
// segments.
func TestCorruptionIsFound(t *testing.T) {
	fsys := vfs.NewMem(1)
	l := newLog(t, fsys)
	l.opts.SegmentSize = 700
	fill(t, l, 10)
	for l.size >= l.opts.SegmentSize { // the last two frames are to be in one segment
		fill(t, l, 1)
	}
	beforeLast := l.size
	fill(t, l, 1)
	must(t, l.Close())
	names := segments(t, fsys)
	if len(names) < 2 {
		t.Fatal("one segment")
	}
	for i, name := range names {
		whole, err := readFile(fsys, name, nil)
		must(t, err)
		limit := len(trimZeros(whole))
		if i == len(names)-1 {
			limit = int(beforeLast)
		}
		for at := 0; at < limit; at++ {
			bad := bytes.Clone(whole)
			bad[at] ^= 1 << (at % 8)
			replaceFile(t, fsys, name, bad)
			_, err := Verify(fsys, dir)
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("%s with byte %d of %d changed: %v", name, at, limit, err)
			}
		}
		replaceFile(t, fsys, name, whole)
		_, err = Verify(fsys, dir)
		must(t, err)
	}
	for i, name := range names[:len(names)-1] {
		must(t, fsys.Rename(name, name+".away"))
		if _, err := Verify(fsys, dir); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("without segment %d: %v", i, err)
		}
		must(t, fsys.Rename(name+".away", name))
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	fsys := vfs.NewMem(1)
	must(t, newLog(t, fsys).Close())
	name := segments(t, fsys)[0]
	data, err := readFile(fsys, name, nil)
	must(t, err)
	data[8]++
	replaceFile(t, fsys, name, data)
	if _, _, err := Open(options(fsys), 0); !errors.Is(err, ErrVersion) {
		t.Errorf("open: %v", err)
	}
	if _, err := Verify(fsys, dir); !errors.Is(err, ErrVersion) {
		t.Errorf("verify: %v", err)
	}
}

func TestNoLog(t *testing.T) {
	fsys := vfs.NewMem(1)
	for range 2 {
		if _, _, err := Open(options(fsys), 0); !errors.Is(err, ErrNotExist) {
			t.Errorf("open: %v", err)
		}
		if found, err := Exists(fsys, dir); found || err != nil {
			t.Errorf("exists: %t, %v", found, err)
		}
		must(t, fsys.MkdirAll(dir))
	}
}

// TestFailedSyncIsNotTrusted: a sync fails, the process restarts without a
// crash of the machine and still reads the bytes, then the machine crashes.
func TestFailedSyncIsNotTrusted(t *testing.T) {
	for seed := range uint64(50) {
		fsys := vfs.NewMem(seed)
		l := newLog(t, fsys)
		fill(t, l, 3)
		fsys.Inject(func(op vfs.Op) error {
			if op.Kind == vfs.OpSync {
				return syscall.EIO
			}
			return nil
		})
		err := l.Append(Batch{Entries: []*raftpb.Entry{ent(4, 1, "?")}})
		if !errors.Is(err, syscall.EIO) || !errors.Is(err, ErrFailed) {
			t.Fatalf("append: %v", err)
		}
		fsys.Inject(nil)
		if again := l.Append(Batch{Entries: []*raftpb.Entry{ent(4, 1, "?")}}); !errors.Is(again, syscall.EIO) {
			t.Fatalf("append after a failure: %v", again)
		}
		must(t, l.Close())
		l, s := reopen(t, fsys, 0)
		read := s.LastIndex()
		fill(t, l, 2)
		l, s = reopen(t, fsys.CrashClean(), 0)
		if s.LastIndex() != read+2 {
			t.Fatalf("seed %d: last index %d, want %d", seed, s.LastIndex(), read+2)
		}
		must(t, l.Close())
	}
}
