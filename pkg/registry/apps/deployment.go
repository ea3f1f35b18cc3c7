package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

func deployments() *registry.Resource {
	return registry.Define(registry.Kind[*appsv1.Deployment]{
		Group: group, Version: version, Kind: "Deployment",
		Resource: "deployments", ShortNames: []string{"deploy"}, Categories: []string{"all"}, Namespaced: true,
		Columns: deploymentColumns(), Cells: deploymentCells,
		Default:  defaultDeployment,
		Validate: validateDeployment,
		ValidateUpdate: func(obj, old *appsv1.Deployment) field.ErrorList {
			return check.Immutable(obj.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))
		},
		// The deployment controller copies annotations to its replica sets: a
		// change of them is a change of what is wanted.
		Spec:            func(d *appsv1.Deployment) any { return deploymentSpec{&d.Spec, d.Annotations} },
		Status:          func(d *appsv1.Deployment) any { return &d.Status },
		IgnoredByStatus: []string{"metadata.labels", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *appsv1.Deployment) {
			obj.Labels = old.Labels
		},
		ValidateStatus: validateDeploymentStatus,
		Scale: &registry.Scale[*appsv1.Deployment]{
			Replicas:       func(d *appsv1.Deployment) int32 { return replicas(d.Spec.Replicas) },
			SetReplicas:    func(d *appsv1.Deployment, n int32) { d.Spec.Replicas = &n },
			StatusReplicas: func(d *appsv1.Deployment) int32 { return d.Status.Replicas },
			Selector:       func(d *appsv1.Deployment) string { return selectorText(d.Spec.Selector) },
		},
	})
}

// deploymentSpec is what moves a Deployment's generation.
type deploymentSpec struct {
	Spec        *appsv1.DeploymentSpec
	Annotations map[string]string
}

func defaultDeployment(d *appsv1.Deployment) {
	s := &d.Spec
	fill.Pointer(&s.Replicas, 1)
	fill.Value(&s.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		fill.Pointer(&s.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		fill.Pointer(&s.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		fill.Pointer(&s.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	fill.Pointer(&s.RevisionHistoryLimit, 10)
	fill.Pointer(&s.ProgressDeadlineSeconds, 600)
	podspec.DefaultPodSpec(&s.Template.Spec)
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	path, s := field.NewPath("spec"), &d.Spec
	errs := check.NotNegativePointer(s.Replicas, path.Child("replicas"))
	errs = append(errs, validateReplicaTemplate(s.Selector, &s.Template, path)...)
	errs = append(errs, validateDeploymentStrategy(&s.Strategy, path.Child("strategy"))...)
	errs = append(errs, check.NotNegative(s.MinReadySeconds, path.Child("minReadySeconds"))...)
	errs = append(errs, check.NotNegativePointer(s.RevisionHistoryLimit, path.Child("revisionHistoryLimit"))...)
	if p := s.ProgressDeadlineSeconds; p != nil {
		at := path.Child("progressDeadlineSeconds")
		errs = append(errs, check.NotNegative(*p, at)...)
		if *p <= s.MinReadySeconds {
			errs = append(errs, field.Invalid(at, *p, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateDeploymentStrategy(s *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	rolling := path.Child("rollingUpdate")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(rolling, "may not be specified when strategy `type` is '"+string(s.Type)+"'")}
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(rolling, "this should be defaulted and never be nil")}
		}
		return validateRollingDeployment(s.RollingUpdate, rolling)
	default:
		return field.ErrorList{field.NotSupported(path, check.Shown(s), []appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
	}
	return nil
}

func validateRollingDeployment(r *appsv1.RollingUpdateDeployment, path *field.Path) field.ErrorList {
	unavailable, surge := deref(r.MaxUnavailable), deref(r.MaxSurge)
	errs := check.IntOrPercent(unavailable, path.Child("maxUnavailable"))
	errs = append(errs, check.IntOrPercent(surge, path.Child("maxSurge"))...)
	if check.IntOrPercentValue(unavailable) == 0 && check.IntOrPercentValue(surge) == 0 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0"))
	}
	return append(errs, check.AtMostWhole(unavailable, path.Child("maxUnavailable"))...)
}

func validateDeploymentStatus(obj, old *appsv1.Deployment) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	errs := check.NotNegative(s.ObservedGeneration, path.Child("observedGeneration"))
	whole, ready := count{"status.replicas", s.Replicas}, count{"readyReplicas", s.ReadyReplicas}
	updated, available := count{"updatedReplicas", s.UpdatedReplicas}, count{"availableReplicas", s.AvailableReplicas}
	errs = append(errs, notNegativeCounts(path, count{"replicas", s.Replicas}, updated, ready, available,
		count{"unavailableReplicas", s.UnavailableReplicas})...)
	errs = append(errs, check.NotNegativePointer(s.TerminatingReplicas, path.Child("terminatingReplicas"))...)
	errs = append(errs, check.NotNegativePointer(s.CollisionCount, path.Child("collisionCount"))...)
	errs = append(errs, atMost(path, whole, updated, ready, available)...)
	errs = append(errs, atMost(path, ready, available)...)
	return append(errs, noDecrement(s.CollisionCount, old.Status.CollisionCount, path.Child("collisionCount"))...)
}

func deploymentColumns() []registry.Column {
	status := appsv1.DeploymentStatus{}.SwaggerDoc()
	return append([]registry.Column{
		columns.Name(),
		columns.Text("Ready", "Number of the pod with ready state"),
		columns.Text("Up-to-date", status["updatedReplicas"]),
		columns.Text("Available", status["availableReplicas"]),
		columns.Age(),
	}, templateColumns(appsv1.DeploymentSpec{}.SwaggerDoc()["selector"])...)
}

func deploymentCells(d *appsv1.Deployment) []any {
	names, images := columns.Containers(d.Spec.Template.Spec.Containers)
	return []any{d.Name, fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, replicas(d.Spec.Replicas)),
		int64(d.Status.UpdatedReplicas), int64(d.Status.AvailableReplicas), columns.Created(d),
		names, images, columns.Selector(d.Spec.Selector)}
}

// deref is a count or share that was defaulted; zero where it was not.
func deref(v *intstr.IntOrString) intstr.IntOrString {
	if v == nil {
		return intstr.IntOrString{}
	}
	return *v
}
