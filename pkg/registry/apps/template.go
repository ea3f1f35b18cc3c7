package apps

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// validateTemplate checks the pod template of a workload whose pods run for
// ever; owner names the kind in a message.
func validateTemplate(t *corev1.PodTemplateSpec, path *field.Path, owner string) field.ErrorList {
	errs := podspec.ValidatePodTemplate(t, path)
	spec := path.Child("spec")
	if t.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(spec.Child("restartPolicy"), t.Spec.RestartPolicy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(spec.Child("activeDeadlineSeconds"), "activeDeadlineSeconds in "+owner+" is not Supported"))
	}
	return errs
}

// requiredSelector checks a workload's selector, which must be there and must
// select something; kind names the workload in a message.
func requiredSelector(s *metav1.LabelSelector, path *field.Path, kind string) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := corevalidation.LabelSelector(s, path)
	return append(errs, notEmpty(s, path, kind)...)
}

func notEmpty(s *metav1.LabelSelector, path *field.Path, kind string) field.ErrorList {
	if s != nil && len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return field.ErrorList{field.Invalid(path, s, "empty selector is invalid for "+kind)}
	}
	return nil
}

// selects checks that a selector matches the labels of its own template, at
// path. An empty selector has its own error. It reports false for a selector
// that is none at all.
func selects(s *metav1.LabelSelector, t *corev1.PodTemplateSpec, path *field.Path) (field.ErrorList, bool) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, false
	}
	if !selector.Empty() && !selector.Matches(labels.Set(t.Labels)) {
		return field.ErrorList{field.Invalid(path.Child("metadata", "labels"), t.Labels, "`selector` does not match template `labels`")}, true
	}
	return nil, true
}

// count is a replica count of a status under its name.
type count struct {
	name string
	n    int32
}

// notNegativeCounts says that none of the counts of a status may be below zero.
func notNegativeCounts(path *field.Path, counts ...count) field.ErrorList {
	var errs field.ErrorList
	for _, c := range counts {
		errs = append(errs, check.NotNegative(c.n, path.Child(c.name))...)
	}
	return errs
}

// atMost says that none of the counts may exceed the one named whole.
func atMost(path *field.Path, whole count, counts ...count) field.ErrorList {
	var errs field.ErrorList
	for _, c := range counts {
		if c.n > whole.n {
			errs = append(errs, field.Invalid(path.Child(c.name), c.n, "cannot be greater than "+whole.name))
		}
	}
	return errs
}

// noDecrement says that a counter of collisions only grows.
func noDecrement(obj, old *int32, path *field.Path) field.ErrorList {
	if old == nil || obj != nil && *obj >= *old {
		return nil
	}
	var n int32
	if obj != nil {
		n = *obj
	}
	return field.ErrorList{field.Invalid(path, n, "cannot be decremented")}
}

// templateColumns are the wide columns of a workload; without a description of
// its selector it does not show one.
func templateColumns(selector string) []registry.Column {
	cols := []registry.Column{
		columns.Wide(columns.Text("Containers", "Names of each container in the template.")),
		columns.Wide(columns.Text("Images", "Images referenced by each container in the template.")),
	}
	if selector != "" {
		cols = append(cols, columns.Wide(columns.Text("Selector", selector)))
	}
	return cols
}
