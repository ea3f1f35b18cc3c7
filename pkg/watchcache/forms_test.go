package watchcache

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func bytesOf(n int) func() ([]byte, error) {
	return func() ([]byte, error) { return make([]byte, n), nil }
}

func TestFormsMakeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Forms
		gate := make(chan struct{})
		var made atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				form := Form(i % 2)
				data, err := f.Get(form, func() ([]byte, error) {
					made.Add(1)
					<-gate
					return fmt.Appendf(nil, "form %d", form), nil
				})
				if err != nil || string(data) != fmt.Sprintf("form %d", form) {
					t.Errorf("form %d: %q, %v", form, data, err)
				}
			})
		}
		synctest.Wait()
		if n := made.Load(); n != 2 {
			t.Errorf("%d forms in the making, want 2", n)
		}
		close(gate)
		wg.Wait()
		if n := made.Load(); n != 2 {
			t.Errorf("made %d times, want 2", n)
		}
	})
}

func TestFormsErrorIsTheMakersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Forms
		gate, failure := make(chan struct{}), errors.New("no encoder")
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := f.Get(1, func() ([]byte, error) { <-gate; return nil, failure }); err != failure {
				t.Errorf("maker got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if data, err := f.Get(1, bytesOf(3)); err != nil || len(data) != 3 {
				t.Errorf("the one who waited got %q, %v", data, err)
			}
		})
		synctest.Wait()
		close(gate)
		wg.Wait()
	})
}

func TestFormsPanicLetsOthersGo(t *testing.T) {
	var f Forms
	func() {
		defer func() { recover() }()
		f.Get(1, func() ([]byte, error) { panic("encoder") })
	}()
	if data, err := f.Get(1, bytesOf(3)); err != nil || len(data) != 3 {
		t.Fatalf("%q, %v", data, err)
	}
}

// A form may be made from another one of the same memo.
func TestFormsNested(t *testing.T) {
	var f Forms
	data, err := f.Get(1, func() ([]byte, error) {
		inner, err := f.Get(2, bytesOf(5))
		return append(inner, 'x'), err
	})
	if err != nil || len(data) != 6 {
		t.Fatalf("%q, %v", data, err)
	}
	for form, want := range map[Form]int{1: 6, 2: 5} {
		if data, ok := f.Lookup(form); !ok || len(data) != want {
			t.Fatalf("form %d: %q, %v", form, data, ok)
		}
	}
}

// check compares what the budget says with what its ring holds.
func (b *budget) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	for f := b.oldest; f != nil; {
		var kept int64 = formsSize
		for n := f.head.Load(); n != nil; n = n.next {
			if n.call == nil {
				kept += int64(cap(n.data)) + formNodeSize
			}
		}
		if kept != f.weight || !f.linked || f.next.prev != f {
			t.Fatalf("forms of weight %d keep %d", f.weight, kept)
		}
		sum += kept
		if f = f.next; f == b.oldest {
			break
		}
	}
	if sum != b.used.Load() {
		t.Fatalf("budget says %d, holds %d", b.used.Load(), sum)
	}
	if sum > b.limit {
		t.Fatalf("budget of %d holds %d", b.limit, sum)
	}
}

func TestFormsBudgetRandom(t *testing.T) {
	r := newRand(t)
	b := &budget{limit: 20000}
	all := make([]*Forms, 50)
	fresh := func() *Forms {
		f := &Forms{}
		if r.IntN(2) == 0 {
			f.Put(9, make([]byte, r.IntN(100)))
			f.attach(b)
		} else {
			f.budget.Store(b)
		}
		return f
	}
	for i := range all {
		all[i] = fresh()
	}
	for range 20000 {
		i := r.IntN(len(all))
		if r.IntN(20) == 0 {
			all[i].retire()
			if all[i].head.Load() != nil {
				t.Fatal("retired forms keep something")
			}
			all[i].Get(1, bytesOf(10))
			if all[i].head.Load() != nil {
				t.Fatal("retired forms keep something again")
			}
			all[i] = fresh()
			continue
		}
		size := r.IntN(2000)
		if r.IntN(100) == 0 {
			size = 6000 // more than one form may weigh
		}
		if _, err := all[i].Get(Form(r.IntN(4)), bytesOf(size)); err != nil {
			t.Fatal(err)
		}
		b.check(t)
	}
	if b.dropped == 0 {
		t.Fatal("nothing was ever dropped")
	}
}

func TestFormsUsedStayLonger(t *testing.T) {
	b := &budget{limit: 100 * (1000 + formNodeSize + formsSize)}
	hot := &Forms{}
	hot.budget.Store(b)
	hot.Get(1, bytesOf(1000))
	for range 1000 {
		cold := &Forms{}
		cold.budget.Store(b)
		cold.Get(1, bytesOf(1000))
		if _, ok := hot.Lookup(1); !ok {
			t.Fatal("a form in use was dropped before others that are not")
		}
	}
}

func TestFormsConcurrent(t *testing.T) {
	b := &budget{limit: 5000}
	all := make([]*Forms, 10)
	for i := range all {
		all[i] = &Forms{}
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				f := all[(i*7+g)%len(all)]
				switch i % 50 {
				case 0:
					f.attach(b)
				case 1:
					if g == 0 && i > 1000 {
						f.retire()
					}
				}
				form := Form(i % 5)
				data, err := f.Get(form, func() ([]byte, error) { return fmt.Appendf(nil, "%d%0*d", form, 100, 0), nil })
				if err != nil || data[0] != byte('0'+form) {
					t.Errorf("form %d: %q, %v", form, data, err)
				}
			}
		})
	}
	wg.Wait()
	b.check(t)
}
