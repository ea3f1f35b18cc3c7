package core

import (
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// TestTable pins what clients and data files know of each kind.
func TestTable(t *testing.T) {
	all := "create,delete,deletecollection,get,list,patch,update,watch"
	want := map[string]string{
		"ComponentStatus":       "componentstatuses cluster componentstatuses cs - get,list",
		"ConfigMap":             "configmaps namespaced configmaps cm - " + all,
		"Endpoints":             "endpoints namespaced services/endpoints ep - " + all,
		"Event":                 "events namespaced events ev - " + all,
		"LimitRange":            "limitranges namespaced limitranges limits - " + all,
		"Namespace":             "namespaces cluster namespaces ns - create,delete,get,list,patch,update,watch",
		"Node":                  "nodes cluster minions no - " + all,
		"PersistentVolumeClaim": "persistentvolumeclaims namespaced persistentvolumeclaims pvc - " + all,
		"PersistentVolume":      "persistentvolumes cluster persistentvolumes pv - " + all,
		"ReplicationController": "replicationcontrollers namespaced controllers rc all " + all,
		"ResourceQuota":         "resourcequotas namespaced resourcequotas quota - " + all,
		"Secret":                "secrets namespaced secrets  - " + all,
		"ServiceAccount":        "serviceaccounts namespaced serviceaccounts sa - " + all,
		"Service":               "services namespaced services/specs svc all " + all,
	}
	seen := map[string]bool{}
	for _, r := range Kinds() {
		if seen[r.Prefix] && r.Prefix != "" && len(r.Verbs) > 1 {
			t.Errorf("two kinds have the prefix %s", r.Prefix)
		}
		seen[r.Prefix] = true
		w, ok := want[r.Kind.Kind]
		if !ok {
			continue // a kind with tests of its own
		}
		delete(want, r.Kind.Kind)
		scope, categories := "cluster", "-"
		if r.Namespaced {
			scope = "namespaced"
		}
		if len(r.Categories) > 0 {
			categories = strings.Join(r.Categories, ",")
		}
		got := strings.Join([]string{r.Resource, scope, r.Prefix, strings.Join(r.ShortNames, ","), categories, strings.Join(r.Verbs, ",")}, " ")
		if got != w {
			t.Errorf("%s: %s\nwant %s", r.Kind.Kind, got, w)
		}
		if r.Group != "" || r.Version != "v1" || r.Singular != strings.ToLower(r.Kind.Kind) {
			t.Errorf("%s: group %q, version %q, singular %q", r.Kind.Kind, r.Group, r.Version, r.Singular)
		}
	}
	for kind := range want {
		t.Errorf("%s is missing", kind)
	}
}

// TestColumnsHaveDescriptions: kubectl explain is no help for a table.
func TestColumnsHaveDescriptions(t *testing.T) {
	for _, r := range Kinds() {
		for _, c := range r.Columns {
			if c.Description == "" || c.Type == "" || c.Name == "" {
				t.Errorf("%s: %+v", r.Kind.Kind, c)
			}
		}
	}
}

// filler makes random objects.
func filler(seed uint64) *randfill.Filler {
	return randfill.NewWithSeed(int64(seed)).NilChance(.5).NumElements(0, 3).MaxDepth(12).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(4000)-1000, resource.DecimalSI)
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			*v = intstr.FromInt32(c.Int31n(3))
			if c.Bool() {
				*v = intstr.FromString(c.String(3))
			}
		},
		func(m *metav1.ManagedFieldsEntry, _ randfill.Continue) {},
		func(s *corev1.ServiceType, c randfill.Continue) {
			*s = []corev1.ServiceType{"", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "Other"}[c.Intn(6)]
		},
		func(s *corev1.ServiceAffinity, c randfill.Continue) {
			*s = []corev1.ServiceAffinity{"", "None", "ClientIP", "X"}[c.Intn(4)]
		},
		func(s *corev1.SecretType, c randfill.Continue) {
			*s = []corev1.SecretType{"", "Opaque", corev1.SecretTypeTLS, corev1.SecretTypeDockercfg, corev1.SecretTypeSSHAuth}[c.Intn(5)]
		},
		func(s *corev1.LimitType, c randfill.Continue) {
			*s = []corev1.LimitType{"Pod", "Container", "PersistentVolumeClaim", "X"}[c.Intn(4)]
		},
	)
}

// TestRandom: defaults are idempotent, and nothing panics whatever an object
// holds, nor changes what it may only look at.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := filler(seed)
	for _, r := range Kinds() {
		for range 40 {
			o, old := r.New(), r.New()
			f.Fill(o)
			f.Fill(old)
			again(t, r, o)
			again(t, r, old)
			look(t, r, o, old)
		}
	}
}

func again(t *testing.T, r *registry.Resource, o registry.Object) {
	t.Helper()
	if r.Default == nil {
		return
	}
	r.Default(o)
	once := o.DeepCopyObject()
	r.Default(o)
	if !equality.Semantic.DeepEqual(once, o) {
		t.Fatalf("defaults of %s change when they run twice:\n%+v\n%+v", r.Kind.Kind, once, o)
	}
}

func look(t *testing.T, r *registry.Resource, o, old registry.Object) {
	t.Helper()
	if r.Prepare != nil {
		r.Prepare(request(), o)
	}
	if r.PrepareUpdate != nil {
		r.PrepareUpdate(request(), o, old)
	}
	if r.PrepareStatus != nil {
		r.PrepareStatus(request(), o, old)
	}
	was := o.DeepCopyObject()
	if r.Validate != nil {
		r.Validate(o)
	}
	if r.ValidateUpdate != nil {
		r.ValidateUpdate(o, old)
	}
	if r.ValidateStatus != nil {
		r.ValidateStatus(o, old)
	}
	if r.Warnings != nil {
		r.Warnings(o)
	}
	if r.Cells != nil {
		if n := len(r.Cells(o)); n != len(r.Columns) {
			t.Fatalf("%s has %d cells and %d columns", r.Kind.Kind, n, len(r.Columns))
		}
	}
	for _, f := range r.Fields {
		f.Get(o)
	}
	for _, a := range r.Also {
		served, err := a.FromStored(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.ToStored(served); err != nil {
			t.Fatal(err)
		}
	}
	if !equality.Semantic.DeepEqual(was, o) {
		t.Fatalf("looking at a %s changed it", r.Kind.Kind)
	}
}
