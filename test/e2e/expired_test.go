package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
)

// TestExpired keeps an informer away until what it has missed is compacted: it is
// told so, reads everything anew, once, and is right again.
func TestExpired(t *testing.T) {
	for _, watchList := range []bool{true, false} {
		t.Run(fmt.Sprintf("watchList=%v", watchList), func(t *testing.T) {
			featurestesting.SetFeatureDuringTest(t, features.WatchListClient, watchList)
			testExpired(t, watchList)
		})
	}
}

func testExpired(t *testing.T, watchList bool) {
	s := startRestartable(t)
	config := clientConfig(t, s.running.Kubeconfig, asProtobuf)
	client := kubernetes.NewForConfigOrDie(config)
	h := newHistory()
	for i := range 10 {
		h.create(t, client, fmt.Sprintf("cm-%d", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, away := &wire{}, &atomic.Bool{}
	watched := w.record(config)
	watched.Wrap(func(next http.RoundTripper) http.RoundTripper { return absent{away, next} })
	factory := informers.NewSharedInformerFactoryWithOptions(kubernetes.NewForConfigOrDie(watched), 0, informers.WithNamespace("default"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		t.Fatal("the informer is not synced")
	}

	away.Store(true)
	s.stop(t) // which ends the watch
	s.config.AutoCompactionRetention = time.Second
	s.start(t)
	h.update(t, client, "cm-1")
	h.delete(t, client, "cm-2")
	h.create(t, client, "cm-new")
	missed, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, within, "what the informer has missed is compacted", func() error { return compacted(t, client, missed.ResourceVersion) })
	s.stop(t) // it may still be remembered in memory
	s.start(t)
	last := informer.LastSyncResourceVersion()
	if err := watchFrom(t, client, last); !apierrors.IsResourceExpired(err) {
		t.Fatalf("a watch from %s: %v", last, err)
	}
	_, before := w.since(0)
	away.Store(false)
	eventually.True(t, within, "the informer is right again", func() error {
		list, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return sameObjects(informer.GetStore(), list.Items)
	})
	after, _ := w.since(before)
	r := readsOf(after, configMapsPath)
	want := reads{lists: 1}
	if watchList {
		want = reads{watchLists: 1}
	}
	equal(t, "lists to be right again", reads{lists: r.lists, watchLists: r.watchLists}, want)
}

// absent refuses connections for a client, as a server that is down does.
type absent struct {
	away *atomic.Bool
	next http.RoundTripper
}

func (a absent) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.away.Load() {
		return nil, syscall.ECONNREFUSED
	}
	return a.next.RoundTrip(r)
}

// compacted asks whether everything up to a revision is compacted.
func compacted(t *testing.T, c kubernetes.Interface, revision string) error {
	t.Helper()
	want, err := strconv.ParseFloat(revision, 64)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(metrics)) {
		if text, ok := strings.CutPrefix(line, "etcd_debugging_mvcc_compact_revision "); ok {
			at, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatal(err)
			}
			if at < want {
				return fmt.Errorf("compacted %s, want %s", text, revision)
			}
			return nil
		}
	}
	return errors.New("no metric of compaction")
}

// watchFrom begins a watch of ConfigMaps and returns how it is refused.
func watchFrom(t *testing.T, c kubernetes.Interface, revision string) error {
	t.Helper()
	w, err := c.CoreV1().ConfigMaps("default").Watch(t.Context(), metav1.ListOptions{ResourceVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if e := <-w.ResultChan(); e.Type == watch.Error {
		return apierrors.FromObject(e.Object)
	}
	return nil
}

func sameObjects(store cache.Store, items []corev1.ConfigMap) error {
	if n := len(store.ListKeys()); n != len(items) {
		return fmt.Errorf("the informer has %d objects, the server %d", n, len(items))
	}
	for i := range items {
		o, ok, _ := store.GetByKey("default/" + items[i].Name)
		if !ok || o.(*corev1.ConfigMap).ResourceVersion != items[i].ResourceVersion {
			return fmt.Errorf("the informer has not %s at %s", items[i].Name, items[i].ResourceVersion)
		}
	}
	return nil
}
