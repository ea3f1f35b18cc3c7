package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/tools/reference"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
)

// candidate takes part in an election until it is stopped.
type candidate struct {
	name    string
	cancel  context.CancelFunc
	ended   chan struct{}
	cut     atomic.Bool // from the server
	leading atomic.Bool
}

// election watches that nobody leads beside another.
type election struct {
	mu      sync.Mutex
	leaders map[string]bool
	faults  []string
}

func (e *election) change(name string, leads bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if leads && len(e.leaders) > 0 {
		e.faults = append(e.faults, fmt.Sprintf("%s leads beside %v", name, e.leaders))
	}
	if delete(e.leaders, name); leads {
		e.leaders[name] = true
	}
}

var errCut = errors.New("cut from the server")

// cutter fails the requests of a candidate that is cut from the server.
type cutter struct {
	c    *candidate
	next http.RoundTripper
}

func (t cutter) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.c.cut.Load() {
		return nil, errCut
	}
	return t.next.RoundTrip(r)
}

func (e *election) run(t *testing.T, config *rest.Config, namespace, name string) *candidate {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &candidate{name: name, cancel: cancel, ended: make(chan struct{})}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return cutter{c, next} })
	client := kubernetes.NewForConfigOrDie(config)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "it", Namespace: namespace}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name}},
		LeaseDuration: 4 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				e.change(name, true)
				c.leading.Store(true)
				<-ctx.Done()
				c.leading.Store(false)
				e.change(name, false)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		elector.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-c.ended })
	return c
}

func (c *candidate) leads() error {
	if !c.leading.Load() {
		return fmt.Errorf("%s does not lead", c.name)
	}
	return nil
}

// testLeaderElection lets a leader fail, and another resign: each time the next
// one takes over, and never do two lead.
func testLeaderElection(t *testing.T, config *rest.Config, namespace string) {
	e := &election{leaders: map[string]bool{}}
	client := kubernetes.NewForConfigOrDie(config)
	holder := func() (string, int32) {
		l, err := client.CoordinationV1().Leases(namespace).Get(t.Context(), "it", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if l.Spec.HolderIdentity == nil || l.Spec.LeaseTransitions == nil {
			return "", 0
		}
		return *l.Spec.HolderIdentity, *l.Spec.LeaseTransitions
	}
	ann := e.run(t, config, namespace, "ann")
	eventually.True(t, within, "ann leads", ann.leads)
	bob := e.run(t, config, namespace, "bob")
	first, before := holder()
	equal(t, "holder", first, "ann")

	ann.cut.Store(true)
	eventually.Closed(t, within, "ann gives up", ann.ended)
	eventually.True(t, within, "bob takes over", bob.leads)
	second, after := holder()
	equal(t, "holder", second, "bob")
	equal(t, "transitions", after, before+1)

	eve := e.run(t, config, namespace, "eve")
	bob.cancel() // resigns
	eventually.True(t, within, "eve takes over", eve.leads)
	eve.cancel()
	eventually.Closed(t, within, "eve ends", eve.ended)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.faults {
		t.Error(f)
	}
}

// subject makes a Pod that events can be about.
func subject(t *testing.T, client kubernetes.Interface, namespace string) *corev1.ObjectReference {
	t.Helper()
	pod, err := client.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := reference.GetReference(scheme.Scheme, pod)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// testEvents records an event again and again: it is one object with a count.
func testEvents(t *testing.T, config *rest.Config, namespace string) {
	client := kubernetes.NewForConfigOrDie(config)
	broadcaster := record.NewBroadcaster(record.WithContext(t.Context()))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(namespace)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "e2e"})
	ref := subject(t, client, namespace)
	for range 3 {
		recorder.Event(ref, corev1.EventTypeWarning, "Failed", "something failed")
	}
	recorder.Event(ref, corev1.EventTypeNormal, "Recovered", "all is well")
	eventually.True(t, within, "the events are stored", func() error {
		list, err := client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=p,reason=Failed,type=Warning"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != 1 || list.Items[0].Count != 3 || list.Items[0].InvolvedObject.UID != ref.UID {
			return fmt.Errorf("%d events: %v", len(list.Items), list.Items)
		}
		return nil
	})
	eventually.True(t, within, "both events are there", func() error {
		list, err := client.EventsV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "regarding.name=p"})
		if err != nil || len(list.Items) != 2 {
			return fmt.Errorf("%v, %v", list, err)
		}
		return nil
	})
}

// testEventsV1 does the same through the newer API.
func testEventsV1(t *testing.T, config *rest.Config, namespace string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := kubernetes.NewForConfigOrDie(config)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	recorder := broadcaster.NewRecorder(scheme.Scheme, "example.org/e2e")
	ref := subject(t, client, namespace)
	stored := func(ok func(eventsv1.Event) bool) func() error {
		return func() error {
			list, err := client.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "regarding.name=p,reason=Failed"})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != 1 || !ok(list.Items[0]) {
				return fmt.Errorf("%d events: %v", len(list.Items), list.Items)
			}
			return nil
		}
	}
	recorder.Eventf(ref, nil, corev1.EventTypeWarning, "Failed", "Doing", "something %s", "failed")
	eventually.True(t, within, "the event is stored", stored(func(e eventsv1.Event) bool { return e.Series == nil && e.Note == "something failed" }))
	recorder.Eventf(ref, nil, corev1.EventTypeWarning, "Failed", "Doing", "something %s", "failed")
	eventually.True(t, within, "it has become a series", stored(func(e eventsv1.Event) bool { return e.Series != nil && e.Series.Count == 2 }))
}
