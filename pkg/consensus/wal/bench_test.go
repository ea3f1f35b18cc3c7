package wal

import (
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
)

func realLog(b *testing.B, segmentSize int64) (Options, *Log) {
	opts := Options{Dir: b.TempDir(), SegmentSize: segmentSize}
	l, err := Create(opts, 1, 1, Mark{Conf: &raftpb.ConfState{Voters: []uint64{1}}})
	must(b, err)
	return opts, l
}

// BenchmarkAppend is one entry, written and synced.
func BenchmarkAppend(b *testing.B) {
	_, l := realLog(b, 0)
	defer l.Close()
	value := strings.Repeat("v", 2000)
	b.ReportAllocs()
	for b.Loop() {
		e := ent(l.LastIndex()+1, 1, value)
		if err := l.Append(Batch{Entries: []*raftpb.Entry{e}, HardState: HardState{1, 1, l.LastIndex()}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen reads a log of 16 MiB, with all of its entries.
func BenchmarkOpen(b *testing.B) {
	opts, l := realLog(b, 0)
	value := strings.Repeat("v", 2000)
	for l.Size() < 16<<20 {
		var entries []*raftpb.Entry
		for i := range uint64(10) {
			entries = append(entries, ent(l.LastIndex()+1+i, 1, value))
		}
		must(b, l.Append(Batch{Entries: entries, HardState: HardState{1, 1, l.LastIndex()}}))
	}
	must(b, l.Close())
	for b.Loop() {
		l, s, err := Open(opts, 1)
		if err != nil || len(s.Entries) < 8000 {
			b.Fatal(err)
		}
		must(b, l.Close())
	}
}
