package watchcache

import (
	"testing"
	"testing/synctest"
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
