package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// target is a server process on a data directory.
type target interface {
	// start starts the process and returns when it serves.
	start() error
	// kill ends the process as kill -9 does, and returns when it is gone. Writes
	// may be under way.
	kill()
	// stop ends the process as an administrator does.
	stop() error
	// write makes w. errRefused says that the compare did not hold; after any
	// other error nothing is known. The revision is 0 when the answer has none.
	write(ctx context.Context, w write) (revision int64, err error)
	// history returns all changes after a revision, through one that is no
	// older than the call, which it returns as well.
	history(ctx context.Context, after int64) (changes []change, through int64, err error)
	// state returns the keys there are.
	state(ctx context.Context) (map[string]change, error)
	// gapless says that history has every revision of the store.
	gapless() bool
}

var errRefused = errors.New("the compare does not hold")

const (
	writers       = 16
	keysPerWriter = 12
	patience      = 30 * time.Second
)

func envInt(t testing.TB, name string, otherwise uint64) uint64 {
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// killOften kills a target under load again and again.
func killOften(t *testing.T, target target) {
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	kills := envInt(t, "BINNACLE_KILLS", 50)
	t.Logf("BINNACLE_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	j := newJournal()
	began := time.Now()
	for round := range kills {
		if err := target.start(); err != nil {
			t.Fatalf("start %d: %v", round, err)
		}
		if round == 0 {
			beginAt(t, target, j)
		} else {
			settle(t, target, j)
		}
		load(t, target, j, rng, time.Duration(5+rng.IntN(250))*time.Millisecond)
		if t.Failed() {
			target.kill()
			return
		}
	}
	if err := target.start(); err != nil {
		t.Fatalf("last start: %v", err)
	}
	settle(t, target, j)
	if err := target.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := target.start(); err != nil {
		t.Fatalf("start after a clean end: %v", err)
	}
	settle(t, target, j)
	if err := target.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	t.Logf("%d kills, %d changes, %v", kills, j.changes, time.Since(began).Round(time.Millisecond))
	if uint64(j.changes) < 10*kills {
		t.Errorf("%d kills under hardly any load", kills)
	}
}

// beginAt takes the empty server's revision as the beginning.
func beginAt(t *testing.T, target target, j *journal) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, revision, err := target.history(ctx, 0)
	if err != nil {
		t.Fatalf("history of a new server: %v", err)
	}
	j.revision = revision
}

func settle(t *testing.T, target target, j *journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	changes, revision, err := target.history(ctx, j.revision)
	if err != nil {
		t.Fatalf("history after %d: %v", j.revision, err)
	}
	state, err := target.state(ctx)
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	if err := j.settle(changes, revision, state, target.gapless()); err != nil {
		t.Fatalf("after a restart: %v", err)
	}
}

// load has writers write until the target is killed after a while.
func load(t *testing.T, target target, j *journal, rng *rand.Rand, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	for i := range writers {
		w := &writer{t: t, target: target, journal: j, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), id: i, current: map[string]int64{}}
		for k := range keysPerWriter {
			key := w.key(k)
			w.current[key] = j.state[key].Revision
		}
		all.Go(func() { w.run(ctx) })
	}
	<-time.After(after) // the moment of a kill is a matter of time
	target.kill()
	cancel() // who waits for an answer still has none coming
	all.Wait()
}

// writer writes keys that nobody else does.
type writer struct {
	t       *testing.T
	target  target
	journal *journal
	rng     *rand.Rand
	id      int
	current map[string]int64 // revision of each key; unknownRevision when it has to be found out
	last    int64            // highest revision acknowledged
}

// unknownRevision marks a key that is left alone until the next round.
const unknownRevision = -1

func (w *writer) key(k int) string { return fmt.Sprintf("w%02d-%02d", w.id, k) }

// run writes until an answer does not come.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		key := w.key(w.rng.IntN(keysPerWriter))
		at := w.current[key]
		if at == unknownRevision {
			continue
		}
		wr := write{Key: key, Expect: at, Delete: at != 0 && w.rng.IntN(4) == 0}
		if !wr.Delete {
			wr.Value = fmt.Sprintf("%016x-%0*d", w.rng.Uint64(), w.rng.IntN(2000), 0)
		}
		revision, err := w.target.write(ctx, wr)
		if errors.Is(err, errRefused) {
			w.t.Errorf("%.80v was refused although the key has that revision: %v", wr, err)
			return
		}
		if err != nil {
			w.journal.lose(wr)
			return
		}
		w.acked(wr, revision)
	}
}

func (w *writer) acked(wr write, revision int64) {
	w.journal.ack(wr, revision)
	if revision != 0 && revision <= w.last {
		w.t.Errorf("revision %d was acknowledged after %d", revision, w.last)
	}
	w.last = max(w.last, revision)
	switch {
	case wr.Delete:
		w.current[wr.Key] = 0
	case revision == 0:
		w.current[wr.Key] = unknownRevision
	default:
		w.current[wr.Key] = revision
	}
}
