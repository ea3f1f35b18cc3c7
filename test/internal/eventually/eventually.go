// Package eventually waits in tests for what comes about by itself: it asks
// again and again until the answer is right or the time is over.
package eventually

import (
	"testing"
	"time"
)

// Every is how often a condition is asked.
const Every = 20 * time.Millisecond

// True waits until ok returns nil and fails the test with its last error when
// that takes longer than limit. what says what is waited for.
func True(t testing.TB, limit time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
	}
}

// Closed waits until c is closed or sends.
func Closed[T any](t testing.TB, limit time.Duration, what string, c <-chan T) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-c:
	case <-deadline.C:
		t.Fatalf("%s: not within %v", what, limit)
	}
}
