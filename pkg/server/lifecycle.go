package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// lifecycle runs the parts of a server: they start in order and stop in the
// reverse order, each when those above it have ended.
type lifecycle struct {
	parts []*part
	once  sync.Once
	cause *part         // the first that failed; valid once fail is closed
	fail  chan struct{} // closed when a part ended by itself
	init  sync.Once
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done is closed
}

// failed is closed when a part has ended although nobody stopped it.
func (l *lifecycle) failed() <-chan struct{} {
	l.init.Do(func() { l.fail = make(chan struct{}) })
	return l.fail
}

// start runs a part until stop.
func (l *lifecycle) start(name string, run func(context.Context) error) {
	l.failed()
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{name: name, cancel: cancel, done: make(chan struct{})}
	l.parts = append(l.parts, p)
	go func() {
		defer close(p.done)
		p.err = run(ctx)
		if ctx.Err() == nil {
			if p.err == nil {
				p.err = errors.New("ended unexpectedly")
			}
			l.once.Do(func() { l.cause = p; close(l.fail) })
		} else if errors.Is(p.err, context.Canceled) {
			p.err = nil
		}
	}()
}

// stop ends all parts, the last started first, and returns what went wrong: the
// first failure alone if a part failed, since the others follow from it.
func (l *lifecycle) stop() error {
	var errs []error
	for i := len(l.parts) - 1; i >= 0; i-- {
		p := l.parts[i]
		p.cancel()
		<-p.done
		if p.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	select {
	case <-l.fail:
		return fmt.Errorf("%s: %w", l.cause.name, l.cause.err)
	default:
		return errors.Join(errs...)
	}
}
