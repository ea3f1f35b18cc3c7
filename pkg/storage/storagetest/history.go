package storagetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Watch is what one reader of events recorded: the range it asked for, the
// revision it asked to go on after, and every batch in the order received.
type Watch struct {
	Key, RangeEnd string
	After         int64
	Batches       []storage.Batch
}

// Revision is the revision through which the watch says it is complete, and
// from which another one can resume.
func (w Watch) Revision() int64 {
	if len(w.Batches) == 0 {
		return w.After
	}
	return w.Batches[len(w.Batches)-1].Revision
}

// Events returns the events of all batches in the order received.
func (w Watch) Events() []storage.Event {
	var events []storage.Event
	for _, b := range w.Batches {
		events = append(events, b.Events...)
	}
	return events
}

// Guarantee is one promise that every watch keeps.
type Guarantee struct {
	Name    string
	Promise string
	// Holds checks w against truth, all events of the store in revision order.
	Holds func(truth []storage.Event, w *Watch) error
}

// Guarantees returns the promises of watch, each with its validator.
func Guarantees() []Guarantee {
	return []Guarantee{
		{"Ordered", "events come in revision order", ordered},
		{"Unique", "no event comes twice", unique},
		{"Atomic", "the events of one revision come in one batch", atomic},
		{"Reliable", "no event between the first and the last is left out or made up, and each is told as it was", reliable},
		{"Resumable", "a watch goes on with the first event after the revision it asked for, and none before", resumable},
		{"Bookmarkable", "a batch's revision covers its events, never goes back, and no event at or below it is still to come", bookmarkable},
	}
}

// CheckWatch checks every guarantee of w against truth, the events of the whole
// store in revision order (more than the range of w does no harm). Previous
// values are compared where truth knows them.
func CheckWatch(truth []storage.Event, w Watch) error {
	var errs []error
	for _, g := range Guarantees() {
		if err := g.Holds(truth, &w); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.Name, err))
		}
	}
	return errors.Join(errs...)
}

func ordered(_ []storage.Event, w *Watch) error {
	last := int64(0)
	for _, e := range w.Events() {
		if e.KV.ModRevision < last {
			return fmt.Errorf("revision %d comes after %d", e.KV.ModRevision, last)
		}
		last = e.KV.ModRevision
	}
	return nil
}

func unique(_ []storage.Event, w *Watch) error {
	type id struct {
		key      string
		revision int64
	}
	seen := make(map[id]bool)
	for _, e := range w.Events() {
		this := id{e.KV.Key, e.KV.ModRevision}
		if seen[this] {
			return fmt.Errorf("%s came twice", formatEvent(e))
		}
		seen[this] = true
	}
	return nil
}

func atomic(_ []storage.Event, w *Watch) error {
	batchOf := make(map[int64]int)
	for i, b := range w.Batches {
		for _, e := range b.Events {
			if first, ok := batchOf[e.KV.ModRevision]; ok && first != i {
				return fmt.Errorf("revision %d is split over batches %d and %d", e.KV.ModRevision, first, i)
			}
			batchOf[e.KV.ModRevision] = i
		}
	}
	return nil
}

// expected returns the events of truth that w is about, from just above after
// through revision.
func expected(truth []storage.Event, w *Watch, after, through int64) []storage.Event {
	var events []storage.Event
	for _, e := range truth {
		if e.KV.ModRevision > after && e.KV.ModRevision <= through && storage.InRange(e.KV.Key, w.Key, w.RangeEnd) {
			events = append(events, e)
		}
	}
	return events
}

func reliable(truth []storage.Event, w *Watch) error {
	got := w.Events()
	if len(got) == 0 {
		return nil
	}
	want := expected(truth, w, got[0].KV.ModRevision-1, got[len(got)-1].KV.ModRevision)
	for i := range min(len(got), len(want)) {
		if err := sameEvent(got[i], want[i]); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("got %d events of revisions %d to %d, want %d", len(got),
			got[0].KV.ModRevision, got[len(got)-1].KV.ModRevision, len(want))
	}
	return nil
}

func resumable(truth []storage.Event, w *Watch) error {
	want := expected(truth, w, w.After, w.Revision())
	got := w.Events()
	switch {
	case len(got) == 0 && len(want) == 0:
		return nil
	case len(got) == 0:
		return fmt.Errorf("asked to go on after %d and got nothing through %d, want %s first", w.After, w.Revision(), formatEvent(want[0]))
	case got[0].KV.ModRevision <= w.After:
		return fmt.Errorf("asked to go on after %d and got %s", w.After, formatEvent(got[0]))
	case len(want) == 0:
		return fmt.Errorf("asked to go on after %d and got %s, want nothing", w.After, formatEvent(got[0]))
	}
	if err := sameEvent(got[0], want[0]); err != nil {
		return fmt.Errorf("asked to go on after %d: %w", w.After, err)
	}
	return nil
}

func bookmarkable(truth []storage.Event, w *Watch) error {
	complete := w.After
	delivered := 0
	for i, b := range w.Batches {
		if b.Revision < complete {
			return fmt.Errorf("batch %d is complete through %d only, the one before through %d", i, b.Revision, complete)
		}
		for _, e := range b.Events {
			if e.KV.ModRevision <= complete {
				return fmt.Errorf("%s came after revision %d was complete", formatEvent(e), complete)
			}
			if e.KV.ModRevision > b.Revision {
				return fmt.Errorf("batch %d is complete through %d and has %s", i, b.Revision, formatEvent(e))
			}
		}
		delivered += len(b.Events)
		if want := len(expected(truth, w, w.After, b.Revision)); delivered != want {
			return fmt.Errorf("batch %d is complete through %d with %d events, want %d", i, b.Revision, delivered, want)
		}
		complete = b.Revision
	}
	return nil
}

// sameEvent compares a delivered event with the true one. The previous value
// may be missing from the truth only.
func sameEvent(got, want storage.Event) error {
	if got.Type != want.Type || !equalKV(got.KV, want.KV) {
		return fmt.Errorf("got %s, want %s", formatEvent(got), formatEvent(want))
	}
	if want.Prev != nil && !equalKV(got.Prev, want.Prev) {
		return fmt.Errorf("%s: got previous value %s, want %s", formatEvent(got), formatKV(got.Prev), formatKV(want.Prev))
	}
	if got.Prev != nil && want.Prev == nil && got.KV.Version == 1 {
		return fmt.Errorf("%s made the key, got previous value %s", formatEvent(got), formatKV(got.Prev))
	}
	return nil
}

// CheckRevisions checks that the events of a whole store use every revision
// from first on without a gap.
func CheckRevisions(first int64, events []storage.Event) error {
	next := first
	for i, e := range events {
		switch revision := e.KV.ModRevision; {
		case revision == next:
			next++
		case i > 0 && revision == next-1: // several keys on one revision
		default:
			return fmt.Errorf("revision %d is followed by %d", next-1, revision)
		}
	}
	return nil
}

func formatEvent(e storage.Event) string {
	if e.Type == storage.EventDelete {
		return fmt.Sprintf("delete of %q at revision %d", e.KV.Key, e.KV.ModRevision)
	}
	return "put of " + formatKV(e.KV)
}

func formatEvents(events []storage.Event) string {
	var b bytes.Buffer
	for _, e := range events {
		fmt.Fprintf(&b, "\n\t%s", formatEvent(e))
	}
	if b.Len() == 0 {
		return " none"
	}
	return b.String()
}
