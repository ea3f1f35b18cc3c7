package server

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// journal is what parts did, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, s)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " ")
}

func TestLifecycleStopsInReverse(t *testing.T) {
	var j journal
	var l lifecycle
	for _, name := range []string{"a", "b", "c"} {
		l.start(name, func(ctx context.Context) error {
			<-ctx.Done()
			j.add(name)
			return ctx.Err()
		})
	}
	if err := l.stop(); err != nil || j.String() != "c b a" {
		t.Errorf("%v, %s", err, &j)
	}
}

// TestLifecycleWaits: a part is stopped only when those above it have ended.
func TestLifecycleWaits(t *testing.T) {
	var j journal
	var l lifecycle
	hold, held := make(chan struct{}), make(chan struct{})
	l.start("below", func(ctx context.Context) error { <-ctx.Done(); j.add("below"); return nil })
	l.start("above", func(ctx context.Context) error { <-ctx.Done(); close(held); <-hold; j.add("above"); return nil })
	done := make(chan error)
	go func() { done <- l.stop() }()
	<-held
	if got := j.String(); got != "" {
		t.Errorf("%s ended before what stands above it", got)
	}
	close(hold)
	if err := <-done; err != nil || j.String() != "above below" {
		t.Errorf("%v, %s", err, &j)
	}
}

func TestLifecycleFailure(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		err  error
		says string
	}{"with an error": {broken, "b: broken"}, "without": {nil, "b: ended unexpectedly"}} {
		t.Run(name, func(t *testing.T) {
			var l lifecycle
			l.start("a", func(ctx context.Context) error { <-ctx.Done(); return errors.New("because of b") })
			l.start("b", func(context.Context) error { return c.err })
			<-l.failed()
			if err := l.stop(); err == nil || err.Error() != c.says {
				t.Errorf("%v, want %s", err, c.says)
			}
		})
	}
}

func TestLifecycleFaultsAtStop(t *testing.T) {
	var l lifecycle
	x, y := errors.New("x"), errors.New("y")
	l.start("a", func(ctx context.Context) error { <-ctx.Done(); return x })
	l.start("b", func(ctx context.Context) error { <-ctx.Done(); return y })
	if err := l.stop(); !errors.Is(err, x) || !errors.Is(err, y) {
		t.Error(err)
	}
}
