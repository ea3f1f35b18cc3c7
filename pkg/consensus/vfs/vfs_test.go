package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// both runs a test on the real file system and on the twin.
func both(t *testing.T, test func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, OS{}, filepath.Join(t.TempDir(), "a", "b")) })
	t.Run("mem", func(t *testing.T) { test(t, NewMem(1), "/a/b") })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys FS, name, data string) File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	must(t, err)
	return f
}

func content(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := fsys.OpenRead(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	data := make([]byte, size)
	if size > 0 {
		_, err = f.ReadAt(data, 0)
		must(t, err)
	}
	return string(data)
}

func TestFiles(t *testing.T) {
	both(t, func(t *testing.T, fsys FS, dir string) {
		must(t, fsys.MkdirAll(dir))
		must(t, fsys.MkdirAll(dir))
		one := filepath.Join(dir, "one")
		f := create(t, fsys, one, "hello world")
		must(t, f.Truncate(7))
		_, err := f.WriteAt([]byte("W"), 9)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
		if got, want := content(t, fsys, one), "hello w\x00\x00W"; got != want {
			t.Errorf("content %q, want %q", got, want)
		}
		if _, err := fsys.Create(one); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create of an existing file: %v", err)
		}
		if _, err := fsys.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open of an absent file: %v", err)
		}
		must(t, fsys.Rename(one, filepath.Join(dir, "two")))
		must(t, fsys.SyncDir(dir))
		names, err := fsys.List(dir)
		must(t, err)
		if len(names) != 1 || names[0] != "two" {
			t.Errorf("names %q", names)
		}
		must(t, fsys.Remove(filepath.Join(dir, "two")))
		if err := fsys.Remove(filepath.Join(dir, "two")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("remove of an absent file: %v", err)
		}
		r, err := fsys.OpenRead(create3(t, fsys, dir))
		must(t, err)
		if _, err := r.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file opened for reading took a write")
		}
		must(t, r.Close())
	})
}

func create3(t *testing.T, fsys FS, dir string) string {
	name := filepath.Join(dir, "three")
	must(t, create(t, fsys, name, "3").Close())
	return name
}

func TestLock(t *testing.T) {
	both(t, func(t *testing.T, fsys FS, dir string) {
		must(t, fsys.MkdirAll(dir))
		name := filepath.Join(dir, "LOCK")
		held, err := fsys.Lock(name)
		must(t, err)
		if _, err := fsys.Lock(name); !errors.Is(err, ErrLocked) {
			t.Errorf("second lock: %v", err)
		}
		must(t, held.Close())
		again, err := fsys.Lock(name)
		must(t, err)
		must(t, again.Close())
	})
}

func TestCrashForgetsWhatWasNotSynced(t *testing.T) {
	m := NewMem(1)
	must(t, m.MkdirAll("/d"))
	f := create(t, m, "/d/synced", "abc")
	must(t, f.Sync())
	must(t, m.SyncDir("/d"))
	_, err := f.WriteAt([]byte("defg"), 3)
	must(t, err)
	must(t, create(t, m, "/d/nameless", "x").Sync())
	after := m.CrashClean()
	if got := content(t, after, "/d/synced"); got != "abc" {
		t.Errorf("content %q", got)
	}
	if _, err := after.Open("/d/nameless"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that was not synced is there: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, ErrCrashed) {
		t.Errorf("write to a crashed disk: %v", err)
	}
}

// TestCrashKeepsParts sees every outcome that an unsynced write may have.
func TestCrashKeepsParts(t *testing.T) {
	synced := bytes.Repeat([]byte("s"), 300)
	unsynced := bytes.Repeat([]byte("u"), 2000)
	var none, all, torn, holes bool
	for seed := range uint64(200) {
		m := NewMem(seed)
		f := create(t, m, "/f", string(synced))
		must(t, f.Sync())
		must(t, m.SyncDir("/"))
		_, err := f.WriteAt(unsynced, int64(len(synced)))
		must(t, err)
		got := []byte(content(t, m.Crash(), "/f"))
		if !bytes.HasPrefix(got, synced) {
			t.Fatalf("seed %d: synced bytes are lost", seed)
		}
		rest := got[len(synced):]
		switch {
		case len(rest) == 0:
			none = true
		case bytes.Equal(rest, unsynced):
			all = true
		case bytes.IndexByte(rest, 0) >= 0:
			holes = true
		default:
			torn = true
		}
	}
	if !none || !all || !torn || !holes {
		t.Errorf("outcomes: none %t, all %t, torn %t, holes %t", none, all, torn, holes)
	}
}

func TestInjectedFailures(t *testing.T) {
	m := NewMem(7)
	f := create(t, m, "/f", "0123456789") // operations 0 and 1
	m.FailAt(2, syscall.ENOSPC)
	n, err := f.WriteAt([]byte("0123456789"), 10)
	if !errors.Is(err, syscall.ENOSPC) || n > 10 {
		t.Fatalf("write: %d, %v", n, err)
	}
	if got := content(t, m, "/f"); len(got) != 10+n {
		t.Errorf("%d bytes after a write of %d failed", len(got), n)
	}
	if err := f.Sync(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("sync: %v", err)
	}
	m.Inject(nil)
	must(t, f.Sync())
	m.CrashAt(m.Ops())
	if err := m.SyncDir("/"); !errors.Is(err, ErrCrashed) {
		t.Errorf("syncdir: %v", err)
	}
	if _, err := m.List("/"); !errors.Is(err, ErrCrashed) {
		t.Errorf("list: %v", err)
	}
}
