package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
)

const configMapsPath = "/api/v1/namespaces/default/configmaps"

// TestInformers runs shared informers over each way to fill them and in each
// encoding: every change is seen exactly once, and after a restart of the server
// they go on where they were, without asking for everything again.
func TestInformers(t *testing.T) {
	for _, watchList := range []bool{true, false} {
		for _, contentType := range []string{asProtobuf, asJSON} {
			t.Run(fmt.Sprintf("watchList=%v,%s", watchList, strings.TrimPrefix(contentType, "application/")), func(t *testing.T) {
				featurestesting.SetFeatureDuringTest(t, features.WatchListClient, watchList)
				testInformers(t, watchList, contentType)
			})
		}
	}
}

func testInformers(t *testing.T, watchList bool, contentType string) {
	s := startRestartable(t)
	ctx, cancel := context.WithCancel(t.Context())
	config := clientConfig(t, s.running.Kubeconfig, contentType)
	w := &wire{}
	client := kubernetes.NewForConfigOrDie(config)
	h := newHistory()

	for i := range 50 {
		h.create(t, client, fmt.Sprintf("before-%02d", i))
	}
	watching := kubernetes.NewForConfigOrDie(w.record(config))
	factory := informers.NewSharedInformerFactoryWithOptions(watching, 0, informers.WithNamespace("default"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	registration, err := informer.AddEventHandler(h)
	if err != nil {
		t.Fatal(err)
	}
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	defer cancel()
	eventually.True(t, within, "the informer is synced", synced(registration))
	h.settled(t, client, factory)

	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for i := range 10 {
				name := fmt.Sprintf("during-%d-%d", n, i)
				h.create(t, client, name)
				h.update(t, client, name)
				h.update(t, client, name)
				if i%2 == 0 {
					h.delete(t, client, name)
				}
			}
		})
	}
	writers.Wait()
	for i := range 20 {
		h.delete(t, client, fmt.Sprintf("before-%02d", i))
	}
	h.settled(t, client, factory)
	all, n := w.since(0)
	wantReads := reads{lists: 1, watches: 1}
	if watchList {
		wantReads = reads{watchLists: 1}
	}
	equal(t, "reads before the restart", readsOf(all, configMapsPath), wantReads)
	for _, x := range all {
		if !strings.HasPrefix(x.contentType, contentType) {
			t.Errorf("%s %s %v was answered as %q", x.method, x.path, x.query, x.contentType)
		}
	}

	for round := range 2 {
		s.stop(t)
		s.start(t)
		for i := range 10 { // some of it before the informer is back
			name := fmt.Sprintf("after-%d-%d", round, i)
			h.create(t, client, name)
			h.update(t, client, name)
			h.delete(t, client, fmt.Sprintf("before-%02d", 20+10*round+i))
		}
		h.settled(t, client, factory)
	}
	all, _ = w.since(n)
	after := readsOf(all, configMapsPath)
	equal(t, "lists after the restart", after.lists+after.watchLists, 0)
	if after.watches < 2 {
		t.Errorf("%d watches after two restarts", after.watches)
	}
	for _, x := range all {
		if x.query["resourceVersion"] == nil {
			t.Errorf("%s %s began anew: %v", x.method, x.path, x.query)
		}
	}
}

func synced(r cache.ResourceEventHandlerRegistration) func() error {
	return func() error {
		if !r.HasSynced() {
			return fmt.Errorf("not synced")
		}
		return nil
	}
}

// history compares what was written with what an informer saw of it. It is a
// cache.ResourceEventHandler.
type history struct {
	mu      sync.Mutex
	written map[string][]string // changes by name, in order
	seen    map[string][]string
}

func newHistory() *history {
	return &history{written: map[string][]string{}, seen: map[string][]string{}}
}

func (h *history) note(log map[string][]string, what string, o *corev1.ConfigMap) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log[o.Name] = append(log[o.Name], what+" "+o.ResourceVersion)
}

func (h *history) create(t *testing.T, c kubernetes.Interface, name string) {
	o, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Errorf("creating %s: %v", name, err)
		return
	}
	h.note(h.written, "add", o)
}

func (h *history) update(t *testing.T, c kubernetes.Interface, name string) {
	h.mu.Lock()
	n := len(h.written[name])
	h.mu.Unlock()
	o, err := c.CoreV1().ConfigMaps("default").Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"data":{"n":"%d"}}`, n), metav1.PatchOptions{})
	if err != nil {
		t.Errorf("updating %s: %v", name, err)
		return
	}
	h.note(h.written, "update", o)
}

func (h *history) delete(t *testing.T, c kubernetes.Interface, name string) {
	if err := c.CoreV1().ConfigMaps("default").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Errorf("deleting %s: %v", name, err)
		return
	}
	h.note(h.written, "delete", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

func (h *history) OnAdd(o any, _ bool) { h.note(h.seen, "add", o.(*corev1.ConfigMap)) }

func (h *history) OnUpdate(_, o any) { h.note(h.seen, "update", o.(*corev1.ConfigMap)) }

func (h *history) OnDelete(o any) {
	if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok { // a list found it missing: no event told
		h.note(h.seen, "delete unseen", tombstone.Obj.(*corev1.ConfigMap))
		return
	}
	gone := *o.(*corev1.ConfigMap)
	gone.ResourceVersion = "" // a delete is not answered with its revision
	h.note(h.seen, "delete", &gone)
}

// settled waits until the informer has seen everything that was written, each
// change once and in order, and compares its store with the server.
func (h *history) settled(t *testing.T, c kubernetes.Interface, factory informers.SharedInformerFactory) {
	t.Helper()
	eventually.True(t, within, "the informer has seen every change exactly once", h.compare)
	list, err := c.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sameObjects(factory.Core().V1().ConfigMaps().Informer().GetStore(), list.Items); err != nil {
		t.Error(err)
	}
}

func (h *history) compare() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, written := range h.written {
		if !slices.Equal(written, h.seen[name]) {
			return fmt.Errorf("%s: written %v, seen %v", name, written, h.seen[name])
		}
	}
	for name, seen := range h.seen {
		if h.written[name] == nil && name != "kube-root-ca.crt" {
			return fmt.Errorf("%s: nobody wrote it, seen %v", name, seen)
		}
	}
	return nil
}
