package mvcc

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// handle is the backend of the moment. A swap waits for nobody: the former
// backend is closed by whoever leaves it last.
type handle struct {
	mu  sync.RWMutex
	cur *shared // nil once closed
}

// shared counts the users of a backend; the handle itself is one.
type shared struct {
	Backend
	users atomic.Int64
}

func newHandle(b Backend) *handle {
	h := &handle{cur: &shared{Backend: b}}
	h.cur.users.Store(1)
	return h
}

// acquire returns the backend of the moment, which the caller must release, or
// storage.ErrStopped.
func (h *handle) acquire() (*shared, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.cur == nil {
		return nil, storage.ErrStopped
	}
	h.cur.users.Add(1)
	return h.cur, nil
}

func (s *shared) release() error {
	if s.users.Add(-1) == 0 {
		return s.Close()
	}
	return nil
}

// swap puts b, or nothing, in the place of the backend, and returns the former
// one, which the caller must release.
func (h *handle) swap(b Backend) *shared {
	var next *shared
	if b != nil {
		next = &shared{Backend: b}
		next.users.Store(1)
	}
	h.mu.Lock()
	old := h.cur
	h.cur = next
	h.mu.Unlock()
	return old
}

// view reads the newest committed state.
func (h *handle) view(fn func(Reader) error) error {
	b, err := h.acquire()
	if err != nil {
		return err
	}
	err = b.View(fn)
	return errors.Join(err, b.release())
}
