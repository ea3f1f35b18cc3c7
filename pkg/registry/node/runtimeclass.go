package node

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func runtimeClasses() *registry.Resource {
	return registry.Define(registry.Kind[*nodev1.RuntimeClass]{
		Group: "node.k8s.io", Version: "v1", Kind: "RuntimeClass",
		Resource: "runtimeclasses",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Handler", ""), // kube-apiserver does not describe it either
			columns.Age(),
		},
		Cells: func(c *nodev1.RuntimeClass) []any {
			return []any{c.Name, c.Handler, columns.Created(c)}
		},
		Validate: validateRuntimeClass,
		ValidateUpdate: func(obj, old *nodev1.RuntimeClass) field.ErrorList {
			return check.Immutable(obj.Handler, old.Handler, field.NewPath("handler"))
		},
		AllowCreateOnUpdate:       true,
		RefuseUnconditionalUpdate: true,
	})
}

func validateRuntimeClass(c *nodev1.RuntimeClass) field.ErrorList {
	path := field.NewPath("handler")
	var errs field.ErrorList
	if c.Handler == "" {
		errs = append(errs, field.Required(path, ""))
	} else {
		errs = append(errs, corevalidation.DNSLabel(c.Handler, path)...)
	}
	if c.Overhead != nil {
		errs = append(errs, validateOverhead(c.Overhead.PodFixed, field.NewPath("overhead"))...)
	}
	if c.Scheduling != nil {
		errs = append(errs, validateScheduling(c.Scheduling, field.NewPath("scheduling"))...)
	}
	return errs
}

// validateOverhead checks the overhead as the limits of a container.
func validateOverhead(l corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(l)) {
		at := path.Child("limits").Key(string(name))
		errs = append(errs, corevalidation.QualifiedName(string(name), at)...)
		errs = append(errs, corevalidation.ResourceQuantity(name, l[name], at)...)
	}
	return errs
}

func validateScheduling(s *nodev1.Scheduling, path *field.Path) field.ErrorList {
	errs := corevalidation.Labels(s.NodeSelector, path.Child("nodeSelector"))
	tolerations := path.Child("tolerations")
	for i, t := range s.Tolerations {
		errs = append(errs, validateToleration(&s.Tolerations[i], tolerations.Index(i))...)
		if slices.ContainsFunc(s.Tolerations[:i], func(o corev1.Toleration) bool { return sameToleration(&o, &t) }) {
			errs = append(errs, field.Duplicate(tolerations.Index(i), check.Shown(t)))
		}
	}
	return errs
}

func validateToleration(t *corev1.Toleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, corevalidation.QualifiedName(t.Key, path.Child("key"))...)
	}
	if t.Key == "" && t.Operator != corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(path.Child("operator"), t.Operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(path.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
	}
	switch t.Operator {
	case corev1.TolerationOpEqual, "":
	case corev1.TolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(path.Child("operator"), t, "value must be empty when `operator` is 'Exists'"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("operator"), t.Operator, []corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists}))
	}
	if t.Effect != "" {
		errs = append(errs, corevalidation.OneOf(t.Effect, path.Child("effect"), corev1.TaintEffectNoExecute, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule)...)
	}
	return errs
}

// sameToleration reports whether two tolerations tolerate the same for the same time.
func sameToleration(a, b *corev1.Toleration) bool {
	if a.Key != b.Key || a.Effect != b.Effect || a.Operator != b.Operator || a.Value != b.Value {
		return false
	}
	if a.TolerationSeconds == nil || b.TolerationSeconds == nil {
		return a.TolerationSeconds == b.TolerationSeconds
	}
	return *a.TolerationSeconds == *b.TolerationSeconds
}
