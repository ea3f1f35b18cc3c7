package watchcache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// A load that compaction overtakes between its read and the events after it
// begins again: to its readers ErrCompacted would mean that what they asked for
// is too old, and they asked for the newest.
func TestLoadSurvivesCompaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.put(podKey(1), value{})
		set, stop := runSet(t, Config{Store: store})
		synctest.Wait()
		overtake := loadTries - 1
		store.afterRead = func(op string) {
			if op != "range" || overtake == 0 {
				return
			}
			overtake--
			rev := store.put(podKey(2+overtake), value{})
			if err := set.Wait(background, rev); err != nil {
				t.Error(err)
			}
			store.compact(rev)
		}
		if n := mustSnapshot(t, set.Cache(podsView())).Len(""); n != loadTries {
			t.Errorf("%d objects, want %d", n, loadTries)
		}
		if n := store.called("range"); n != loadTries {
			t.Errorf("%d ranges read, want %d", n, loadTries)
		}
		stop()
	})
}

func TestNothingIsReadBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.put(podKey(1), value{})
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(podsView())
		synctest.Wait()
		store.put(podKey(2), value{})
		synctest.Wait()
		if n := store.called("range"); n != 0 {
			t.Fatalf("%d ranges read", n)
		}
		if n := mustSnapshot(t, c).Len(""); n != 2 {
			t.Fatalf("%d objects", n)
		}
		stop()
	})
}

func TestLoadIsSharedAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.put(podKey(1), value{})
		gate, broken := make(chan struct{}), errors.New("disk on fire")
		store.afterRead = func(op string) {
			if op == "range" {
				<-gate
			}
		}
		store.failing(func(op, key string) error {
			if op == "range" {
				return broken
			}
			return nil
		})
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(podsView())
		users := func(want error) {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := c.Snapshot(background); !errors.Is(err, want) {
						t.Errorf("got %v, want %v", err, want)
					}
				})
			}
			impatient, cancel := context.WithCancel(background)
			wg.Go(func() {
				if _, err := c.Snapshot(impatient); !errors.Is(err, context.Canceled) {
					t.Errorf("the impatient one got %v", err)
				}
			})
			synctest.Wait()
			cancel()
			synctest.Wait()
			gate <- struct{}{}
			wg.Wait()
		}
		users(broken)
		store.failing(nil)
		users(nil)
		if n := store.called("range"); n != 2 {
			t.Errorf("%d ranges read, want 2", n)
		}
		if st := c.Stats(); st.LoadsTotal != 1 || st.LoadErrorsTotal != 1 || !st.Loaded || st.Objects != 1 {
			t.Errorf("%+v", st)
		}
		stop()
	})
}

// A cache may be used before Run; it waits.
func TestUseBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		rev := store.put(podKey(1), value{})
		set := New(Config{Store: store, Logger: quiet()})
		c := set.Cache(podsView())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := set.Wait(background, rev); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if s, err := c.Snapshot(background); err != nil || s.Len("") != 1 {
				t.Errorf("%v, %v", s, err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(background)
		done := make(chan error)
		go func() { done <- set.Run(ctx) }()
		wg.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestDispatcherBehindCompaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.put(podKey(1), value{})
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(podsView())
		after := mustSnapshot(t, c).Revision
		lost := mustWatch(t, c, WatchOptions{After: after})
		waits := make(chan error, 1)
		go func() {
			_, err := lost.Next(background)
			waits <- err
		}()
		synctest.Wait()
		hiccup := errors.New("hiccup")
		store.failing(func(op, key string) error {
			if op == "events" {
				return hiccup
			}
			return nil
		})
		store.put(podKey(2), value{}) // the dispatcher takes this and then meets the hiccup
		synctest.Wait()
		for i := range 10 {
			store.put(podKey(3+i), value{})
		}
		rev, _ := store.Revision()
		store.compact(rev)
		store.failing(nil)
		time.Sleep(time.Minute)
		if set.Revision() != rev {
			t.Fatalf("set at %d, store at %d", set.Revision(), rev)
		}
		if n := mustSnapshot(t, c).Len(""); n != 12 {
			t.Fatalf("%d objects after loading again", n)
		}
		if err := <-waits; err != nil && !errors.Is(err, storage.ErrCompacted) {
			t.Fatal(err)
		}
		if _, err := lost.Next(background); !errors.Is(err, storage.ErrCompacted) {
			t.Fatalf("a watcher that missed events got %v", err)
		}
		stop()
	})
}

func TestAddedAndRemovedCaches(t *testing.T) {
	set := New(Config{Store: newFakeStore()})
	c := set.Cache(podsView())
	if set.Cache(podsView()) != c {
		t.Error("a second cache for one prefix")
	}
	if _, err := set.Cache(nodesView()).Watch(WatchOptions{WatchFieldValue: new(string)}); err == nil {
		t.Error("watch by a field that has no chains")
	}
	set.Remove(c)
	if _, err := c.Watch(WatchOptions{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("watch of a removed cache: %v", err)
	}
	if set.Cache(podsView()) == c {
		t.Error("the removed cache came back")
	}
	set.Remove(c) // no effect on its successor
	if len(set.Stats().Caches) != 2 {
		t.Error("removed twice")
	}
}
