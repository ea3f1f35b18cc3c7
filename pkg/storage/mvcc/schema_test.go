package mvcc

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// TestSchemaGolden pins the bytes of every bucket. They are what etcd writes.
func TestSchemaGolden(t *testing.T) {
	x := newTester(t, Config{})
	x.do(Command{Kind: CommandLeaseGrant, Lease: storage.Lease{ID: 0x1234567890, TTL: 3600 * time.Second}})
	x.txn(&storage.Txn{Success: []storage.Op{
		{Type: storage.OpPut, Key: "/a", Value: []byte("one"), Lease: 0x1234567890},
		{Type: storage.OpPut, Key: "/b"},
	}})
	x.put("/a", "two")
	x.delete("/b")
	x.compactTo(3)
	x.do(Command{Kind: CommandAlarm, Alarm: Alarm{Member: 7, Type: AlarmCorrupt}, Activate: true})
	x.do(Command{Kind: CommandClusterVersion, ClusterVersion: "0.1.0"})
	x.flushed()
	const want = `
alarm
	08071002 = 
binnacle
	"base_revision" = 0000000000000001
	"format" = 0000000000000001
cluster
	"clusterVersion" = "0.1.0"
key
	00000000000000025f0000000000000000 = 0a022f611002180220012a036f6e653090f1d9a2a302
	00000000000000025f0000000000000001 = 0a022f62100218022001
	00000000000000035f0000000000000000 = 0a022f611002180320022a0374776f
	00000000000000045f000000000000000074 = 0a022f62
lease
	0000001234567890 = 0890f1d9a2a30210901c
meta
	"consistent_index" = 0000000000000007
	"scheduledCompactRev" = 00000000000000035f0000000000000000
	"storageVersion" = "3.6.0"
	"term" = 0000000000000001
`
	if got := dump(x.disk); got != want {
		t.Errorf("got %s", got)
	}
}

func dump(d *MemoryDisk) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	show := func(b []byte) string {
		if len(b) > 0 && strings.Trim(string(b), "abcdefghijklmnopqrstuvwxyzCRV_0123456789.") == "" {
			return fmt.Sprintf("%q", b)
		}
		return hex.EncodeToString(b)
	}
	out := "\n"
	for _, name := range slices.Sorted(maps.Keys(d.data)) {
		out += name + "\n"
		for _, p := range d.data[name] {
			out += "\t" + show(p.key) + " = " + show(p.value) + "\n"
		}
	}
	return out
}

// TestKVIsEtcds compares our hand-written protobuf with etcd's own.
func TestKVIsEtcds(t *testing.T) {
	g := seeded(t)
	num := func() int64 { return int64(g.Uint64() >> g.IntN(64) >> 1) }
	for range 2000 {
		kv := &storage.KeyValue{
			Key: strings.Repeat("k", g.IntN(200)), Value: bytes.Repeat([]byte{1}, g.IntN(300)),
			CreateRevision: num(), ModRevision: num(), Version: num(), Lease: num(),
		}
		theirs := &mvccpb.KeyValue{
			Key: []byte(kv.Key), Value: kv.Value,
			CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version, Lease: kv.Lease,
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(theirs)
		if err != nil {
			t.Fatal(err)
		}
		got := appendKV(nil, kv, false)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s is %x, etcd's is %x", showKV(kv), got, want)
		}
		raw, err := parseKV(got)
		if err != nil {
			t.Fatal(err)
		}
		if back := raw.own(""); showKV(back) != showKV(kv) {
			t.Fatalf("%s came back as %s", showKV(kv), showKV(back))
		}
	}
}

// TestAlarmAndLease compares with bytes as etcd's AlarmMember and
// leasepb.Lease have them.
func TestAlarmAndLease(t *testing.T) {
	for _, c := range []struct {
		alarm Alarm
		want  string
	}{
		{Alarm{1, AlarmNoSpace}, "08011001"},
		{Alarm{0xfedcba9876543210, AlarmCorrupt}, "0890e4d0b287d3aeeefe011002"},
	} {
		got := appendAlarm(nil, c.alarm)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%+v is %x, want %s", c.alarm, got, c.want)
		}
		if back, err := parseAlarm(got); err != nil || back != c.alarm {
			t.Errorf("%+v came back as %+v, %v", c.alarm, back, err)
		}
	}
	if got := hex.EncodeToString(appendLease(nil, 1, 3660)); got != "080110cc1c" {
		t.Errorf("lease is %s", got)
	}
}

func FuzzParseKV(f *testing.F) {
	f.Add(appendKV(nil, &storage.KeyValue{Key: "k", Value: []byte("v"), CreateRevision: 1, ModRevision: 2, Version: 2, Lease: 9}, false))
	f.Add([]byte{0x0a, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		kv, err := parseKV(b)
		if err != nil {
			return
		}
		// What we can read we write so that it reads the same.
		back, err := parseKV(appendKV(nil, kv.own(""), false))
		if err != nil || showKV(back.own("")) != showKV(kv.own("")) {
			t.Fatalf("%x: %v, %v", b, back, err)
		}
	})
}

func FuzzParseLease(f *testing.F) {
	f.Add(appendLease(nil, 5, 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, ttl, err := parseLease(b)
		if err != nil {
			return
		}
		if i, l, err := parseLease(appendLease(nil, id, ttl)); err != nil || i != id || l != ttl {
			t.Fatalf("%x: %d %d %v", b, i, l, err)
		}
	})
}

func FuzzParseRevKey(f *testing.F) {
	f.Add(appendRevKey(nil, revision{5, 6}, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, tomb, err := parseRevKey(b)
		if err == nil && !bytes.Equal(appendRevKey(nil, r, tomb), b) {
			t.Fatalf("%x is %+v %v", b, r, tomb)
		}
	})
}
