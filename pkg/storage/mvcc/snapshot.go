package mvcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Snapshot is a consistent copy of the database as of a place in the log. It
// lies on local disk, so that a slow reader holds up nobody. Close removes it.
type Snapshot struct {
	io.ReadCloser
	Index, Term uint64
	Size        int64
}

// snapshotPattern names the copies beside the database; a crash leaves them.
const snapshotPattern = "snapshot-*.tmp"

// Snapshot commits what is applied and copies the database.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	if s.closed.Load() {
		return nil, storage.ErrStopped
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	snap := &Snapshot{}
	look := func(r Reader) (err error) {
		if snap.Index, err = getUint64(r, bucketMeta, metaConsistentIndex); err != nil {
			return err
		}
		snap.Term, err = getUint64(r, bucketMeta, metaTerm)
		return err
	}
	file, err := s.snapshotFile()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	backend, err := s.handle.acquire()
	if err == nil {
		snap.Size, err = backend.Copy(ctxWriter{ctx, file}, look)
		err = errors.Join(err, backend.release())
	}
	if err == nil {
		err = file.rewind()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot: %w", err), file.Close())
	}
	snap.ReadCloser = file
	return snap, nil
}

// scratch is where a snapshot is put before it is read.
type scratch interface {
	io.ReadWriteCloser
	rewind() error
}

func (s *Store) snapshotFile() (scratch, error) {
	if s.cfg.Path == "" {
		return &scratchBuffer{}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(s.cfg.Path), snapshotPattern)
	if err != nil {
		return nil, err
	}
	return scratchFile{f}, nil
}

type scratchFile struct{ *os.File }

func (f scratchFile) rewind() error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (f scratchFile) Close() error {
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

type scratchBuffer struct{ bytes.Buffer }

func (*scratchBuffer) rewind() error { return nil }
func (*scratchBuffer) Close() error  { return nil }

// ctxWriter ends a copy when ctx does.
type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// Restore puts the database that r is a copy of in the place of this one:
// written beside it and synced, checked, and renamed. Reads go on meanwhile. It
// returns ErrNotADatabase, ErrNewerFormat or ErrCorrupt for a bad copy, and
// then nothing has changed. Afterwards AppliedIndex and DurableIndex are the
// copy's; changes that were applied here and not there are gone.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	s.applyMu.Lock()
	defer s.applyMu.Unlock()
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if err := s.err(); err != nil {
		return err
	}
	backend, err := s.handle.acquire()
	if err != nil {
		return err
	}
	staged, err := backend.Stage(ctxReader{ctx, r})
	if err = errors.Join(err, backend.release()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	var st state
	err = guard(func() error {
		return staged.View(func(r Reader) error {
			st, err = load(r)
			if err == nil && st.base == 0 {
				err = fmt.Errorf("%w: no copy of this cluster's", ErrNotADatabase)
			}
			return err
		})
	})
	if err != nil {
		return errors.Join(fmt.Errorf("restore: %w", err), staged.Discard())
	}
	next, err := staged.Install()
	if err != nil {
		// Which of the two a restart would find is unknown.
		return s.fail(fmt.Errorf("restore: %w", err))
	}
	s.mu.Lock()
	old := s.handle.swap(next)
	s.adoptState(st)
	s.mu.Unlock()
	s.changed.broadcast()
	return old.release()
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
