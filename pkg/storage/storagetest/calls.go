package storagetest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var callValidators = []Validator{
	{"ContextEnded", "a call whose context has ended returns its error and writes nothing", checkContextEnded},
	{"ContextEvents", "a waiting reader returns when its context ends", checkContextEvents},
	{"Contention", "of writers that compare the revision they read, one wins each round and no update is lost", checkContention},
	{"TooLarge", "an entry beyond the limit is ErrTooLarge and writes nothing", checkTooLarge},
	{"Stopped", "after the end every method is ErrStopped, and who waits is woken", checkStopped},
}

func checkContextEnded(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("k", "v")
	before := e.current()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for name, call := range calls(e.Store) {
		if name == "Range" {
			continue // waits for nothing that a context could end
		}
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			e.Errorf("%s with a context that has ended: got error %v, want %v", name, err, context.Canceled)
		}
	}
	e.wantUnchanged(before, "calls whose context had ended")
	if got := e.put("k", "v"); got != before+1 {
		e.Errorf("the write after calls whose context had ended took revision %d, want %d", got, before+1)
	}
}

// calls returns one call of every method that takes a context, each of which
// would write, or wait.
func calls(s storage.Store) map[string]func(context.Context) error {
	txn := &storage.Txn{Success: []storage.Op{put("k", "w")}}
	return map[string]func(context.Context) error{
		"Txn":          func(ctx context.Context) error { _, err := s.Txn(ctx, txn); return err },
		"Batch":        func(ctx context.Context) error { _, err := s.Batch(ctx, []*storage.Txn{txn}); return err },
		"ReadRevision": func(ctx context.Context) error { _, err := s.ReadRevision(ctx); return err },
		"Range": func(ctx context.Context) error {
			_, err := s.Range(ctx, storage.RangeRequest{Key: "k"})
			return err
		},
		"Events": func(ctx context.Context) error {
			_, err := s.Events(ctx, storage.EventsRequest{Key: "k", After: 1 << 40})
			return err
		},
		"Compact":     func(ctx context.Context) error { current, _ := s.Revision(); return s.Compact(ctx, current) },
		"GrantLease":  func(ctx context.Context) error { _, err := s.GrantLease(ctx, 77, time.Minute); return err },
		"RevokeLease": func(ctx context.Context) error { return s.RevokeLease(ctx, 77) },
		"SharedLease": func(ctx context.Context) error { _, err := s.SharedLease(ctx, time.Minute); return err },
	}
}

func checkContextEvents(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for range 20 {
		ctx, cancel := context.WithCancel(e.ctx)
		ended := make(chan error, 1)
		go func() {
			_, err := e.Events(ctx, storage.EventsRequest{Key: "k", After: e.current()})
			ended <- err
		}()
		cancel()
		e.wantErr(<-ended, context.Canceled, "Events whose context ends")
	}
}

func checkContention(t testing.TB, h Harness) {
	e := newEnv(t, h)
	const writers, rounds = 8, 15
	e.put("counter", "")
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := 0; n < rounds; {
				r, err := e.Range(e.ctx, storage.RangeRequest{Key: "counter"})
				if err != nil {
					e.Errorf("Range: %v", err)
					return
				}
				kv := r.KVs[0]
				runtime.Gosched() // lets another one write in between
				got, err := e.Txn(e.ctx, &storage.Txn{
					Compares: []storage.Compare{compare("counter", storage.CompareMod, storage.Equal, kv.ModRevision)},
					Success:  []storage.Op{put("counter", string(kv.Value)+"x")},
					Failure:  []storage.Op{get("counter")},
				})
				if err != nil {
					e.Errorf("Txn: %v", err)
					return
				}
				if got.Succeeded {
					n++
				} else if latest := got.Results[0].KVs[0]; latest.ModRevision == kv.ModRevision {
					e.Errorf("a compare with revision %d failed and the key is at it", kv.ModRevision)
				}
			}
		})
	}
	wg.Wait()
	if kv := e.get("counter"); len(kv.Value) != writers*rounds || kv.Version != writers*rounds+1 {
		e.Errorf("%d updates left %d marks and version %d", writers*rounds, len(kv.Value), kv.Version)
	}
}

func checkTooLarge(t testing.TB, h Harness) {
	if h.MaxBytes == 0 {
		t.Skip("this store has no limit")
	}
	e := newEnv(t, h)
	before := e.current()
	big := &storage.Txn{Success: []storage.Op{put("k", strings.Repeat("x", h.MaxBytes+1))}}
	_, err := e.Txn(e.ctx, big)
	e.wantErr(err, storage.ErrTooLarge, "a put of %d bytes", h.MaxBytes+1)
	half := &storage.Txn{Success: []storage.Op{put("k", strings.Repeat("x", h.MaxBytes/2+1))}}
	_, err = e.Batch(e.ctx, []*storage.Txn{half, half})
	e.wantErr(err, storage.ErrTooLarge, "a batch of twice %d bytes", h.MaxBytes/2+1)
	e.wantUnchanged(before, "a request that is too large")
	e.txn(half)
	if kv := e.get("k"); len(kv.Value) != h.MaxBytes/2+1 {
		e.Errorf("a value of %d bytes came back with %d", h.MaxBytes/2+1, len(kv.Value))
	}
}

func checkStopped(t testing.TB, h Harness) {
	if h.Stop == nil {
		t.Skip("this store cannot be stopped")
	}
	e := newEnv(t, h)
	e.put("k", "v")
	waiting := make(chan error, 1)
	go func() {
		_, err := e.Events(e.ctx, storage.EventsRequest{Key: "k", After: e.current()})
		waiting <- err
	}()
	h.Stop()
	e.wantErr(<-waiting, storage.ErrStopped, "Events that waits at the end")
	for name, call := range calls(e.Store) {
		if err := call(e.ctx); !errors.Is(err, storage.ErrStopped) {
			e.Errorf("%s after the end: got error %v, want %v", name, err, storage.ErrStopped)
		}
	}
}
