package consensus

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

// testSeed is the seed of a random test: the environment's, or a new one. It is
// printed when the test fails.
func testSeed(t *testing.T) uint64 {
	s := rand.Uint64()
	if env := os.Getenv("BINNACLE_SEED"); env != "" {
		var err error
		if s, err = strconv.ParseUint(env, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("BINNACLE_SEED=%d repeats this run", s)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is a state machine that remembers all entries, and forgets in a crash
// those that it was not told to flush.
type machine struct {
	mu      sync.Mutex
	entries []Entry // every one, those without data too
	durable int     // entries that survive a crash
	base    Entry   // what was applied before entries, durable
	changed chan struct{}
	err     error // what Apply returns
}

func newMachine() *machine { return &machine{changed: make(chan struct{})} }

func (m *machine) Apply(entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, e := range entries {
		if last := m.last(); e.Index != last.Index+1 || e.Term < last.Term {
			panic("entries out of order")
		}
		m.entries = append(m.entries, e)
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return nil
}

// last is the last entry applied. The caller holds m.mu.
func (m *machine) last() Entry {
	if len(m.entries) == 0 {
		return m.base
	}
	return m.entries[len(m.entries)-1]
}

func (m *machine) AppliedIndex() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last().Index
}

func (m *machine) DurableIndex() (index, term uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.durable == 0 {
		return m.base.Index, m.base.Term
	}
	e := m.entries[m.durable-1]
	return e.Index, e.Term
}

func (m *machine) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable = len(m.entries)
}

// crash returns the machine as a new process finds it.
func (m *machine) crash() *machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := newMachine()
	next.base = m.base
	next.entries = append(next.entries, m.entries[:m.durable]...)
	next.durable = m.durable
	return next
}

// data returns what was proposed and applied, in order.
func (m *machine) data() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, e := range m.entries {
		if e.Data != nil {
			all = append(all, string(e.Data))
		}
	}
	return all
}

// wait waits until data has been applied, or done is closed.
func (m *machine) wait(data string, done <-chan struct{}) bool {
	seen := 0
	for {
		m.mu.Lock()
		for ; seen < len(m.entries); seen++ {
			if string(m.entries[seen].Data) == data {
				m.mu.Unlock()
				return true
			}
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
