package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func podDisruptionBudgets() *registry.Resource {
	spec, status := policyv1.PodDisruptionBudgetSpec{}.SwaggerDoc(), policyv1.PodDisruptionBudgetStatus{}.SwaggerDoc()
	return registry.Define(registry.Kind[*policyv1.PodDisruptionBudget]{
		Group: "policy", Version: "v1", Kind: "PodDisruptionBudget",
		Resource: "poddisruptionbudgets", ShortNames: []string{"pdb"}, Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Min Available", spec["minAvailable"]),
			columns.Text("Max Unavailable", spec["maxUnavailable"]),
			columns.Integer("Allowed Disruptions", status["disruptionsAllowed"]),
			columns.Age(),
		},
		Cells: func(b *policyv1.PodDisruptionBudget) []any {
			return []any{b.Name, bound(b.Spec.MinAvailable), bound(b.Spec.MaxUnavailable), int64(b.Status.DisruptionsAllowed), columns.Created(b)}
		},
		ValidateName:   apipath.ValidatePathSegmentName,
		Validate:       validateBudget,
		Spec:           func(b *policyv1.PodDisruptionBudget) any { return &b.Spec },
		Status:         func(b *policyv1.PodDisruptionBudget) any { return &b.Status },
		ValidateStatus: validateBudgetStatus,
		// The eviction of a pod counts on nobody writing over its own write.
		RefuseUnconditionalUpdate: true,
	})
}

func bound(v *intstr.IntOrString) string {
	if v == nil {
		return "N/A"
	}
	return v.String()
}

func validateBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	path, s := field.NewPath("spec"), &b.Spec
	var errs field.ErrorList
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(path, check.Shown(s), "minAvailable and maxUnavailable cannot be both set"))
	}
	if s.MinAvailable != nil {
		errs = append(errs, check.IntOrPercent(*s.MinAvailable, path.Child("minAvailable"))...)
		errs = append(errs, check.AtMostWhole(*s.MinAvailable, path.Child("minAvailable"))...)
	}
	if s.MaxUnavailable != nil {
		errs = append(errs, check.IntOrPercent(*s.MaxUnavailable, path.Child("maxUnavailable"))...)
		errs = append(errs, check.AtMostWhole(*s.MaxUnavailable, path.Child("maxUnavailable"))...)
	}
	errs = append(errs, corevalidation.LabelSelector(s.Selector, path.Child("selector"))...)
	if s.UnhealthyPodEvictionPolicy != nil {
		errs = append(errs, corevalidation.OneOf(*s.UnhealthyPodEvictionPolicy, path.Child("unhealthyPodEvictionPolicy"), policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return errs
}

func validateBudgetStatus(obj, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	errs := metav1validation.ValidateConditions(s.Conditions, path.Child("conditions"))
	errs = append(errs, check.NotNegative(s.DisruptionsAllowed, path.Child("disruptionsAllowed"))...)
	errs = append(errs, check.NotNegative(s.CurrentHealthy, path.Child("currentHealthy"))...)
	errs = append(errs, check.NotNegative(s.DesiredHealthy, path.Child("desiredHealthy"))...)
	return append(errs, check.NotNegative(s.ExpectedPods, path.Child("expectedPods"))...)
}
