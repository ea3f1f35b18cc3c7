package crash

import (
	"errors"
	"fmt"
	"maps"
	"sync"
)

// write is what a writer asked for: put Value at Key, or delete it, if the
// key's revision is Expect (0: absent).
type write struct {
	Key, Value string
	Delete     bool
	Expect     int64
}

// change is what became of a key at a revision.
type change struct {
	Key, Value string
	Deleted    bool
	Revision   int64
}

// done is a write that was acknowledged. Revision is 0 where the answer did not
// tell it.
type done struct {
	write
	Revision int64
}

// journal is what the writers of one round have seen, and what was found after
// the rounds before.
type journal struct {
	mu      sync.Mutex
	acked   map[string][]done // by key, in order
	unknown map[string]write  // by key, behind acked: it was under way at the end

	// As found after the last restart.
	state    map[string]change
	revision int64
	changes  int
}

func newJournal() *journal {
	return &journal{acked: map[string][]done{}, unknown: map[string]write{}, state: map[string]change{}}
}

func (j *journal) ack(w write, revision int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked[w.Key] = append(j.acked[w.Key], done{w, revision})
}

func (j *journal) lose(w write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unknown[w.Key] = w
}

// settle compares the changes since the last restart with what the writers
// know, and the state with both, and starts the next round from there.
func (j *journal) settle(changes []change, revision int64, state map[string]change, gapless bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	errs := []error{j.checkOrder(changes, revision, gapless)}
	byKey := map[string][]change{}
	next := maps.Clone(j.state)
	for _, c := range changes {
		byKey[c.Key] = append(byKey[c.Key], c)
		if next[c.Key] = c; c.Deleted {
			delete(next, c.Key)
		}
	}
	for key, found := range byKey {
		errs = append(errs, j.checkKey(key, found))
	}
	for key, acked := range j.acked {
		if len(byKey[key]) == 0 {
			errs = append(errs, fmt.Errorf("lost: all of %d acknowledged writes of %s, the first is %+v", len(acked), key, acked[0]))
		}
	}
	errs = append(errs, sameState(state, next))
	j.acked, j.unknown = map[string][]done{}, map[string]write{}
	j.state, j.revision, j.changes = next, revision, j.changes+len(changes)
	return errors.Join(errs...)
}

// checkOrder checks that revisions go up, one by one where all are seen.
func (j *journal) checkOrder(changes []change, revision int64, gapless bool) error {
	last := j.revision
	for _, c := range changes {
		if c.Revision <= last {
			return fmt.Errorf("order: %s changed at revision %d after %d", c.Key, c.Revision, last)
		}
		if gapless && c.Revision != last+1 {
			return fmt.Errorf("gap: revision %d is followed by %d", last, c.Revision)
		}
		last = c.Revision
	}
	if gapless && last != revision {
		return fmt.Errorf("gap: the last change is at revision %d, the store at %d", last, revision)
	}
	return nil
}

// checkKey checks that the changes of a key are its acknowledged writes and
// then, perhaps, the one under way.
func (j *journal) checkKey(key string, found []change) error {
	acked := j.acked[key]
	if len(found) < len(acked) {
		return fmt.Errorf("lost: %+v was acknowledged, %d of %d writes of the key are there", acked[len(found)], len(found), len(acked))
	}
	before := j.state[key].Revision
	for i, c := range found {
		if i == len(acked) {
			w, ok := j.unknown[key]
			if !ok {
				return fmt.Errorf("invented: nobody asked for %+v", c)
			}
			acked = append(acked, done{w, 0})
		}
		if i >= len(acked) {
			return fmt.Errorf("invented: nobody asked for %+v", c)
		}
		w := acked[i]
		if c.Deleted != w.Delete || c.Value != w.Value || w.Revision != 0 && c.Revision != w.Revision {
			return fmt.Errorf("changed: found %+v where %+v was written", c, w)
		}
		if w.Expect != before {
			return fmt.Errorf("compare: %+v took effect when the key was at revision %d", w, before)
		}
		if before = c.Revision; c.Deleted {
			before = 0
		}
	}
	return nil
}

func sameState(got, want map[string]change) error {
	for key, w := range want {
		if g, ok := got[key]; !ok || g != w {
			return fmt.Errorf("state: %s is %+v, its last change %+v", key, g, w)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("state: there are %d keys, by their changes %d", len(got), len(want))
	}
	return nil
}
