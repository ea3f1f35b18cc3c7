package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
	"github.com/binnacle-io/binnacle/test/internal/process"
)

// TestWatchesThroughKills kills the server under load again and again, while a
// watch goes on through all of it: it sees every change exactly once and in
// order. In the end the watches of all resources from the first revision on show
// every revision exactly once. (What was acknowledged is the business of
// test/crash.)
func TestWatchesThroughKills(t *testing.T) {
	kills := envInt(t, "BINNACLE_KILLS", 10)
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	t.Logf("BINNACLE_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	args := []string{"--data-dir", filepath.Join(t.TempDir(), "data"), "--secure-port", strconv.Itoa(fixedPort(t)), "--log-level", "warn"}
	s := process.Start(t, apiserver(t), args...)
	config := clientConfig(t, s.Kubeconfig, asProtobuf)
	c := kubernetes.NewForConfigOrDie(config)
	through := watchThrough(t, c)
	var acknowledged []int64
	for range kills {
		acknowledged = append(acknowledged, loadUntilKilled(t, c, s, rnd, 20+rnd.Int64N(200))...)
		s = process.Start(t, apiserver(t), args...)
	}
	slices.Sort(acknowledged)
	if twice := len(acknowledged) - len(slices.Compact(slices.Clone(acknowledged))); twice > 0 {
		t.Errorf("%d revisions were acknowledged twice", twice)
	}

	var all []int64
	eventually.True(t, within, "watches from the first revision show every revision exactly once", func() (err error) {
		all = allRevisions(t, config)
		return gapless(all)
	})
	if n, last := len(acknowledged), all[len(all)-1]; acknowledged[n-1] > last {
		t.Errorf("revision %d was acknowledged, %d is the last", acknowledged[n-1], last)
	}
	configMaps := revisionsOf(t, config, corev1.SchemeGroupVersion.WithResource("configmaps"))
	eventually.True(t, within, "the watch that went on has seen everything", func() error {
		if got := through(); !slices.Equal(got, configMaps) || !slices.IsSorted(got) {
			return fmt.Errorf("it has seen %d changes in the order %v..., the history has %d", len(got), got[:min(len(got), 5)], len(configMaps))
		}
		return nil
	})
	t.Logf("%d kills, %d revisions, %d writes acknowledged", kills, len(all), len(acknowledged))
}

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

// loadUntilKilled writes objects of several kinds and kills the server amid it,
// after n writes were acknowledged. It returns their revisions.
func loadUntilKilled(t *testing.T, c kubernetes.Interface, s *process.Server, rnd *rand.Rand, n int64) []int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var count atomic.Int64
	var mu sync.Mutex
	var revisions []int64
	var writers sync.WaitGroup
	enough := make(chan struct{})
	for range 8 {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		writers.Go(func() {
			for {
				o, err := writeAny(ctx, c, rnd)
				if err != nil {
					return // killed: the next server says what has become of it
				}
				rev, _ := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
				mu.Lock()
				revisions = append(revisions, rev)
				mu.Unlock()
				if count.Add(1) == n {
					close(enough)
				}
			}
		})
	}
	eventually.Closed(t, within, "the load", enough)
	s.Kill()
	cancel()
	writers.Wait()
	return revisions
}

// writeAny writes an object of some kind. Names are new each time, but for the
// ConfigMap that everybody changes.
func writeAny(ctx context.Context, c kubernetes.Interface, rnd *rand.Rand) (metav1.Object, error) {
	fresh := metav1.ObjectMeta{GenerateName: "x-"}
	switch rnd.IntN(5) {
	case 0:
		return c.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: fresh}, metav1.CreateOptions{})
	case 1:
		return c.CoordinationV1().Leases("default").Create(ctx, &coordinationv1.Lease{ObjectMeta: fresh}, metav1.CreateOptions{})
	case 2:
		return c.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: fresh, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}, metav1.CreateOptions{})
	}
	m, err := c.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: fresh}, metav1.CreateOptions{})
	if err != nil || rnd.IntN(2) == 0 {
		return m, err
	}
	m.Data = map[string]string{"a": "b"}
	return c.CoreV1().ConfigMaps("default").Update(ctx, m, metav1.UpdateOptions{})
}

// watchThrough watches ConfigMaps until the test ends, beginning again where it
// was whenever the server goes. The function returned tells the revisions it has
// seen, in the order in which they came.
func watchThrough(t *testing.T, c kubernetes.Interface) func() []int64 {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := watchtools.NewRetryWatcherWithContext(ctx, "1", cache.ToWatcherWithContext(&cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return c.CoreV1().ConfigMaps("").Watch(ctx, o)
		}}))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []int64
	go func() {
		for e := range w.ResultChan() {
			rev, err := revisionOf(e)
			if err != nil {
				t.Error(err)
				continue
			}
			mu.Lock()
			seen = append(seen, rev)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-w.Done() })
	return func() []int64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func revisionOf(e watch.Event) (int64, error) {
	o, err := meta.Accessor(e.Object)
	if e.Type == watch.Error || err != nil {
		return 0, fmt.Errorf("watch: %v: %v", e.Type, e.Object)
	}
	return strconv.ParseInt(o.GetResourceVersion(), 10, 64)
}

// gapless reports a gap or a repetition in sorted revisions.
func gapless(all []int64) error {
	for i, revision := range all {
		if revision != int64(i)+2 { // 1 is the empty store's
			return fmt.Errorf("revision %d comes as number %d of %d", revision, i+2, len(all)+1)
		}
	}
	return nil
}

// allRevisions watches every resource from the first revision on and returns the
// revisions of all changes, sorted.
func allRevisions(t *testing.T, config *rest.Config) (all []int64) {
	t.Helper()
	var mu sync.Mutex
	var watches sync.WaitGroup
	seen := map[string]bool{"componentstatuses": true} // which are not stored
	for _, gvr := range listable(t, config) {
		if seen[gvr.Resource] {
			continue // events are served in two groups
		}
		seen[gvr.Resource] = true
		watches.Go(func() {
			revisions := revisionsOf(t, config, gvr)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, revisions...)
		})
	}
	watches.Wait()
	slices.Sort(all)
	return all
}

// revisionsOf watches a resource from the first revision on for a moment and
// returns the revisions of its changes.
func revisionsOf(t *testing.T, config *rest.Config, gvr schema.GroupVersionResource) (revisions []int64) {
	moment := int64(2)
	w, err := metadata.NewForConfigOrDie(config).Resource(gvr).Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1", TimeoutSeconds: &moment})
	if err != nil {
		t.Errorf("watch of %v: %v", gvr, err)
		return nil
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		rev, err := revisionOf(e)
		if err != nil {
			t.Errorf("%v: %v", gvr, err)
		}
		revisions = append(revisions, rev)
	}
	return revisions
}
