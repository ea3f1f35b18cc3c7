package watchcache

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Form names one encoding among those of the same thing. The caller gives the
// numbers their meaning: served group-version-kind, medium, schema generation.
type Form uint32

// Forms remembers encodings of one immutable thing so that each is made once,
// whoever asks. What it keeps counts against a budget; above it, what was not
// used lately is dropped and made again when next asked for. The zero value is
// ready for use and counts against nothing until the cache takes it over.
//
// The bytes handed out are shared and must not be changed; they stay valid
// after they have been dropped here.
type Forms struct {
	// head is a list of immutable nodes that readers walk without a lock.
	head   atomic.Pointer[formNode]
	budget atomic.Pointer[budget]
	used   atomic.Bool // since the budget's hand last passed

	// mu guards changes of head and retired. Lock order: budget.mu, then mu.
	mu      sync.Mutex
	retired bool // nothing is kept any more

	// Guarded by budget.mu: place in the budget's ring, and what is charged to it.
	linked     bool
	prev, next *Forms
	weight     int64
}

// formNode is one encoding, or one in the making when call is set.
type formNode struct {
	next *formNode
	call *formCall
	data []byte
	form Form
}

type formCall struct{ done chan struct{} }

var errMakePanicked = errors.New("making the form panicked")

// Overheads in bytes, added to the length of an encoding.
const (
	formNodeSize = 48
	formsSize    = 96
)

// Get returns the encoding named form, calling make when it is not there.
// Concurrent callers wait for one call of make. An error is not remembered: it
// is returned to the caller whose make failed, and the others try in turn.
func (f *Forms) Get(form Form, make func() ([]byte, error)) ([]byte, error) {
	for {
		n := f.find(form)
		if n == nil {
			var mine *formNode
			if n, mine = f.begin(form); mine != nil {
				return f.run(mine, make)
			}
		}
		if n.call == nil {
			f.touch()
			return n.data, nil
		}
		<-n.call.done
	}
}

// Lookup returns the encoding if it is there.
func (f *Forms) Lookup(form Form) ([]byte, bool) {
	n := f.find(form)
	if n == nil || n.call != nil {
		return nil, false
	}
	f.touch()
	return n.data, true
}

// Put remembers an encoding that exists already. The first one stays.
func (f *Forms) Put(form Form, data []byte) {
	if _, mine := f.begin(form); mine != nil {
		f.finish(mine, data, nil)
	}
}

func (f *Forms) touch() {
	if !f.used.Load() {
		f.used.Store(true)
	}
}

func (f *Forms) find(form Form) *formNode {
	for n := f.head.Load(); n != nil; n = n.next {
		if n.form == form {
			return n
		}
	}
	return nil
}

// begin returns the node that exists, or a new one in the making that is the
// caller's to finish.
func (f *Forms) begin(form Form) (found, mine *formNode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.find(form); n != nil {
		return n, nil
	}
	n := &formNode{form: form, call: &formCall{done: make(chan struct{})}, next: f.head.Load()}
	f.head.Store(n)
	return nil, n
}

func (f *Forms) run(mine *formNode, make func() ([]byte, error)) (data []byte, err error) {
	err = errMakePanicked
	defer func() { f.finish(mine, data, err) }()
	return make()
}

// finish replaces the node in the making by what became of it and lets the
// waiting callers go on.
func (f *Forms) finish(mine *formNode, data []byte, err error) {
	defer close(mine.call.done)
	b := f.lockWithBudget()
	keep := err == nil && !f.retired && (b == nil || int64(len(data)) <= b.limit/4)
	f.replaceLocked(mine, data, keep)
	f.mu.Unlock()
	if b != nil {
		if keep {
			b.chargeLocked(f, int64(cap(data))+formNodeSize)
		}
		b.mu.Unlock()
	}
}

// lockWithBudget locks the budget, if f has one, and f.
func (f *Forms) lockWithBudget() *budget {
	for {
		b := f.budget.Load()
		if b != nil {
			b.mu.Lock()
		}
		f.mu.Lock()
		if f.budget.Load() == b {
			return b
		}
		f.mu.Unlock()
		if b != nil {
			b.mu.Unlock()
		}
	}
}

// replaceLocked rebuilds the list without old, with its encoding in its place
// if keep is set.
func (f *Forms) replaceLocked(old *formNode, data []byte, keep bool) {
	var head *formNode
	if keep {
		head = &formNode{form: old.form, data: data}
	}
	for n := f.head.Load(); n != nil; n = n.next {
		if n.call != old.call || n.call == nil {
			head = &formNode{form: n.form, data: n.data, call: n.call, next: head}
		}
	}
	f.head.Store(head)
}

// attach makes a writer's memo count against b.
func (f *Forms) attach(b *budget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f.mu.Lock()
	if f.budget.Load() != nil {
		f.mu.Unlock()
		return
	}
	f.budget.Store(b)
	var weight int64
	for n := f.head.Load(); n != nil; n = n.next {
		if n.call == nil {
			weight += int64(cap(n.data)) + formNodeSize
		}
	}
	f.mu.Unlock()
	if weight > 0 {
		b.chargeLocked(f, weight)
	}
}

// drop forgets all encodings that are made; those in the making stay.
func (f *Forms) drop(retire bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retired = f.retired || retire
	var head *formNode
	for n := f.head.Load(); n != nil; n = n.next {
		if n.call != nil {
			head = &formNode{form: n.form, call: n.call, next: head}
		}
	}
	f.head.Store(head)
}

// retire forgets all encodings and keeps none from now on: their thing has been
// replaced and only stragglers will ask.
func (f *Forms) retire() {
	b := f.budget.Load()
	if b == nil {
		f.drop(true)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f.drop(true)
	b.unlinkLocked(f)
}

// budget bounds what all Forms that count against it keep, by second chance:
// they stand in a ring, a hand goes round, and what was not used since its last
// pass is dropped.
type budget struct {
	limit int64
	used  atomic.Int64 // written under mu

	mu      sync.Mutex
	oldest  *Forms // the hand: next to be looked at; oldest.prev is the youngest
	dropped int64  // Forms dropped for room, ever
}

func (b *budget) chargeLocked(f *Forms, delta int64) {
	if !f.linked {
		delta += formsSize
		b.linkLocked(f)
	}
	f.weight += delta
	b.used.Add(delta)
	for b.used.Load() > b.limit && b.oldest != nil {
		victim := b.oldest
		if victim.used.Swap(false) {
			b.oldest = victim.next
			continue
		}
		victim.drop(false)
		b.unlinkLocked(victim)
		b.dropped++
	}
}

// linkLocked puts f in front of the hand, where it is looked at last.
func (b *budget) linkLocked(f *Forms) {
	f.linked = true
	if b.oldest == nil {
		b.oldest, f.prev, f.next = f, f, f
		return
	}
	f.prev, f.next = b.oldest.prev, b.oldest
	f.prev.next, f.next.prev = f, f
}

func (b *budget) unlinkLocked(f *Forms) {
	if !f.linked {
		return
	}
	b.used.Add(-f.weight)
	f.linked, f.weight = false, 0
	if f.next == f {
		b.oldest = nil
	} else {
		f.prev.next, f.next.prev = f.next, f.prev
		if b.oldest == f {
			b.oldest = f.next
		}
	}
	f.prev, f.next = nil, nil
}
