package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

func statefulSets() *registry.Resource {
	return registry.Define(registry.Kind[*appsv1.StatefulSet]{
		Group: group, Version: version, Kind: "StatefulSet",
		Resource: "statefulsets", ShortNames: []string{"sts"}, Categories: []string{"all"}, Namespaced: true,
		Columns: statefulSetColumns(), Cells: statefulSetCells,
		Default:        defaultStatefulSet,
		Validate:       validateStatefulSet,
		ValidateUpdate: validateStatefulSetUpdate,
		// The pods' host names are made of it.
		ValidateName:   apivalidation.NameIsDNSLabel,
		Spec:           func(s *appsv1.StatefulSet) any { return &s.Spec },
		Status:         func(s *appsv1.StatefulSet) any { return &s.Status },
		ValidateStatus: validateStatefulSetStatus,
		Scale: &registry.Scale[*appsv1.StatefulSet]{
			Replicas:       func(s *appsv1.StatefulSet) int32 { return replicas(s.Spec.Replicas) },
			SetReplicas:    func(s *appsv1.StatefulSet, n int32) { s.Spec.Replicas = &n },
			StatusReplicas: func(s *appsv1.StatefulSet) int32 { return s.Status.Replicas },
			Selector:       func(s *appsv1.StatefulSet) string { return selectorText(s.Spec.Selector) },
		},
	})
}

func defaultStatefulSet(set *appsv1.StatefulSet) {
	s := &set.Spec
	fill.Value(&s.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	fill.Value(&s.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		fill.Pointer(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
		fill.Pointer(&s.UpdateStrategy.RollingUpdate.Partition, 0)
	}
	fill.Pointer(&s.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	fill.Value(&s.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	fill.Value(&s.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	fill.Pointer(&s.Replicas, 1)
	fill.Pointer(&s.RevisionHistoryLimit, 10)
	podspec.DefaultPodSpec(&s.Template.Spec)
	for i := range s.VolumeClaimTemplates {
		defaultClaim(&s.VolumeClaimTemplates[i])
	}
}

// defaultClaim fills in what a PersistentVolumeClaim has when it is created.
func defaultClaim(c *corev1.PersistentVolumeClaim) {
	c.APIVersion, c.Kind = "v1", "PersistentVolumeClaim"
	fill.Pointer(&c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	fill.Value(&c.Status.Phase, corev1.ClaimPending)
}

func validateStatefulSet(set *appsv1.StatefulSet) field.ErrorList {
	path, s := field.NewPath("spec"), &set.Spec
	var errs field.ErrorList
	switch s.PodManagementPolicy {
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(path.Child("podManagementPolicy"), s.PodManagementPolicy,
			fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	errs = append(errs, validateStatefulSetStrategy(&s.UpdateStrategy, path.Child("updateStrategy"))...)
	errs = append(errs, validateRetention(s.PersistentVolumeClaimRetentionPolicy, path.Child("persistentVolumeClaimRetentionPolicy"))...)
	errs = append(errs, check.NotNegativePointer(s.Replicas, path.Child("replicas"))...)
	errs = append(errs, check.NotNegative(s.MinReadySeconds, path.Child("minReadySeconds"))...)
	if s.Ordinals != nil {
		errs = append(errs, check.NotNegative(s.Ordinals.Start, path.Child("ordinals", "start"))...)
	}
	errs = append(errs, requiredSelector(s.Selector, path.Child("selector"), "statefulset")...)
	matched, ok := selects(s.Selector, &s.Template, path.Child("template"))
	if !ok {
		return append(errs, field.Invalid(path.Child("selector"), s.Selector, ""))
	}
	errs = append(errs, matched...)
	return append(errs, validateTemplate(&s.Template, path.Child("template"), "StatefulSet")...)
}

func validateStatefulSetStrategy(s *appsv1.StatefulSetUpdateStrategy, path *field.Path) field.ErrorList {
	rolling := path.Child("rollingUpdate")
	switch s.Type {
	case appsv1.OnDeleteStatefulSetStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Invalid(rolling, check.Shown(s.RollingUpdate), fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType))}
		}
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if s.RollingUpdate != nil {
			return validateRollingStatefulSet(s.RollingUpdate, rolling)
		}
	default:
		return field.ErrorList{field.Invalid(path, check.Shown(s),
			fmt.Sprintf("must be '%s' or '%s'", appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType))}
	}
	return nil
}

func validateRollingStatefulSet(r *appsv1.RollingUpdateStatefulSetStrategy, path *field.Path) field.ErrorList {
	errs := check.NotNegativePointer(r.Partition, path.Child("partition"))
	if r.MaxUnavailable == nil {
		return errs
	}
	at := path.Child("maxUnavailable")
	errs = append(errs, check.IntOrPercent(*r.MaxUnavailable, at)...)
	if check.IntOrPercentValue(*r.MaxUnavailable) == 0 {
		errs = append(errs, field.Invalid(at, *r.MaxUnavailable, "cannot be 0"))
	}
	return append(errs, check.AtMostWhole(*r.MaxUnavailable, at)...)
}

func validateRetention(p *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	retain, remove := appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	errs := corevalidation.OneOf(p.WhenDeleted, path.Child("whenDeleted"), retain, remove)
	return append(errs, corevalidation.OneOf(p.WhenScaled, path.Child("whenScaled"), retain, remove)...)
}

// validateStatefulSetUpdate lets change what a running set can follow.
func validateStatefulSetUpdate(obj, old *appsv1.StatefulSet) field.ErrorList {
	rest := obj.Spec
	rest.Replicas, rest.Ordinals = old.Spec.Replicas, old.Spec.Ordinals
	rest.Template, rest.UpdateStrategy = old.Spec.Template, old.Spec.UpdateStrategy
	rest.RevisionHistoryLimit, rest.MinReadySeconds = old.Spec.RevisionHistoryLimit, old.Spec.MinReadySeconds
	rest.PersistentVolumeClaimRetentionPolicy = old.Spec.PersistentVolumeClaimRetentionPolicy
	if equality.Semantic.DeepEqual(rest, old.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec"), "updates to statefulset spec for fields other than 'replicas', "+
		"'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")}
}

func validateStatefulSetStatus(obj, old *appsv1.StatefulSet) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	ready, current := count{"readyReplicas", s.ReadyReplicas}, count{"currentReplicas", s.CurrentReplicas}
	updated, available := count{"updatedReplicas", s.UpdatedReplicas}, count{"availableReplicas", s.AvailableReplicas}
	errs := notNegativeCounts(path, count{"replicas", s.Replicas}, ready, current, updated, available)
	errs = append(errs, check.NotNegative(s.ObservedGeneration, path.Child("observedGeneration"))...)
	errs = append(errs, check.NotNegativePointer(s.CollisionCount, path.Child("collisionCount"))...)
	errs = append(errs, atMost(path, count{"status.replicas", s.Replicas}, ready, current, updated, available)...)
	errs = append(errs, atMost(path, count{"status.readyReplicas", s.ReadyReplicas}, available)...)
	return append(errs, noDecrement(s.CollisionCount, old.Status.CollisionCount, path.Child("collisionCount"))...)
}

func statefulSetColumns() []registry.Column {
	return append([]registry.Column{
		columns.Name(),
		columns.Text("Ready", "Number of the pod with ready state"),
		columns.Age(),
	}, templateColumns("")...)
}

func statefulSetCells(s *appsv1.StatefulSet) []any {
	names, images := columns.Containers(s.Spec.Template.Spec.Containers)
	return []any{s.Name, fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, replicas(s.Spec.Replicas)), columns.Created(s), names, images}
}
