package mvcc

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func dbPath(t testing.TB) string { return filepath.Join(t.TempDir(), "db") }

// TestBolt runs random commands on a real file, with restarts.
func TestBolt(t *testing.T) {
	g := &generator{Rand: seeded(t)}
	cfg := small
	cfg.Path = dbPath(t)
	x, m := newTester(t, cfg), newModel()
	for round := range 4 {
		for range 15 {
			g.step(x, m)
		}
		if round%2 == 1 {
			x.sweep()
		}
		verify(x, m, g.Rand)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckFile(cfg.Path); err != nil {
			t.Fatal(err)
		}
		x.open()
		if i := x.AppliedIndex(); i != uint64(len(x.log.entries)) {
			t.Fatalf("applied index %d after a clean stop, want %d", i, len(x.log.entries))
		}
		verify(x, m, g.Rand)
	}
}

func TestLocked(t *testing.T) {
	cfg := Config{Path: dbPath(t)}
	x := newTester(t, cfg)
	x.put("a", "b")
	cfg.LockTimeout = 1
	if _, err := Open(cfg); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	if _, err := CheckFile(cfg.Path); !errors.Is(err, ErrLocked) {
		t.Errorf("check of an open file: %v", err)
	}
}

// TestRefused opens what is not ours: a clear error, and not a byte changed.
func TestRefused(t *testing.T) {
	good := dbPath(t)
	fill(t, good, 3000, 100)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(whole, "\x00"))
	foreign := dbPath(t)
	editBolt(t, foreign, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("cats"))
		return err
	})
	other, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	newer := dbPath(t)
	fill(t, newer, 1, 1)
	editBolt(t, newer, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketOwn).Put(ownFormat, uint64Bytes(format+1))
	})
	ahead, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"text":      {[]byte("hello\n"), ErrNotADatabase},
		"garbage":   {bytes.Repeat([]byte{0xa5}, 100_000), ErrNotADatabase},
		"cut short": {whole[:used/2], ErrNotADatabase},
		"one page":  {whole[:4096], ErrNotADatabase},
		"foreign":   {other, ErrNotADatabase},
		"newer":     {ahead, ErrNewerFormat},
		"trailing":  {nil, nil},
	} {
		if c.data == nil {
			c.data = append(bytes.Clone(whole), "a hash that etcdctl appends"...)
		}
		path := dbPath(t)
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckFile(path); !errors.Is(err, c.want) {
			t.Errorf("%s: check: %v", name, err)
		}
		s, err := Open(Config{Path: path})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: open: %v", name, err)
		}
		if s != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.data) {
			t.Errorf("%s: file was changed, %v", name, err)
		}
	}
	if _, err := Open(Config{Path: t.TempDir()}); !errors.Is(err, ErrNotADatabase) {
		t.Errorf("directory: %v", err)
	}
	if _, err := Open(Config{Path: filepath.Join(t.TempDir(), "no", "db")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("no path: no error")
	}
}

// editBolt changes a database behind our back.
func editBolt(t testing.TB, path string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// etcdDatabase makes a file as etcd leaves it: no bucket of ours, log positions
// of another log, a compaction cut off, a lease, and a restored revision.
func etcdDatabase(t testing.TB, path string) {
	t.Helper()
	editBolt(t, path, func(tx *bolt.Tx) error {
		for _, name := range etcdBuckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		put := func(r revision, tomb bool, kv storage.KeyValue) {
			if err := tx.Bucket(bucketKey).Put(appendRevKey(nil, r, tomb), appendKV(nil, &kv, tomb)); err != nil {
				t.Fatal(err)
			}
		}
		put(revision{2, 0}, false, storage.KeyValue{Key: "/a", Value: []byte("1"), CreateRevision: 2, ModRevision: 2, Version: 1})
		put(revision{3, 0}, false, storage.KeyValue{Key: "/a", Value: []byte("2"), CreateRevision: 2, ModRevision: 3, Version: 2})
		put(revision{4, 0}, false, storage.KeyValue{Key: "/b", CreateRevision: 4, ModRevision: 4, Version: 1, Lease: 77})
		put(revision{4, 1}, false, storage.KeyValue{Key: "/c", CreateRevision: 4, ModRevision: 4, Version: 1})
		put(revision{5, 0}, true, storage.KeyValue{Key: "/c"})
		if err := tx.Bucket(bucketKey).Put(encodeRev(1_000_005), []byte{}); err != nil { // etcdutl's bump
			return err
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(
			tx.Bucket(bucketLease).Put(leaseKey(77), appendLease(nil, 77, 60)),
			meta.Put(metaScheduledCompactRev, encodeRev(4)),
			meta.Put(metaConsistentIndex, uint64Bytes(1576)),
			meta.Put(metaTerm, uint64Bytes(9)),
			meta.Put(metaStorageVersion, []byte("3.7.0")),
		)
	})
}

func TestAdoptEtcd(t *testing.T) {
	path := dbPath(t)
	etcdDatabase(t, path)
	if _, err := CheckFile(path); err != nil {
		t.Fatal(err)
	}
	x := newTester(t, Config{Path: path})
	cur, compacted := x.Revision()
	if cur != 1_000_005 || compacted != 4 {
		t.Fatal(cur, compacted)
	}
	if i, term := x.DurableIndex(); i != 0 || term != 0 {
		t.Fatalf("log position %d of another log", i)
	}
	all := storage.RangeRequest{RangeEnd: "\x00"}
	res, err := x.Range(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if got := showKVs(res.KVs); got != `[/a="2" c2 m3 v2 l0 /b="" c4 m4 v1 l77]` {
		t.Fatal(got)
	}
	b, err := x.Events(t.Context(), storage.EventsRequest{RangeEnd: "\x00", After: 4})
	if err != nil || b.Revision != cur {
		t.Fatal(b.Revision, err)
	}
	if got := showEvents(b.Events, false); got != "1 /c=\"\" c0 m5 v0 l0 <- /c=\"\" c4 m4 v1 l0\n" {
		t.Fatal(got)
	}
	before := x.hash(0)
	x.sweep()
	if after := x.hash(0); before != after {
		t.Fatal("sweep changed the hash")
	}
	if got := x.LeaseKeys(77); len(got) != 1 || got[0] != "/b" {
		t.Fatal(got)
	}
	if rev := x.put("/d", "new"); rev != 1_000_006 {
		t.Fatal(rev)
	}
	if r := x.do(Command{Kind: CommandLeaseRevoke, Leases: []int64{77}}); r.Err != nil || r.Revision != 1_000_007 {
		t.Fatal(r)
	}
	x.compactTo(1_000_006)
	x.sweep()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckFile(path); err != nil {
		t.Fatal(err)
	}
	x.open()
	if i, _ := x.DurableIndex(); i != 3 {
		t.Fatalf("log position %d is not of our log", i)
	}
}

// TestSnapshotRestore moves a database, under reads, into another store.
func TestSnapshotRestore(t *testing.T) {
	for _, real := range []bool{false, true} {
		var cfgA, cfgB Config
		if real {
			cfgA.Path, cfgB.Path = dbPath(t), dbPath(t)
		}
		a, b := newTester(t, cfgA), newTester(t, cfgB)
		g, m := &generator{Rand: seeded(t)}, newModel()
		for range 30 {
			g.step(a, m)
		}
		b.put("other", "history")
		waiting := make(chan error, 1)
		started := make(chan struct{})
		go func() {
			close(started)
			batch, err := b.Events(context.Background(), storage.EventsRequest{RangeEnd: "\x00", After: m.rev - 1})
			if err == nil && batch.Revision != m.rev {
				err = errors.New("wrong revision")
			}
			waiting <- err
		}()
		<-started
		snap, err := a.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if snap.Index != a.AppliedIndex() || snap.Term != 1 || snap.Size == 0 {
			t.Fatalf("%+v", snap)
		}
		if err := b.Restore(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
		if err := snap.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; err != nil && m.compacted < m.rev {
			t.Fatal(err)
		}
		if i, _ := b.DurableIndex(); i != snap.Index || b.AppliedIndex() != i {
			t.Fatal(i)
		}
		b.log = a.log
		verify(b, m, g.Rand)
		g.step(b, m)
		verify(b, m, g.Rand)
		if err := b.Restore(t.Context(), bytes.NewReader([]byte("garbage"))); !errors.Is(err, ErrNotADatabase) {
			t.Fatal(err)
		}
		verify(b, m, g.Rand)
		if real {
			for _, dir := range []string{filepath.Dir(cfgA.Path), filepath.Dir(cfgB.Path)} {
				if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
					t.Fatalf("%v is left, %v", files, err)
				}
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b.open()
			verify(b, m, g.Rand)
		}
	}
}

// TestStats looks at the figures for metrics on a real file.
func TestStats(t *testing.T) {
	commits, records := 0, 0
	x := newTester(t, Config{Path: dbPath(t), Observer: Observer{Commit: func(_ time.Duration, n int, _ int64) {
		commits, records = commits+1, records+n
	}}})
	x.put("a", "1")
	x.put("b", "2")
	x.delete("a")
	x.flushed()
	st := x.Stats()
	if st.Keys != 1 || st.IndexKeys != 2 || st.Puts != 2 || st.Deletes != 1 || st.Txns != 3 || st.Revision != 4 {
		t.Errorf("%+v", st)
	}
	if st.DBSize == 0 || st.DBInUse == 0 || st.DBInUse > st.DBSize || st.PendingRecords != 0 || st.PendingBytes != 0 {
		t.Errorf("%+v", st)
	}
	if commits != 1 || records != 3 {
		t.Errorf("%d commits of %d records", commits, records)
	}
}
