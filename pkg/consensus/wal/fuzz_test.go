package wal

import (
	"bytes"
	"errors"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// discard takes all items.
type discard struct{ entries int }

func (d *discard) entry(e *entry) error      { d.entries++; e.proto(); return nil }
func (d *discard) hardState(HardState) error { return nil }
func (d *discard) mark(Mark) error           { return nil }

func sampleBody() []byte {
	body := appendEntry(nil, ent(5, 2, "data"))
	body = appendHardState(body, HardState{2, 1, 4})
	return appendMark(body, &Mark{Index: 3, Term: 1, Conf: &raftpb.ConfState{Voters: []uint64{1, 2}}})
}

// FuzzItems feeds the decoder of frames' bodies.
func FuzzItems(f *testing.F) {
	f.Add(sampleBody(), uint32(3))
	f.Add([]byte{itemMark, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f}, uint32(1))
	f.Fuzz(func(t *testing.T, body []byte, items uint32) {
		d := &discard{}
		fr := frame{body: body, items: items}
		if err := decodeItems(&fr, d); err == nil && d.entries > len(body) {
			t.Errorf("%d entries in %d bytes", d.entries, len(body))
		}
	})
}

// FuzzFrame feeds the decoder of frames.
func FuzzFrame(f *testing.F) {
	buf := append(beginFrame(nil), sampleBody()...)
	buf, _ = endFrame(buf, 0, 9, 1, 0, 3)
	f.Add(buf, uint32(9))
	f.Fuzz(func(t *testing.T, data []byte, seed uint32) {
		fr, ok := decodeFrame(data, seed)
		if !ok {
			return
		}
		again := append(beginFrame(nil), fr.body...)
		again, crc := endFrame(again, 0, seed, fr.number, fr.prev, fr.items)
		if crc != fr.crc || !bytes.Equal(again, data[:fr.size]) {
			t.Errorf("decoded %x, encoded %x", data[:fr.size], again)
		}
	})
}

// FuzzSegment opens arbitrary bytes as a log: it may be refused, cut or taken,
// and what is taken can be written and read again.
func FuzzSegment(f *testing.F) {
	fsys := vfs.NewMem(1)
	l := newLog(f, fsys)
	fill(f, l, 3)
	must(f, l.Close())
	name := segments(f, fsys)[0]
	data, err := readFile(fsys, name, nil)
	must(f, err)
	f.Add(trimZeros(data))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := vfs.NewMem(1)
		must(t, fsys.MkdirAll(dir))
		file, err := fsys.Create(name)
		must(t, err)
		_, err = file.WriteAt(data, 0)
		must(t, err)
		l, s, err := Open(options(fsys), 0)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		last := s.LastIndex() + 1
		must(t, l.Append(Batch{
			Entries:   []*raftpb.Entry{ent(last, s.HardState.Term+1, "more")},
			HardState: HardState{Term: s.HardState.Term + 1, Commit: s.HardState.Commit},
		}))
		must(t, l.Close())
		if _, s = reopen(t, fsys, 0); s.LastIndex() != last {
			t.Errorf("last index %d, want %d", s.LastIndex(), last)
		}
	})
}
