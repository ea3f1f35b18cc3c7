package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
)

const (
	mirrored  = "mirrored"             // the label of ConfigMaps that have a Secret
	finalizer = "example.org/mirrored" // holds them until the Secret is gone
)

// mirror keeps a Secret for each ConfigMap that carries the label, with the same
// data: a small controller of the usual form.
type mirror struct {
	client.Client
}

func (m mirror) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var from corev1.ConfigMap
	if err := m.Get(ctx, req.NamespacedName, &from); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: from.Namespace, Name: from.Name}}
	if !from.DeletionTimestamp.IsZero() {
		if err := m.Delete(ctx, secret); client.IgnoreNotFound(err) != nil {
			return reconcile.Result{}, err
		}
		if controllerutil.RemoveFinalizer(&from, finalizer) {
			return reconcile.Result{}, client.IgnoreNotFound(m.Update(ctx, &from))
		}
		return reconcile.Result{}, nil
	}
	if controllerutil.AddFinalizer(&from, finalizer) {
		return reconcile.Result{}, m.Update(ctx, &from) // its event comes back
	}
	_, err := controllerutil.CreateOrUpdate(ctx, m.Client, secret, func() error {
		secret.StringData = maps.Clone(from.Data)
		secret.Labels = map[string]string{mirrored: "from"}
		return controllerutil.SetControllerReference(&from, secret, m.Scheme())
	})
	return reconcile.Result{}, err
}

// startMirror runs a manager with the controller until the test ends. w sees its
// requests.
func startMirror(t *testing.T, kubeconfig string, w *wire) {
	t.Helper()
	config := w.record(clientConfig(t, kubeconfig, ""))
	m, err := manager.New(config, manager.Options{
		Scheme:                  scheme.Scheme,
		Logger:                  logr.Discard(),
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		LeaderElection:          true,
		LeaderElectionID:        "mirror",
		LeaderElectionNamespace: "default",
		Cache:                   cache.Options{DefaultNamespaces: map[string]cache.Config{"default": {}}},
		// CreateOrUpdate reads what the cache of metadata has not.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	labelled := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[mirrored] == "yes" })
	err = builder.ControllerManagedBy(m).Named("mirror").
		For(&corev1.ConfigMap{}, builder.WithPredicates(labelled)).
		Owns(&corev1.Secret{}, builder.OnlyMetadata).
		WithOptions(controller.Options{SkipNameValidation: new(true)}). // names are kept for ever
		Complete(mirror{m.GetClient()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	})
}

// TestReconciler runs a controller-runtime manager while objects change and the
// server is restarted: in the end every ConfigMap has its Secret, and those that
// were deleted have left nothing.
func TestReconciler(t *testing.T) {
	s := startRestartable(t)
	config := clientConfig(t, s.running.Kubeconfig, asProtobuf)
	c := kubernetes.NewForConfigOrDie(config)
	w := &wire{}
	startMirror(t, s.running.Kubeconfig, w)
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	t.Logf("BINNACLE_SEED=%d", seed)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	truth := make([]map[string]string, 3) // the data of every ConfigMap that should exist, by writer and name
	for n := range truth {
		truth[n] = map[string]string{}
		writers.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(n)))
			for ctx.Err() == nil {
				write1(t, c, rnd, n, truth[n])
			}
		})
	}
	probes := map[string]string{} // ConfigMaps made after restarts
	everything := func() map[string]string {
		all := maps.Clone(probes)
		for _, m := range truth {
			maps.Copy(all, m)
		}
		return all
	}
	eventually.True(t, within, "the controller has made Secrets", func() error { return enoughSecrets(t, c, 5) })
	_, before := w.since(0)
	for i := range 2 {
		s.stop(t)
		s.start(t)
		name := fmt.Sprintf("probe-%d", i)
		if err := probe(t, c, name); err != nil {
			t.Fatal(err)
		}
		probes[name] = name
		eventually.True(t, within, "the controller goes on after the restart", func() error {
			_, err := c.CoreV1().Secrets("default").Get(t.Context(), name, metav1.GetOptions{})
			return err
		})
	}
	after, _ := w.since(before)
	for _, resource := range []string{"configmaps", "secrets"} {
		r := readsOf(after, "/api/v1/namespaces/default/"+resource)
		equal(t, "lists of "+resource+" after restarts", r.lists+r.watchLists, 0)
	}
	stop()
	writers.Wait()
	want := everything()
	eventually.True(t, within, "every ConfigMap has its Secret", func() error { return mirroredAll(t, c, want) })

	// A Secret that is lost comes back: the metadata-only watch saw it go.
	var victim string
	for victim = range want {
		break
	}
	if err := c.CoreV1().Secrets("default").Delete(t.Context(), victim, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, within, "the Secret is back", func() error { return mirroredAll(t, c, want) })

	for name := range want {
		if err := c.CoreV1().ConfigMaps("default").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually.True(t, within, "everything is gone", func() error { return mirroredAll(t, c, nil) })
}

// probe makes a ConfigMap of its own.
func probe(t *testing.T, c kubernetes.Interface, name string) error {
	_, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{mirrored: "yes"}},
		Data: map[string]string{"value": name}}, metav1.CreateOptions{})
	return err
}

// write1 makes, changes or deletes one of writer n's ConfigMaps, again until
// the server has said yes or no.
func write1(t *testing.T, c kubernetes.Interface, rnd *rand.Rand, n int, truth map[string]string) {
	cms := c.CoreV1().ConfigMaps("default")
	name, value := fmt.Sprintf("cm-%d-%d", n, rnd.IntN(8)), fmt.Sprint(rnd.Int64())
	_, exists := truth[name]
	forget := exists && rnd.IntN(4) == 0
	err := retry.OnError(patience, func(err error) bool {
		return unavailable(err) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
	}, func() error {
		switch {
		case forget:
			return client.IgnoreNotFound(cms.Delete(context.Background(), name, metav1.DeleteOptions{}))
		case exists:
			o, err := cms.Get(context.Background(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			o.Data = map[string]string{"value": value}
			_, err = cms.Update(context.Background(), o, metav1.UpdateOptions{})
			return err
		}
		// One of that name may still be going, or be a create of ours whose answer was lost.
		o, err := cms.Get(context.Background(), name, metav1.GetOptions{})
		if err == nil && o.DeletionTimestamp == nil && o.Data["value"] == value {
			return nil
		}
		_, err = cms.Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{mirrored: "yes"}},
			Data: map[string]string{"value": value}}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		t.Errorf("writing %s: %v", name, err)
	}
	if delete(truth, name); !forget {
		truth[name] = value
	}
}

// patience is how long a writer tries again.
var patience = retryBackoff(20*time.Millisecond, within)

// unavailable tells that there is no server, or one that goes.
func unavailable(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
}

func enoughSecrets(t *testing.T, c kubernetes.Interface, n int) error {
	list, err := c.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{LabelSelector: mirrored})
	if err != nil {
		return err
	}
	if len(list.Items) < n {
		return fmt.Errorf("%d secrets", len(list.Items))
	}
	return nil
}

// mirroredAll compares ConfigMaps and Secrets with what was written.
func mirroredAll(t *testing.T, c kubernetes.Interface, want map[string]string) error {
	cms, err := c.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{LabelSelector: mirrored})
	if err != nil {
		return err
	}
	secrets, err := c.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{LabelSelector: mirrored})
	if err != nil {
		return err
	}
	if len(cms.Items) != len(want) || len(secrets.Items) != len(want) {
		return fmt.Errorf("%d ConfigMaps and %d Secrets, want %d", len(cms.Items), len(secrets.Items), len(want))
	}
	uids := map[string]metav1.Object{}
	for i := range cms.Items {
		cm := &cms.Items[i]
		uids[cm.Name] = cm
		if cm.Data["value"] != want[cm.Name] || !controllerutil.ContainsFinalizer(cm, finalizer) {
			return fmt.Errorf("ConfigMap %s is %v with %v, want %q", cm.Name, cm.Data, cm.Finalizers, want[cm.Name])
		}
	}
	for _, s := range secrets.Items {
		if uids[s.Name] == nil || string(s.Data["value"]) != want[s.Name] || !metav1.IsControlledBy(&s, uids[s.Name]) {
			return fmt.Errorf("secret %s holds %q of %v, want %q", s.Name, s.Data["value"], s.OwnerReferences, want[s.Name])
		}
	}
	return nil
}
