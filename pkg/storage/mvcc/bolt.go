package mvcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// fillPercent suits keys that arrive in order: a page is left nearly full and
// is not split in half for inserts that never come.
const fillPercent = 0.95

// pageSize is that of new files; one of etcd's keeps its own. A page takes at
// least two pairs, and with the usual 4 KB two objects of 2 KB fill half of two
// pages: four times that halves the file, and the number of writes.
const pageSize = 16 << 10

// incomingSuffix names the copy of Stage beside the database.
const incomingSuffix = ".incoming"

type boltBackend struct {
	db   *bolt.DB
	path string
	opts boltOptions
}

type boltOptions struct {
	mmapSize    int
	lockTimeout time.Duration
}

// options: the free list is written with every commit (NoFreelistSync off),
// which costs eight bytes per free page, because without it opening walks over
// every page of the file to find out what is free: 120 ms of CPU for 100,000
// objects of 2 KB, instead of 0.1 ms.
func (o boltOptions) options() *bolt.Options {
	return &bolt.Options{
		Timeout:         o.lockTimeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: o.mmapSize,
		PageSize:        pageSize,
	}
}

// openBolt opens or makes the database at path. What is there already is looked
// at through a read-only opening first, so that a refusal changes nothing.
func openBolt(path string, opts boltOptions) (*boltBackend, error) {
	fresh, err := isFresh(path)
	if err != nil {
		return nil, err
	}
	if !fresh {
		if err := inspect(path, opts.lockTimeout); err != nil {
			return nil, err
		}
	}
	db, err := bolt.Open(path, 0o600, opts.options())
	if err != nil {
		return nil, openError(path, err)
	}
	b := &boltBackend{db: db, path: path, opts: opts}
	err = errors.Join(b.init(fresh), removeLeftovers(path))
	if fresh {
		err = errors.Join(err, syncDir(filepath.Dir(path)))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

// removeLeftovers removes the copies that a crash left beside the database. The
// caller holds the database's lock, so nobody is writing them.
func removeLeftovers(path string) error {
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), snapshotPattern))
	if err != nil {
		return err
	}
	for _, name := range append(list, path+incomingSuffix) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an unfinished copy: %w", err)
		}
	}
	return nil
}

// isFresh says whether a database has to be made at path. bbolt would write
// over a file of no bytes, and so do we; a first opening may have been cut off
// there.
func isFresh(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s: %w: no regular file", path, ErrNotADatabase)
	}
	return info.Size() == 0, nil
}

// openError turns bbolt's errors into ours.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%s: %w", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w (%w)", path, ErrNotADatabase, err)
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("open database: %w", err)
	}
	return fmt.Errorf("%s: %w (%w)", path, ErrNotADatabase, err)
}

// inspect refuses what is not ours to open. It only reads.
func inspect(path string, lockTimeout time.Duration) error {
	b, err := openBoltReadOnly(path, lockTimeout)
	if err != nil {
		return err
	}
	return b.Close()
}

// openBoltReadOnly opens an existing database for reading and checks that it is
// one of ours or etcd's, and whole.
func openBoltReadOnly(path string, lockTimeout time.Duration) (_ *boltBackend, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: no regular file", path, ErrNotADatabase)
	}
	// bbolt maps the file before it knows how long it should be, and a read
	// beyond its end would be a bus error.
	if err := checkLength(path, info.Size()); err != nil {
		return nil, err
	}
	opts := boltOptions{lockTimeout: lockTimeout}
	o := opts.options()
	o.ReadOnly = true
	db, err := bolt.Open(path, 0o600, o)
	if err != nil {
		return nil, openError(path, err)
	}
	b := &boltBackend{db: db, path: path, opts: opts}
	if err := guard(func() error { return b.View(checkFormat) }); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return b, nil
}

// checkLength compares the length of a bbolt file with the page count of its
// newest meta page. It leaves all other faults to bbolt.
func checkLength(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer f.Close()
	const (
		pageHeader = 16
		metaLength = 64
		magic      = 0xED0CDAED
	)
	var need uint64
	var newest uint64
	pageSize := int64(os.Getpagesize())
	for _, at := range []int64{0, pageSize} {
		var m [metaLength]byte
		if _, err := f.ReadAt(m[:], at+pageHeader); err != nil {
			break
		}
		// magic, version, pageSize, flags uint32; root pgid, sequence, freelist,
		// high-water pgid, txid, checksum uint64; all in the machine's byte order.
		if binary.NativeEndian.Uint32(m[0:]) != magic {
			continue
		}
		if p := int64(binary.NativeEndian.Uint32(m[8:])); at == 0 && p >= 512 && p <= 1<<20 {
			pageSize = p
		}
		if txid := binary.NativeEndian.Uint64(m[48:]); txid >= newest {
			newest = txid
			need = binary.NativeEndian.Uint64(m[40:]) * uint64(pageSize)
		}
	}
	if need > uint64(size) {
		return fmt.Errorf("%s: %w: cut short at %d of %d bytes", path, ErrNotADatabase, size, need)
	}
	return nil
}

// checkFormat refuses databases of other programs and of newer releases.
func checkFormat(r Reader) error {
	br := r.(boltReader)
	if br.tx.Bucket(bucketKey) == nil || br.tx.Bucket(bucketMeta) == nil {
		// Making a database is one commit: no bucket, or all of them.
		if k, _ := br.tx.Cursor().First(); k != nil {
			return ErrNotADatabase
		}
		return nil
	}
	return checkOwnFormat(r)
}

func checkOwnFormat(r Reader) error {
	v, err := getUint64(r, bucketOwn, ownFormat)
	if err != nil {
		return err
	}
	if v > format {
		return fmt.Errorf("%w: its format is %d, this one knows up to %d", ErrNewerFormat, v, format)
	}
	return nil
}

// init makes the buckets.
func (b *boltBackend) init(fresh bool) error {
	missing := fresh
	err := b.db.View(func(tx *bolt.Tx) error {
		for _, name := range etcdBuckets {
			missing = missing || tx.Bucket(name) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return b.db.Update(func(tx *bolt.Tx) error {
		for _, name := range etcdBuckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *boltBackend) View(fn func(Reader) error) error {
	return b.db.View(func(tx *bolt.Tx) error { return fn(boltReader{tx}) })
}

func (b *boltBackend) Commit(batch *Batch) error {
	return b.db.Update(func(tx *bolt.Tx) error {
		var name []byte
		var bucket *bolt.Bucket
		for i := range batch.Ops {
			op := &batch.Ops[i]
			if bucket == nil || !bytes.Equal(name, op.Bucket) {
				var err error
				if bucket, err = tx.CreateBucketIfNotExists(op.Bucket); err != nil {
					return err
				}
				name = op.Bucket
			}
			if op.Append {
				bucket.FillPercent = fillPercent
			}
			var err error
			if op.Delete {
				err = bucket.Delete(op.Key)
			} else {
				err = bucket.Put(op.Key, op.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *boltBackend) Copy(w io.Writer, look func(Reader) error) (n int64, err error) {
	err = b.db.View(func(tx *bolt.Tx) error {
		if err := look(boltReader{tx}); err != nil {
			return err
		}
		n, err = tx.WriteTo(w)
		return err
	})
	return n, err
}

func (b *boltBackend) Size() (total, inUse int64) {
	err := b.db.View(func(tx *bolt.Tx) error {
		total = tx.Size()
		inUse = total - int64(b.db.Stats().FreePageN)*int64(b.db.Info().PageSize)
		return nil
	})
	if err != nil {
		return 0, 0
	}
	return total, inUse
}

func (b *boltBackend) Close() error { return b.db.Close() }

// boltReader implements Reader.
type boltReader struct{ tx *bolt.Tx }

func (r boltReader) Get(bucket, key []byte) []byte {
	b := r.tx.Bucket(bucket)
	if b == nil {
		return nil
	}
	return b.Get(key)
}

func (r boltReader) Scan(bucket, from, to []byte, fn func(k, v []byte) bool) {
	b := r.tx.Bucket(bucket)
	if b == nil {
		return
	}
	c := b.Cursor()
	var k, v []byte
	if from == nil {
		k, v = c.First()
	} else {
		k, v = c.Seek(from)
	}
	for ; k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
		if !fn(k, v) {
			return
		}
	}
}

// boltStaged is a copy at path+incomingSuffix, opened already: its lock, which
// is on the file and not on its name, then covers the rename too.
type boltStaged struct {
	*boltBackend
	target string
	done   bool
}

func (b *boltBackend) Stage(r io.Reader) (Staged, error) {
	path := b.path + incomingSuffix
	if err := writeFileSync(path, r); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	if err := inspect(path, b.opts.lockTimeout); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	db, err := bolt.Open(path, 0o600, b.opts.options())
	if err != nil {
		return nil, errors.Join(openError(path, err), os.Remove(path))
	}
	next := &boltBackend{db: db, path: path, opts: b.opts}
	if err := next.init(false); err != nil {
		return nil, errors.Join(err, db.Close(), os.Remove(path))
	}
	return &boltStaged{boltBackend: next, target: b.path}, nil
}

func (s *boltStaged) Install() (Backend, error) {
	if err := os.Rename(s.path, s.target); err != nil {
		return nil, fmt.Errorf("install database: %w", err)
	}
	s.done = true
	if err := syncDir(filepath.Dir(s.target)); err != nil {
		return nil, fmt.Errorf("install database: %w", err)
	}
	return &boltBackend{db: s.db, path: s.target, opts: s.opts}, nil
}

func (s *boltStaged) Discard() error {
	if s.done {
		return nil
	}
	s.done = true
	return errors.Join(s.db.Close(), os.Remove(s.path))
}

func writeFileSync(path string, r io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pageCheck runs bbolt's own check of its pages.
func (b *boltBackend) pageCheck() (errs []error) {
	err := b.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			errs = append(errs, fmt.Errorf("%w: %w", ErrCorrupt, err))
		}
		return nil
	})
	if err != nil {
		errs = append(errs, err)
	}
	return slices.Clip(errs)
}
