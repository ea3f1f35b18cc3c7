package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"

	"github.com/binnacle-io/binnacle/test/internal/eventually"
	"github.com/binnacle-io/binnacle/test/internal/testserver"
)

// TestClients uses client-go's clients against one server, each in a namespace
// of its own.
func TestClients(t *testing.T) {
	s := testserver.Start(t)
	for name, test := range map[string]func(t *testing.T, config *rest.Config, namespace string){
		"conflicts": testConflicts,
		"dynamic":   testDynamic,
		"metadata":  testMetadata,
		"discovery": testDiscovery,
		"mapper":    testMapper,
		"openapi":   testOpenAPI,
		"scales":    testScales,
		"events":    testEvents,
		"events-v1": testEventsV1,
		"leader":    testLeaderElection,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, contentType := range []string{asProtobuf, asJSON} {
				config := clientConfig(t, s.Kubeconfig, contentType)
				namespace := name + "-" + contentType[len("application/"):][:3]
				ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
				if _, err := kubernetes.NewForConfigOrDie(config).CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
				test(t, config, namespace)
			}
		})
	}
}

// testConflicts lets many clients count in one object: no update is lost.
func testConflicts(t *testing.T, config *rest.Config, namespace string) {
	maps := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps(namespace)
	if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "counter"}, Data: map[string]string{"n": "0"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	const clients, each = 8, 10
	patient := retry.DefaultBackoff
	patient.Steps = 1000
	patient.Cap = 0
	patient.Factor = 1
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range each {
				err := retry.RetryOnConflict(patient, func() error {
					o, err := maps.Get(t.Context(), "counter", metav1.GetOptions{})
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(o.Data["n"])
					o.Data["n"] = strconv.Itoa(n + 1)
					_, err = maps.Update(t.Context(), o, metav1.UpdateOptions{})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	o, err := maps.Get(t.Context(), "counter", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counter", o.Data["n"], strconv.Itoa(clients*each))
}

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

func unstructuredDeployment(name string, labels map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "labels": labels},
		"spec": map[string]any{"replicas": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": name}},
				"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": "nginx:1"}}}}}}}
}

func testDynamic(t *testing.T, config *rest.Config, namespace string) {
	client := dynamic.NewForConfigOrDie(config).Resource(deployments).Namespace(namespace)
	for i := range 10 {
		if _, err := client.Create(t.Context(), unstructuredDeployment(fmt.Sprintf("d%d", i), nil), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Get(t.Context(), "d3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(got.Object, int64(5), "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	updated, err := client.Update(t.Context(), got, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "generation", updated.GetGeneration(), 2)
	if _, err := client.Update(t.Context(), got, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of a stale object: %v", err)
	}
	if _, err := client.UpdateStatus(t.Context(), updated, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}

	var paged []string
	pages := pager.New(func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
		return client.List(ctx, opts)
	})
	pages.PageSize = 3
	if err := pages.EachListItem(t.Context(), metav1.ListOptions{}, func(o runtime.Object) error {
		paged = append(paged, o.(*unstructured.Unstructured).GetName())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	equal(t, "paged", strings.Join(paged, " "), "d0 d1 d2 d3 d4 d5 d6 d7 d8 d9")

	testSelectorInformer(t, config, namespace, client)

	if err := client.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name!=d7"}); err != nil {
		t.Fatal(err)
	}
	left, err := client.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "left", len(left.Items), 1)
}

// testSelectorInformer sees objects come and go as their labels change.
func testSelectorInformer(t *testing.T, config *rest.Config, namespace string, client dynamic.ResourceInterface) {
	ctx, cancel := context.WithCancel(t.Context())
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 0, namespace,
		func(o *metav1.ListOptions) { o.LabelSelector = "tier=web" })
	informer := factory.ForResource(deployments).Informer()
	seen := make(chan string, 100)
	name := func(o any) string { return o.(*unstructured.Unstructured).GetName() }
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { seen <- "add " + name(o) },
		UpdateFunc: func(_, o any) { seen <- "update " + name(o) },
		DeleteFunc: func(o any) { seen <- "delete " + name(o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	eventually.True(t, within, "the informer is synced", synced(registration))
	label := func(name, value string) {
		if _, err := client.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{"tier":%s}}}`, value), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	label("d1", `"web"`)
	label("d2", `"db"`)
	label("d2", `"web"`)
	if _, err := client.Patch(t.Context(), "d1", types.MergePatchType, []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	label("d1", `"db"`)
	if err := client.Delete(t.Context(), "d2", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), unstructuredDeployment("d2", map[string]any{"tier": "db"}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	label("d1", `null`)
	label("d1", `"web"`)
	var got []string
	for _, want := range []string{"add d1", "add d2", "update d1", "delete d1", "delete d2", "add d1"} {
		select {
		case e := <-seen:
			got = append(got, e)
		case <-t.Context().Done():
		}
		if got[len(got)-1] != want {
			t.Errorf("saw %v, want %s at the end", got, want)
		}
	}
}

func testMetadata(t *testing.T, config *rest.Config, namespace string) {
	w := &wire{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := metadata.NewForConfigOrDie(w.record(config))
	pods := all.Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(namespace)
	typed := kubernetes.NewForConfigOrDie(config).CoreV1().Pods(namespace)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	created, err := typed.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}

	factory := metadatainformer.NewFilteredSharedInformerFactory(all, 0, namespace, nil)
	informer := factory.ForResource(corev1.SchemeGroupVersion.WithResource("pods"))
	events := make(chan *metav1.PartialObjectMetadata, 10)
	registration, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { events <- o.(*metav1.PartialObjectMetadata) },
		UpdateFunc: func(_, o any) { events <- o.(*metav1.PartialObjectMetadata) },
		DeleteFunc: func(o any) { events <- o.(*metav1.PartialObjectMetadata) },
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer cancel()
	eventually.True(t, within, "the informer is synced", synced(registration))
	first := <-events
	equal(t, "uid in the informer", first.UID, created.UID)
	equal(t, "label in the informer", first.Labels["a"], "b")

	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "a=b"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "listed", len(list.Items), 1)
	equal(t, "resourceVersion", list.Items[0].ResourceVersion, created.ResourceVersion)
	patched, err := pods.Patch(ctx, "p", types.MergePatchType, []byte(`{"metadata":{"annotations":{"x":"y"}}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "annotation", patched.Annotations["x"], "y")
	equal(t, "patched in the informer", (<-events).ResourceVersion, patched.ResourceVersion)
	wrong := types.UID("00000000-0000-0000-0000-000000000000")
	if err := pods.Delete(ctx, "p", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}}); !apierrors.IsConflict(err) {
		t.Errorf("delete with a wrong uid: %v", err)
	}
	if err := pods.Delete(ctx, "p", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &created.UID, ResourceVersion: &patched.ResourceVersion}}); err != nil {
		t.Fatal(err)
	}
	equal(t, "deleted in the informer", (<-events).Name, "p")

	exchanges, _ := w.since(0)
	for _, x := range exchanges {
		if x.code == 200 && x.method != "DELETE" && !strings.HasPrefix(x.contentType, asProtobuf) {
			t.Errorf("%s %s was answered as %q", x.method, x.path, x.contentType)
		}
	}
	// Every kind that can be listed can be listed as metadata.
	for _, gvr := range listable(t, config) {
		if _, err := all.Resource(gvr).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			t.Errorf("%v: %v", gvr, err)
		}
	}
}

// listable are the resources that discovery says can be listed.
func listable(t *testing.T, config *rest.Config) []schema.GroupVersionResource {
	t.Helper()
	lists, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	var all []schema.GroupVersionResource
	for _, l := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, lists) {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.APIResources {
			all = append(all, gv.WithResource(r.Name))
		}
	}
	if len(all) < 40 {
		t.Errorf("only %d resources can be listed", len(all))
	}
	return all
}

// testDiscovery compares the two forms of discovery.
func testDiscovery(t *testing.T, config *rest.Config, _ string) {
	w := &wire{}
	aggregated := discovery.NewDiscoveryClientForConfigOrDie(w.record(config))
	groups, resources, err := aggregated.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	if exchanges, n := w.since(0); n != 2 || !strings.Contains(exchanges[0].contentType, "as=APIGroupDiscoveryList") {
		t.Errorf("aggregated discovery took %v", exchanges)
	}
	legacy := discovery.NewDiscoveryClientForConfigOrDie(config)
	legacy.UseLegacyDiscovery = true
	legacyGroups, legacyResources, err := legacy.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "groups", strings.Join(groupNames(groups), " "), strings.Join(groupNames(legacyGroups), " "))
	a, b := resourceNames(resources), resourceNames(legacyResources)
	for _, r := range a {
		if !slices.Contains(b, r) {
			t.Errorf("only in aggregated discovery: %s", r)
		}
	}
	for _, r := range b {
		if !slices.Contains(a, r) {
			t.Errorf("only in legacy discovery: %s", r)
		}
	}
	v, err := aggregated.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "version", v.Major+"."+v.Minor, "1.36")
}

func groupNames(groups []*metav1.APIGroup) (names []string) {
	for _, g := range groups {
		s := g.Name + " preferred " + g.PreferredVersion.GroupVersion + ":"
		for _, v := range g.Versions {
			s += " " + v.GroupVersion
		}
		names = append(names, s)
	}
	slices.Sort(names)
	return names
}

func resourceNames(lists []*metav1.APIResourceList) (names []string) {
	for _, l := range lists {
		for _, r := range l.APIResources {
			names = append(names, fmt.Sprintf("%s %s %s %v %v %v %v %s/%s", l.GroupVersion, r.Name, r.Kind, r.Namespaced, r.Verbs, r.ShortNames, r.Categories, r.Group, r.Version))
		}
	}
	return names
}

func testMapper(t *testing.T, config *rest.Config, _ string) {
	client := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config))
	deferred := restmapper.NewDeferredDiscoveryRESTMapper(client)
	short := restmapper.NewShortcutExpander(deferred, client, func(string) {})
	for name, want := range map[string]schema.GroupVersionResource{
		"po":             corev1.SchemeGroupVersion.WithResource("pods"),
		"pod":            corev1.SchemeGroupVersion.WithResource("pods"),
		"deploy":         deployments,
		"cm":             corev1.SchemeGroupVersion.WithResource("configmaps"),
		"hpa":            {Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
		"endpointslices": {Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	} {
		got, err := short.ResourceFor(schema.GroupVersionResource{Resource: name})
		if err != nil || got != want {
			t.Errorf("%s is %v, %v", name, got, err)
		}
	}
	for _, gvr := range listable(t, config) {
		gvk, err := deferred.KindFor(gvr)
		if err != nil {
			t.Errorf("%v: %v", gvr, err)
			continue
		}
		m, err := deferred.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil || m.Resource != gvr {
			t.Errorf("%v is %v is %v, %v", gvr, gvk, m, err)
		}
	}
	if m, err := deferred.RESTMapping(schema.GroupKind{Kind: "Node"}); err != nil || m.Scope.Name() != meta.RESTScopeNameRoot {
		t.Errorf("nodes: %v, %v", m, err)
	}
	if _, err := deferred.RESTMapping(schema.GroupKind{Group: "example.org", Kind: "Thing"}); !meta.IsNoMatchError(err) {
		t.Errorf("a kind that does not exist: %v", err)
	}
	expanded, ok := restmapper.NewDiscoveryCategoryExpander(client).Expand("all")
	if !ok || !slices.Contains(expanded, schema.GroupResource{Group: "apps", Resource: "deployments"}) {
		t.Errorf("category all is %v", expanded)
	}
}

// testOpenAPI reads the documents that kubectl and controllers read.
func testOpenAPI(t *testing.T, config *rest.Config, _ string) {
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	root := openapi3.NewRoot(client.OpenAPIV3())
	versions, err := root.GroupVersions()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := client.ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			gv, err := schema.ParseGroupVersion(v.GroupVersion)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(versions, gv) {
				t.Errorf("%v has no document", gv)
				continue
			}
			spec, err := root.GVSpec(gv)
			if err != nil {
				t.Errorf("%v: %v", gv, err)
				continue
			}
			if len(spec.Paths.Paths) == 0 || len(spec.Components.Schemas) == 0 {
				t.Errorf("%v: an empty document", gv)
			}
		}
	}
	v2, err := client.OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v2.GetDefinitions().GetAdditionalProperties()); n < 300 {
		t.Errorf("%d definitions in version 2", n)
	}
}

func testScales(t *testing.T, config *rest.Config, namespace string) {
	client := kubernetes.NewForConfigOrDie(config)
	cached := memory.NewMemCacheClient(client.Discovery())
	scales, err := scale.NewForConfig(config, restmapper.NewDeferredDiscoveryRESTMapper(cached), dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	if err != nil {
		t.Fatal(err)
	}
	one := int32(1)
	labels := map[string]string{"app": "x"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	named := metav1.ObjectMeta{Name: "x"}
	ctx := t.Context()
	_, errs := client.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{ObjectMeta: named, Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: selector, Template: template}}, metav1.CreateOptions{})
	_, err = client.AppsV1().ReplicaSets(namespace).Create(ctx, &appsv1.ReplicaSet{ObjectMeta: named, Spec: appsv1.ReplicaSetSpec{Replicas: &one, Selector: selector, Template: template}}, metav1.CreateOptions{})
	_, err2 := client.AppsV1().StatefulSets(namespace).Create(ctx, &appsv1.StatefulSet{ObjectMeta: named, Spec: appsv1.StatefulSetSpec{Replicas: &one, Selector: selector, Template: template, ServiceName: "x"}}, metav1.CreateOptions{})
	_, err3 := client.CoreV1().ReplicationControllers(namespace).Create(ctx, &corev1.ReplicationController{ObjectMeta: named, Spec: corev1.ReplicationControllerSpec{Replicas: &one, Selector: labels, Template: &template}}, metav1.CreateOptions{})
	for _, err := range []error{errs, err, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, gr := range []schema.GroupResource{{Group: "apps", Resource: "deployments"}, {Group: "apps", Resource: "replicasets"}, {Group: "apps", Resource: "statefulsets"}, {Resource: "replicationcontrollers"}} {
		s, err := scales.Scales(namespace).Get(ctx, gr, "x", metav1.GetOptions{})
		if err != nil {
			t.Fatalf("%v: %v", gr, err)
		}
		equal(t, gr.String()+": selector", s.Status.Selector, "app=x")
		s.Spec.Replicas = 7
		s, err = scales.Scales(namespace).Update(ctx, gr, s, metav1.UpdateOptions{})
		if err != nil {
			t.Fatalf("%v: %v", gr, err)
		}
		equal(t, gr.String()+": replicas", s.Spec.Replicas, 7)
		s, err = scales.Scales(namespace).Patch(ctx, gr.WithVersion("v1"), "x", types.MergePatchType, []byte(`{"spec":{"replicas":8}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatalf("%v: %v", gr, err)
		}
		equal(t, gr.String()+": replicas", s.Spec.Replicas, 8)
	}
	typed, err := client.AppsV1().Deployments(namespace).UpdateScale(ctx, "x", &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 9}}, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "replicas", typed.Spec.Replicas, 9)
}
