package rest

import (
	"net/http"
	"sync"
	"time"
)

// stalledGrace is how long the last write of a request may take when its time
// is up.
const stalledGrace = 2 * time.Second

// ioEnd ends, from another goroutine, reads and writes that a slow client holds
// up. The connection of a request must not be touched after its handler has
// returned: lift waits for whoever does, and lets nobody do so afterwards. Not
// all connections have deadlines; those of tests may go without.
type ioEnd struct {
	mu   sync.Mutex
	conn *http.ResponseController // nil once lifted
}

// overdue ends a read of the body at once, so that the handler can still answer,
// and a write in a moment.
func (e *ioEnd) overdue() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn != nil {
		_ = e.conn.SetReadDeadline(time.Now())
		_ = e.conn.SetWriteDeadline(time.Now().Add(stalledGrace))
	}
}

// write ends a write after a while.
func (e *ioEnd) write(after time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn != nil {
		_ = e.conn.SetWriteDeadline(time.Now().Add(after))
	}
}

func (e *ioEnd) lift() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn = nil
}
