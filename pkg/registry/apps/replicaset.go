package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

func replicaSets() *registry.Resource {
	return registry.Define(registry.Kind[*appsv1.ReplicaSet]{
		Group: group, Version: version, Kind: "ReplicaSet",
		Resource: "replicasets", ShortNames: []string{"rs"}, Categories: []string{"all"}, Namespaced: true,
		Columns: replicaSetColumns(), Cells: replicaSetCells,
		Default: func(r *appsv1.ReplicaSet) {
			fill.Pointer(&r.Spec.Replicas, 1)
			podspec.DefaultPodSpec(&r.Spec.Template.Spec)
		},
		Validate: validateReplicaSet,
		ValidateUpdate: func(obj, old *appsv1.ReplicaSet) field.ErrorList {
			return check.Immutable(obj.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))
		},
		Spec:           func(r *appsv1.ReplicaSet) any { return &r.Spec },
		Status:         func(r *appsv1.ReplicaSet) any { return &r.Status },
		ValidateStatus: validateReplicaSetStatus,
		Scale: &registry.Scale[*appsv1.ReplicaSet]{
			Replicas:       func(r *appsv1.ReplicaSet) int32 { return replicas(r.Spec.Replicas) },
			SetReplicas:    func(r *appsv1.ReplicaSet, n int32) { r.Spec.Replicas = &n },
			StatusReplicas: func(r *appsv1.ReplicaSet) int32 { return r.Status.Replicas },
			Selector:       func(r *appsv1.ReplicaSet) string { return selectorText(r.Spec.Selector) },
		},
	})
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	path, s := field.NewPath("spec"), &r.Spec
	errs := check.NotNegativePointer(s.Replicas, path.Child("replicas"))
	errs = append(errs, check.NotNegative(s.MinReadySeconds, path.Child("minReadySeconds"))...)
	return append(errs, validateReplicaTemplate(s.Selector, &s.Template, path)...)
}

// validateReplicaTemplate checks the selector and the template of what a
// ReplicaSet runs, in it or in a Deployment.
func validateReplicaTemplate(s *metav1.LabelSelector, t *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := requiredSelector(s, path.Child("selector"), "deployment")
	matched, ok := selects(s, t, path.Child("template"))
	if !ok {
		return append(errs, field.Invalid(path.Child("selector"), s, "invalid label selector"))
	}
	errs = append(errs, matched...)
	return append(errs, validateTemplate(t, path.Child("template"), "ReplicaSet")...)
}

func validateReplicaSetStatus(obj, _ *appsv1.ReplicaSet) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	labeled, ready := count{"fullyLabeledReplicas", s.FullyLabeledReplicas}, count{"readyReplicas", s.ReadyReplicas}
	available := count{"availableReplicas", s.AvailableReplicas}
	errs := notNegativeCounts(path, count{"replicas", s.Replicas}, labeled, ready, available)
	errs = append(errs, check.NotNegativePointer(s.TerminatingReplicas, path.Child("terminatingReplicas"))...)
	errs = append(errs, check.NotNegative(s.ObservedGeneration, path.Child("observedGeneration"))...)
	errs = append(errs, atMost(path, count{"status.replicas", s.Replicas}, labeled, ready, available)...)
	return append(errs, atMost(path, ready, available)...)
}

func replicaSetColumns() []registry.Column {
	spec, status := appsv1.ReplicaSetSpec{}.SwaggerDoc(), appsv1.ReplicaSetStatus{}.SwaggerDoc()
	return append([]registry.Column{
		columns.Name(),
		columns.Integer("Desired", spec["replicas"]),
		columns.Integer("Current", status["replicas"]),
		columns.Integer("Ready", status["readyReplicas"]),
		columns.Age(),
	}, templateColumns(spec["selector"])...)
}

func replicaSetCells(r *appsv1.ReplicaSet) []any {
	names, images := columns.Containers(r.Spec.Template.Spec.Containers)
	return []any{r.Name, int64(replicas(r.Spec.Replicas)), int64(r.Status.Replicas), int64(r.Status.ReadyReplicas),
		columns.Created(r), names, images, columns.Selector(r.Spec.Selector)}
}

// replicas is a replica count that defaulting has filled in.
func replicas(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// selectorText is a label selector in the form that /scale shows.
func selectorText(s *metav1.LabelSelector) string {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return "" // what was stored before it was validated
	}
	return selector.String()
}
