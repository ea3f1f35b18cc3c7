package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

func daemonSets() *registry.Resource {
	return registry.Define(registry.Kind[*appsv1.DaemonSet]{
		Group: group, Version: version, Kind: "DaemonSet",
		Resource: "daemonsets", ShortNames: []string{"ds"}, Categories: []string{"all"}, Namespaced: true,
		Columns: daemonSetColumns(), Cells: daemonSetCells,
		Default:       defaultDaemonSet,
		Prepare:       func(_ *registry.Request, d *appsv1.DaemonSet) { prepareDaemonSet(d) },
		PrepareUpdate: func(_ *registry.Request, obj, old *appsv1.DaemonSet) { prepareDaemonSetUpdate(obj, old) },
		Validate:      validateDaemonSet,
		ValidateUpdate: func(obj, old *appsv1.DaemonSet) field.ErrorList {
			return check.Immutable(obj.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))
		},
		Spec:   func(d *appsv1.DaemonSet) any { return &d.Spec },
		Status: func(d *appsv1.DaemonSet) any { return &d.Status },
		PrepareStatus: func(_ *registry.Request, obj, old *appsv1.DaemonSet) {
			setTemplateGeneration(obj, templateGeneration(old))
		},
		ValidateStatus: validateDaemonSetStatus,
	})
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	s := &d.Spec
	fill.Value(&s.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		fill.Pointer(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		fill.Pointer(&s.UpdateStrategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		fill.Pointer(&s.UpdateStrategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	fill.Pointer(&s.RevisionHistoryLimit, 10)
	podspec.DefaultPodSpec(&s.Template.Spec)
}

// prepareDaemonSet starts the count of templates, which lives in an annotation
// since it left the spec. A client's own number is kept when it is one.
func prepareDaemonSet(d *appsv1.DaemonSet) {
	if templateGeneration(d) < 1 {
		setTemplateGeneration(d, 1)
	}
}

// prepareDaemonSetUpdate counts a change of the template; clients may not.
func prepareDaemonSetUpdate(obj, old *appsv1.DaemonSet) {
	n := templateGeneration(old)
	if !equality.Semantic.DeepEqual(obj.Spec.Template, old.Spec.Template) {
		n++
	}
	setTemplateGeneration(obj, n)
}

func templateGeneration(d *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func setTemplateGeneration(d *appsv1.DaemonSet, n int64) {
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(n, 10)
}

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	path, s := field.NewPath("spec"), &d.Spec
	errs := corevalidation.LabelSelector(s.Selector, path.Child("selector"))
	matched, _ := selects(s.Selector, &s.Template, path.Child("template"))
	errs = append(errs, matched...)
	errs = append(errs, notEmpty(s.Selector, path.Child("selector"), "daemonset")...)
	errs = append(errs, validateTemplate(&s.Template, path.Child("template"), "DaemonSet")...)
	errs = append(errs, check.NotNegative(s.MinReadySeconds, path.Child("minReadySeconds"))...)
	errs = append(errs, validateDaemonSetStrategy(&s.UpdateStrategy, path.Child("updateStrategy"))...)
	return append(errs, check.NotNegativePointer(s.RevisionHistoryLimit, path.Child("revisionHistoryLimit"))...)
}

func validateDaemonSetStrategy(s *appsv1.DaemonSetUpdateStrategy, path *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(path.Child("rollingUpdate"), "")}
		}
		return validateRollingDaemonSet(s.RollingUpdate, path.Child("rollingUpdate"))
	}
	return field.ErrorList{field.NotSupported(path, check.Shown(s), []appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
}

func validateRollingDaemonSet(r *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	unavailable, surge := deref(r.MaxUnavailable), deref(r.MaxSurge)
	errs := check.IntOrPercent(unavailable, path.Child("maxUnavailable"))
	errs = append(errs, check.IntOrPercent(surge, path.Child("maxSurge"))...)
	errs = append(errs, check.AtMostWhole(unavailable, path.Child("maxUnavailable"))...)
	errs = append(errs, check.AtMostWhole(surge, path.Child("maxSurge"))...)
	// A pod is replaced in place or by one beside it, not both.
	hasUnavailable, hasSurge := check.IntOrPercentValue(unavailable) != 0, check.IntOrPercentValue(surge) != 0
	switch {
	case hasUnavailable && hasSurge:
		errs = append(errs, field.Invalid(path.Child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero"))
	case !hasUnavailable && !hasSurge:
		errs = append(errs, field.Required(path.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

func validateDaemonSetStatus(obj, old *appsv1.DaemonSet) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	errs := notNegativeCounts(path,
		count{"currentNumberScheduled", s.CurrentNumberScheduled},
		count{"numberMisscheduled", s.NumberMisscheduled},
		count{"desiredNumberScheduled", s.DesiredNumberScheduled},
		count{"numberReady", s.NumberReady})
	errs = append(errs, check.NotNegative(s.ObservedGeneration, path.Child("observedGeneration"))...)
	errs = append(errs, notNegativeCounts(path,
		count{"updatedNumberScheduled", s.UpdatedNumberScheduled},
		count{"numberAvailable", s.NumberAvailable},
		count{"numberUnavailable", s.NumberUnavailable})...)
	errs = append(errs, check.NotNegativePointer(s.CollisionCount, path.Child("collisionCount"))...)
	return append(errs, noDecrement(s.CollisionCount, old.Status.CollisionCount, path.Child("collisionCount"))...)
}

func daemonSetColumns() []registry.Column {
	status := appsv1.DaemonSetStatus{}.SwaggerDoc()
	return append([]registry.Column{
		columns.Name(),
		columns.Integer("Desired", status["desiredNumberScheduled"]),
		columns.Integer("Current", status["currentNumberScheduled"]),
		columns.Integer("Ready", status["numberReady"]),
		columns.Integer("Up-to-date", status["updatedNumberScheduled"]),
		columns.Integer("Available", status["numberAvailable"]),
		columns.Text("Node Selector", "A selector which must be true for the pod to fit on a node."),
		columns.Age(),
	}, templateColumns(appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"])...)
}

func daemonSetCells(d *appsv1.DaemonSet) []any {
	names, images := columns.Containers(d.Spec.Template.Spec.Containers)
	s := &d.Status
	return []any{d.Name, int64(s.DesiredNumberScheduled), int64(s.CurrentNumberScheduled), int64(s.NumberReady),
		int64(s.UpdatedNumberScheduled), int64(s.NumberAvailable), columns.Labels(d.Spec.Template.Spec.NodeSelector),
		columns.Created(d), names, images, columns.Selector(d.Spec.Selector)}
}
