package server

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Layout of a data directory.
const (
	markerFile = "BINNACLE" // says that the directory is ours, and its format
	lockFile   = "LOCK"     // held by the process that uses it
	logDir     = "wal"      // the raft log
	dbFile     = "db"       // the bbolt database
	kubeconfig = "admin.kubeconfig"
)

// dataFormat is the format of the directory as a whole; the log and the
// database carry their own besides.
const dataFormat = "binnacle data format 1"

// identity tells this member's data from that of others. It is made once.
type identity struct {
	cluster, member uint64
}

func (id identity) String() string {
	return fmt.Sprintf("%s\ncluster %016x\nmember %016x\n", dataFormat, id.cluster, id.member)
}

// parseMarker reads a marker file.
func parseMarker(text string) (id identity, err error) {
	format, rest, _ := strings.Cut(text, "\n")
	if format != dataFormat {
		return id, fmt.Errorf("has format %q, this version knows %q: use a newer version", format, dataFormat)
	}
	if _, err := fmt.Sscanf(rest, "cluster %x\nmember %x\n", &id.cluster, &id.member); err != nil || id.cluster == 0 || id.member == 0 {
		return id, fmt.Errorf("has a damaged %s file", markerFile)
	}
	return id, nil
}

// dataDir is a data directory that this process has locked.
type dataDir struct {
	path string
	id   identity
	lock *os.File
	// made lists what open created, innermost last, for undo.
	made []string
}

func (d *dataDir) join(name string) string { return filepath.Join(d.path, name) }

// openDataDir locks a directory that is ours, missing or empty. With create
// unset it must be ours already. Nothing is left behind by a failure.
func openDataDir(path string, create bool) (*dataDir, error) {
	d := &dataDir{path: path}
	if err := d.open(create); err != nil {
		d.undo()
		return nil, err
	}
	return d, nil
}

func (d *dataDir) open(create bool) error {
	entries, err := os.ReadDir(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		if err := d.mkdirAll(d.path); err != nil {
			return fmt.Errorf("data directory %s cannot be made: %w; choose another --data-dir", d.path, err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data directory %s does not exist", d.path)
	case err != nil:
		return fmt.Errorf("data directory %s cannot be read: %w", d.path, err)
	}
	marker, err := os.ReadFile(d.join(markerFile))
	switch {
	case err == nil:
		if d.id, err = parseMarker(string(marker)); err != nil {
			return fmt.Errorf("data directory %s %w", d.path, err)
		}
		return d.takeLock()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data directory %s cannot be read: %w", d.path, err)
	case len(entries) > 0 && !onlyPKI(entries):
		return fmt.Errorf("data directory %s holds other things (%s, ...) and no %s file: choose an empty --data-dir", d.path, entries[0].Name(), markerFile)
	case !create:
		return fmt.Errorf("data directory %s is not a data directory of this server: it has no %s file", d.path, markerFile)
	}
	if err := d.takeLock(); err != nil {
		return err
	}
	d.id = identity{cluster: rand.Uint64() | 1, member: rand.Uint64()>>1 | 1}
	if err := writeFile(d.join(markerFile), []byte(d.id.String()), 0o600); err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", d.path, err)
	}
	d.made = append(d.made, d.join(markerFile))
	return nil
}

// onlyPKI allows a directory that was given its certificates beforehand.
func onlyPKI(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if e.Name() != "pki" && e.Name() != lockFile {
			return false
		}
	}
	return true
}

// mkdirAll makes path and remembers what it made.
func (d *dataDir) mkdirAll(path string) error {
	if parent := filepath.Dir(path); parent != path {
		if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
			if err := d.mkdirAll(parent); err != nil {
				return err
			}
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d.made = append(d.made, path)
	return nil
}

func (d *dataDir) takeLock() error {
	path := d.join(lockFile)
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", d.path, err)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		d.made = append(d.made, path)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("data directory %s is in use by another process", d.path)
	}
	d.lock = f
	return nil
}

// undo removes what open made.
func (d *dataDir) undo() {
	for i := len(d.made) - 1; i >= 0; i-- {
		os.Remove(d.made[i]) // what is not empty any more stays
	}
	d.made = nil
	d.close()
}

func (d *dataDir) close() {
	if d.lock != nil {
		d.lock.Close() // releases the lock
		d.lock = nil
	}
}
