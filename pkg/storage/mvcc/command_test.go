package mvcc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func TestCommandRoundTrip(t *testing.T) {
	g := &generator{Rand: seeded(t)}
	m := newModel()
	for range 3000 {
		c := g.command(m)
		c.Term = g.Uint64() >> g.IntN(64)
		clearLocals(c)
		data, err := AppendCommand([]byte("before"), c)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("before")) {
			t.Fatal("what stood in dst is gone")
		}
		data = data[len("before"):]
		back, err := DecodeCommand(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, c) {
			t.Fatalf("%+v\ncame back as %+v", c, back)
		}
		if id, ok := PeekID(data); !ok || id != c.ID {
			t.Fatalf("peeked %v, want %v", id, c.ID)
		}
		for n := range data {
			if _, err := DecodeCommand(data[:n]); !errors.Is(err, ErrBadCommand) {
				t.Fatalf("%d of %d bytes: %v", n, len(data), err)
			}
		}
	}
}

func clearLocals(c *Command) {
	eachPut(c.Txns, func(o *storage.Op) { o.Local = nil })
}

// TestCommandGolden pins version 1 of the encoding: logs hold it.
func TestCommandGolden(t *testing.T) {
	id := ProposalID{Member: 0x0102, Seq: 3}
	head := "01" + "0000000000000102" + "0000000000000003"
	for _, c := range []struct {
		c    Command
		want string
	}{
		{Command{ID: id, Kind: CommandTxns, Txns: []*storage.Txn{{
			Compares: []storage.Compare{
				{Key: "a", Target: storage.CompareMod, Result: storage.Equal, Int: 5},
				{Key: "a", RangeEnd: "b", Target: storage.CompareValue, Result: storage.Less, Bytes: []byte("v")},
			},
			Success: []storage.Op{
				{Type: storage.OpPut, Key: "a", Value: []byte("x"), Lease: 1, PrevKV: true},
				{Type: storage.OpTxn, Txn: &storage.Txn{}},
			},
			Failure: []storage.Op{
				{Type: storage.OpRange, Key: "a", RangeEnd: "\x00", Limit: 2, Revision: 9, KeysOnly: true},
				{Type: storage.OpDelete, Key: "b"},
			},
		}}}, head + "0100" + "01" + "02" + "0000016100" + "0a" + "0303016101620176" +
			"02" + "0044" + "0161" + "0178" + "02" + "0300000000" +
			"02" + "0228" + "01610100" + "0412" + "0100" + "0162"},
		{Command{ID: id, Term: 7, Kind: CommandLeaseGrant, Lease: storage.Lease{ID: 9, TTL: time.Minute}}, head + "0207" + "1278"},
		{Command{ID: id, Kind: CommandLeaseRevoke, Leases: []int64{1, -1}}, head + "0300" + "020201"},
		{Command{ID: id, Kind: CommandCompact, Revision: 64}, head + "0400" + "8001"},
		{Command{ID: id, Kind: CommandAlarm, Alarm: Alarm{Member: 3, Type: AlarmNoSpace}, Activate: true}, head + "0500" + "010103"},
		{Command{ID: id, Kind: CommandClusterVersion, ClusterVersion: "1.0"}, head + "0600" + "03312e30"},
	} {
		got, err := AppendCommand(nil, &c.c)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != c.want {
			t.Errorf("kind %d is\n%x, want\n%s", c.c.Kind, got, c.want)
		}
	}
}

func TestBadCommands(t *testing.T) {
	good, err := AppendCommand(nil, &Command{Kind: CommandTxns, Txns: []*storage.Txn{putTxn("a", "b")}})
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Clone(good)
	newer[0]++
	for name, data := range map[string][]byte{
		"empty": {}, "newer version": newer, "short": good[:5], "trailing": append(bytes.Clone(good), 0),
		"unknown kind": append(bytes.Clone(good[:commandHeader-1]), 99, 0),
		"huge count":   append(bytes.Clone(good[:commandHeader+1]), 0xff, 0xff, 0xff, 0xff, 0x0f),
	} {
		if _, err := DecodeCommand(data); !errors.Is(err, ErrBadCommand) {
			t.Errorf("%s: %v", name, err)
		}
	}
	deep := &storage.Txn{}
	for range MaxTxnDepth {
		deep = &storage.Txn{Success: []storage.Op{{Type: storage.OpTxn, Txn: deep}}}
	}
	for name, c := range map[string]*Command{
		"depth":   {Kind: CommandTxns, Txns: []*storage.Txn{deep}},
		"ops":     {Kind: CommandTxns, Txns: []*storage.Txn{{Success: make([]storage.Op, MaxTxnOps)}}},
		"nil txn": {Kind: CommandTxns, Txns: []*storage.Txn{nil}},
		"kind":    {},
	} {
		if _, err := AppendCommand(nil, c); !errors.Is(err, ErrBadCommand) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadEntryEndsApply: an entry that cannot be read must not be skipped.
func TestBadEntryEndsApply(t *testing.T) {
	s, err := Open(Config{Backend: NewMemoryDisk().Open()})
	if err != nil {
		t.Fatal(err)
	}
	var l log
	first := l.add(t, &Command{Kind: CommandTxns, Txns: []*storage.Txn{putTxn("a", "b")}})
	res, err := s.Apply([]Entry{first, {Index: 2, Term: 1, Data: []byte{99}}})
	if len(res) != 1 || !errors.Is(err, ErrBadCommand) {
		t.Fatal(res, err)
	}
	if _, err := s.Apply([]Entry{{Index: 3, Term: 1}}); !errors.Is(err, ErrBadCommand) {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrBadCommand) {
		t.Fatal(err)
	}
	if got := s.AppliedIndex(); got != 1 {
		t.Fatal(got)
	}
	if err := s.Close(); !errors.Is(err, ErrBadCommand) {
		t.Fatal(err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 50 {
		data, err := AppendCommand(nil, g.command(newModel()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCommand(data)
		if err != nil {
			if !errors.Is(err, ErrBadCommand) {
				t.Fatal(err)
			}
			return
		}
		again, err := AppendCommand(nil, c)
		if err != nil {
			t.Fatalf("%x decodes, and does not encode: %v", data, err)
		}
		back, err := DecodeCommand(again)
		if err != nil || !reflect.DeepEqual(back, c) {
			t.Fatalf("%x: %+v, then %+v, %v", data, c, back, err)
		}
		// Whatever was decoded can be applied.
		s, err := Open(Config{Backend: NewMemoryDisk().Open()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply([]Entry{{Index: 1, Term: 1, Data: data}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCheckTxn(t *testing.T) {
	put := func(key string) storage.Op { return storage.Op{Type: storage.OpPut, Key: key} }
	del := func(key, end string) storage.Op { return storage.Op{Type: storage.OpDelete, Key: key, RangeEnd: end} }
	txn := func(then, otherwise []storage.Op) storage.Op {
		return storage.Op{Type: storage.OpTxn, Txn: &storage.Txn{Success: then, Failure: otherwise}}
	}
	list := func(ops ...storage.Op) []storage.Op { return ops }
	dup := storage.ErrDuplicateKey
	for i, c := range []struct {
		ops  []storage.Op
		want error
	}{
		{list(put("a"), put("b")), nil},
		{list(put("a"), put("a")), dup},
		{list(put("a"), del("a", "")), dup},
		{list(del("a", ""), put("a")), dup},
		{list(del("a", "c"), put("b")), dup},
		{list(del("a", "c"), put("c")), nil},
		{list(del("b", "\x00"), put("c")), dup},
		{list(del("b", "\x00"), put("a")), nil},
		{list(del("a", "d"), del("b", "c"), put("cc")), dup},
		{list(del("c", "a"), put("b")), nil}, // an empty range
		{list(del("a", ""), del("a", "z")), nil},
		{list(put("a"), txn(list(put("a")), nil)), dup},
		{list(put("a"), txn(nil, list(put("a")))), dup},
		{list(txn(list(put("a")), list(put("a")))), nil}, // they exclude each other
		{list(txn(list(put("a")), nil), txn(nil, list(put("a")))), dup},
		{list(txn(list(del("a", "")), nil), put("a")), dup},
		{list(del("a", ""), txn(list(put("a")), nil)), dup},
		{list(put("")), ErrBadRequest},
		{list(del("", "")), ErrBadRequest},
		{list(del("", "\x00")), nil},
		{list(storage.Op{Type: storage.OpTxn}), ErrBadRequest},
		{list(storage.Op{Type: 9, Key: "a"}), ErrBadRequest},
		{list(storage.Op{Type: storage.OpRange, Key: "a", Limit: -1}), ErrBadRequest},
		{make([]storage.Op, MaxTxnOps+1), ErrTooManyOps},
	} {
		for _, t2 := range []*storage.Txn{{Success: c.ops}, {Failure: c.ops}} {
			if err := CheckTxn(t2); !errors.Is(err, c.want) {
				t.Errorf("case %d: %v, want %v", i, err, c.want)
			}
		}
	}
	deep := &storage.Txn{}
	for range MaxTxnDepth {
		deep = &storage.Txn{Success: list(storage.Op{Type: storage.OpTxn, Txn: deep})}
	}
	if err := CheckTxn(deep); !errors.Is(err, ErrTooDeep) {
		t.Error(err)
	}
}

// TestLocals follows Op.Local through entry and Events: to puts that ran, in
// this process, and nowhere else.
func TestLocals(t *testing.T) {
	x := newTester(t, Config{})
	put := func(key string) storage.Op { return storage.Op{Type: storage.OpPut, Key: key, Local: key + "!"} }
	nested := &storage.Txn{
		Compares: []storage.Compare{{Key: "absent", Int: 1}},
		Success:  []storage.Op{put("not-run")}, Failure: []storage.Op{put("c")},
	}
	x.txn(&storage.Txn{Success: []storage.Op{put("a"), {Type: storage.OpTxn, Txn: nested}, put("b")}})
	x.delete("a")
	read := func() []storage.Event {
		b, err := x.Events(t.Context(), storage.EventsRequest{RangeEnd: "\x00", After: 1})
		if err != nil {
			t.Fatal(err)
		}
		return b.Events
	}
	got := ""
	for _, e := range read() {
		got += fmt.Sprint(e.KV.Key, " ", e.Local, "; ")
	}
	if got != "a a!; c c!; b b!; a <nil>; " {
		t.Error(got)
	}
	x.restart()
	for _, e := range read() {
		if e.Local != nil {
			t.Errorf("%s has %v after a restart", e.KV.Key, e.Local)
		}
	}
	if Locals([]*storage.Txn{putTxn("a", "b")}) != nil {
		t.Error("a list of nothing")
	}
}
