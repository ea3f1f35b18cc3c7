package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// CallKind says what a Call asked for.
type CallKind uint8

const (
	CallBatch  CallKind = iota // Txns (a Txn is a batch of one)
	CallRevoke                 // Lease, by RevokeLease or by its expiry
)

// Call is what one client recorded of a call that writes. Its zero answer, no
// Results and no Err, is that of a call that was cut off: it may have taken
// effect or not.
type Call struct {
	Kind    CallKind
	Txns    []*storage.Txn
	Lease   int64
	Results []*storage.TxnResult
	Err     error
	Done    bool // a CallRevoke that was acknowledged
}

func (c *Call) String() string {
	if c.Kind == CallRevoke {
		return fmt.Sprintf("revoke of lease %d", c.Lease)
	}
	texts := make([]string, len(c.Txns))
	for i, t := range c.Txns {
		texts[i] = formatTxn(t)
	}
	return "batch [" + strings.Join(texts, "] [") + "]"
}

// acknowledged says that the call's answer is known, so that it must be found.
func (c *Call) acknowledged() bool { return c.Kind == CallBatch && len(c.Results) > 0 }

// refused says that the call was answered with having done nothing.
func (c *Call) refused() bool {
	return len(c.Results) == 0 && c.Err != nil && !errors.Is(c.Err, storage.ErrUnknownOutcome)
}

// Replay explains events, all events of a store from revision start+1 on, as
// the effects of calls made one after the other on the model: every
// acknowledged call took effect where it says and answered as the model does,
// calls of unknown outcome took effect once or never, and nobody else wrote.
// The values that calls put must be unique, each lease used by one client that
// stops using it when it asks for its end.
func Replay(start int64, calls []*Call, events []storage.Event) (*Replayed, error) {
	r := &replay{
		m: NewModel(start), byRevision: make(map[int64][]*Call),
		events: groupByRevision(events), last: start,
	}
	if len(events) > 0 {
		r.last = events[len(events)-1].KV.ModRevision
	}
	for _, c := range calls {
		r.add(c)
	}
	for {
		if err := r.readers(); err != nil {
			return nil, err
		}
		if r.m.current >= r.last {
			break
		}
		if err := r.next(); err != nil && !r.reconsider() {
			return nil, err
		}
	}
	if err := r.leftovers(calls); err != nil {
		return nil, err
	}
	return &Replayed{Model: r.m, Absent: r.unknown}, nil
}

// Replayed is what Replay found out.
type Replayed struct {
	// Model is as the store was at the end.
	Model *Model
	// Absent are the calls of unknown outcome of which there is no effect. Of a
	// store that has restarted since, they must not show up later any more.
	Absent []*Call
}

type replay struct {
	m          *Model
	byRevision map[int64][]*Call         // acknowledged, by the revision of the first result
	unknown    []*Call                   // of unknown outcome or revision, not found yet
	events     map[int64][]storage.Event // by revision
	last       int64
	choices    []choice
	mistakes   int // choices reconsidered
}

// choice is a revision that several calls of unknown outcome could have
// written, deletes all of them, and what was not found yet before it.
type choice struct {
	at         modelMark
	byRevision map[int64][]*Call
	unknown    []*Call
	others     []*Call // not chosen so far
}

// maxMistakes bounds the search for the right choices.
const maxMistakes = 100

func groupByRevision(events []storage.Event) map[int64][]storage.Event {
	groups := make(map[int64][]storage.Event)
	for _, e := range events {
		groups[e.KV.ModRevision] = append(groups[e.KV.ModRevision], e)
	}
	return groups
}

func (r *replay) add(c *Call) {
	switch {
	case c.refused():
		return
	case c.acknowledged():
		if first := c.Results[0]; first != nil {
			r.byRevision[first.Revision] = append(r.byRevision[first.Revision], c)
		}
	default:
		r.unknown = append(r.unknown, c)
	}
	r.lend(c.Txns)
}

// lend makes the leases that ts use: whether they exist was the store's to say.
func (r *replay) lend(ts []*storage.Txn) {
	for _, t := range ts {
		for _, ops := range [][]storage.Op{t.Success, t.Failure} {
			for _, op := range ops {
				if op.Lease != 0 {
					r.m.leases[op.Lease] = 0
				}
				if op.Txn != nil {
					r.lend([]*storage.Txn{op.Txn})
				}
			}
		}
	}
}

// readers takes the calls that were answered at the present revision without
// writing.
func (r *replay) readers() error {
	now := r.m.current
	var rest []*Call
	for _, c := range r.byRevision[now] {
		if at := c.Results[len(c.Results)-1]; at == nil || at.Revision != now {
			rest = append(rest, c) // begins with a reader, writes later on
			continue
		}
		if err := r.try(c); err != nil {
			return fmt.Errorf("a call answered at revision %d: %w", now, err)
		}
	}
	r.byRevision[now] = rest
	return nil
}

// next finds the call that wrote the next revision.
func (r *replay) next() error {
	now := r.m.current
	var errs []error
	for _, revision := range []int64{now, now + 1} {
		for i, c := range r.byRevision[revision] {
			err := r.try(c)
			if err == nil && r.m.current > now {
				r.byRevision[revision] = append(r.byRevision[revision][:i:i], r.byRevision[revision][i+1:]...)
				return nil
			}
			errs = append(errs, err)
		}
	}
	if candidates := r.candidates(); len(candidates) > 0 {
		return r.choose(candidates)
	}
	return fmt.Errorf("revision %d was written by no call:%s\n%w", now+1, formatEvents(r.events[now+1]), errors.Join(errs...))
}

// candidates are the calls of unknown outcome that could have written the next
// revision.
func (r *replay) candidates() []*Call {
	var candidates []*Call
	undo := r.m.mark()
	for _, c := range r.unknown {
		if r.try(c) == nil && r.m.current > undo.current {
			candidates = append(candidates, c)
		}
		r.m.restore(undo)
	}
	return candidates
}

// choose takes the first candidate and remembers the others.
func (r *replay) choose(candidates []*Call) error {
	chosen := candidates[0]
	if len(candidates) > 1 {
		r.choices = append(r.choices, choice{r.m.mark(), maps.Clone(r.byRevision), slices.Clone(r.unknown), candidates[1:]})
	}
	i := slices.Index(r.unknown, chosen)
	r.unknown = append(r.unknown[:i:i], r.unknown[i+1:]...)
	return r.try(chosen)
}

// reconsider goes back to the last choice and chooses another call. It reports
// false when there is none.
func (r *replay) reconsider() bool {
	if r.mistakes++; len(r.choices) == 0 || r.mistakes > maxMistakes {
		return false
	}
	last := r.choices[len(r.choices)-1]
	r.choices = r.choices[:len(r.choices)-1]
	r.m.restore(last.at)
	r.byRevision, r.unknown = last.byRevision, last.unknown
	return r.choose(last.others) == nil
}

// try makes c on the model, and takes it back unless its answer and its events
// are those recorded.
func (r *replay) try(c *Call) error {
	undo := r.m.mark()
	err := r.make(c)
	if err == nil {
		err = r.compare(undo)
	}
	if err != nil {
		r.m.restore(undo)
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

func (r *replay) make(c *Call) error {
	if c.Kind == CallRevoke {
		for _, key := range r.m.LeaseKeys(c.Lease) { // the lease itself stays, see lend
			r.m.current++
			r.m.remove(r.m.current, r.m.get(key, r.m.current))
		}
		return nil
	}
	got, err := r.m.Batch(c.Txns)
	if !c.acknowledged() {
		return nil
	}
	if err := diffError(c.Err, err); err != nil {
		return err
	}
	return diffTxns(c.Results, got)
}

// compare compares what happened on the model since undo with the events.
func (r *replay) compare(undo modelMark) error {
	made := groupByRevision(r.m.events[undo.events:])
	for revision := undo.current + 1; revision <= r.m.current; revision++ {
		got, want := r.events[revision], made[revision]
		if len(got) != len(want) {
			return fmt.Errorf("revision %d has %d events, want %d:%s\nwant%s", revision, len(got), len(want), formatEvents(got), formatEvents(want))
		}
		for i := range got {
			if err := sameEvent(got[i], want[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// leftovers reports acknowledged calls that left no trace.
func (r *replay) leftovers(calls []*Call) error {
	var errs []error
	for revision, cs := range r.byRevision {
		for _, c := range cs {
			errs = append(errs, fmt.Errorf("lost: acknowledged at revision %d of %d: %s", revision, r.last, c))
		}
	}
	for _, c := range calls {
		if c.Kind == CallRevoke && c.Done && len(r.m.LeaseKeys(c.Lease)) > 0 {
			errs = append(errs, fmt.Errorf("lost: keys %q outlived the acknowledged %s", r.m.LeaseKeys(c.Lease), c))
		}
	}
	return errors.Join(errs...)
}

// mark and restore take back what was written in between.
type modelMark struct {
	current int64
	events  int
}

func (m *Model) mark() modelMark { return modelMark{m.current, len(m.events)} }

func (m *Model) restore(to modelMark) {
	for _, e := range m.events[to.events:] {
		versions := m.keys[e.KV.Key]
		m.keys[e.KV.Key] = versions[:len(versions)-1]
	}
	m.events = m.events[:to.events]
	m.current = to.current
}

// diffError compares two errors by what they match of the contract's.
func diffError(got, want error) error {
	for _, sentinel := range []error{
		storage.ErrFutureRevision, storage.ErrTooLarge, storage.ErrDuplicateKey, storage.ErrKeyNotFound,
		storage.ErrLeaseNotFound, storage.ErrLeaseExists, storage.ErrNoSpace, storage.ErrCompacted,
	} {
		if errors.Is(got, sentinel) && errors.Is(want, sentinel) {
			return nil
		}
	}
	if got == nil && want == nil {
		return nil
	}
	return fmt.Errorf("got error %v, want %v", got, want)
}

func diffTxns(got, want []*storage.TxnResult) error {
	if len(got) != len(want) {
		return fmt.Errorf("got %d results, want %d", len(got), len(want))
	}
	for i := range got {
		if err := diffTxn(got[i], want[i]); err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return nil
}

// diffTxn compares the answers of a whole transaction.
func diffTxn(got, want *storage.TxnResult) error {
	if got != nil && want != nil && got.Revision != want.Revision {
		return fmt.Errorf("got revision %d, want %d", got.Revision, want.Revision)
	}
	return diffBranch(got, want)
}

// diffBranch compares answers but for the revision, which nested ones need not have.
func diffBranch(got, want *storage.TxnResult) error {
	if got == nil || want == nil {
		if got != want {
			return fmt.Errorf("got result %+v, want %+v", got, want)
		}
		return nil
	}
	if got.Succeeded != want.Succeeded || len(got.Results) != len(want.Results) {
		return fmt.Errorf("got succeeded %v with %d results, want %v with %d",
			got.Succeeded, len(got.Results), want.Succeeded, len(want.Results))
	}
	for i := range got.Results {
		if err := diffOp(got.Results[i], want.Results[i]); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func diffOp(got, want storage.OpResult) error {
	if got.Count != want.Count || got.More != want.More {
		return fmt.Errorf("got count %d, more %v, want %d, %v", got.Count, got.More, want.Count, want.More)
	}
	if !equalKVs(got.KVs, want.KVs) {
		return fmt.Errorf("got %s\nwant %s", formatKVs(got.KVs), formatKVs(want.KVs))
	}
	return diffBranch(got.Txn, want.Txn)
}

// SameEvents compares two recordings of the same events; previous values count
// where both know them.
func SameEvents(got, want []storage.Event) error {
	if len(got) != len(want) {
		return fmt.Errorf("got %d events, want %d", len(got), len(want))
	}
	for i := range got {
		w := want[i]
		if got[i].Prev == nil {
			w.Prev = nil
		}
		if err := sameEvent(got[i], w); err != nil {
			return err
		}
	}
	return nil
}

// SameKVs compares two answers to one range.
func SameKVs(got, want []*storage.KeyValue) error {
	if !equalKVs(got, want) {
		return fmt.Errorf("got %s\nwant %s", formatKVs(got), formatKVs(want))
	}
	return nil
}
