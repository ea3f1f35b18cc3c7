package core

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

func validatePersistentVolumeClaim(c *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	s, spec := &c.Spec, field.NewPath("spec")
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(spec.Child("accessModes"), "at least 1 access mode is required"))
	}
	errs = append(errs, corevalidation.LabelSelector(s.Selector, spec.Child("selector"))...)
	errs = append(errs, corevalidation.AccessModes(s.AccessModes, spec.Child("accessModes"))...)
	storage := spec.Child("resources").Key(string(corev1.ResourceStorage))
	if q, ok := s.Resources.Requests[corev1.ResourceStorage]; ok {
		errs = append(errs, corevalidation.PositiveQuantity(q, storage)...)
	} else {
		errs = append(errs, field.Required(storage, ""))
	}
	errs = append(errs, className(s.StorageClassName, spec.Child("storageClassName"))...)
	errs = append(errs, volumeMode(s.VolumeMode, spec.Child("volumeMode"))...)
	errs = append(errs, claimSources(s, spec)...)
	return append(errs, className(s.VolumeAttributesClassName, spec.Child("volumeAttributesClassName"))...)
}

func className(name *string, path *field.Path) field.ErrorList {
	if name == nil || *name == "" {
		return nil
	}
	return corevalidation.DNSSubdomain(*name, path)
}

func claimSources(s *corev1.PersistentVolumeClaimSpec, spec *field.Path) (errs field.ErrorList) {
	d, ref := s.DataSource, s.DataSourceRef
	if d != nil {
		errs = append(errs, claimSource(d.APIGroup, d.Kind, d.Name, spec.Child("dataSource"))...)
	}
	if ref == nil {
		return errs
	}
	errs = append(errs, claimSource(ref.APIGroup, ref.Kind, ref.Name, spec.Child("dataSourceRef"))...)
	if d != nil && (d.Kind != ref.Kind || d.Name != ref.Name || !equality.Semantic.DeepEqual(d.APIGroup, ref.APIGroup)) {
		errs = append(errs, field.Invalid(spec, struct{}{}, "must match dataSourceRef"))
	}
	return errs
}

func claimSource(group *string, kind, name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), ""))
	}
	if group != nil && *group != "" {
		return append(errs, corevalidation.DNSSubdomain(*group, path.Child("apiGroup"))...)
	}
	if kind != "PersistentVolumeClaim" {
		errs = append(errs, field.Invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
	}
	return errs
}

// validatePersistentVolumeClaimUpdate: a claim stays what was asked for, so that
// nobody gets around quotas. It may be bound to a volume once, and when it is
// bound its size and attributes class may change.
func validatePersistentVolumeClaimUpdate(obj, old *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	now, was := obj.Spec.DeepCopy(), old.Spec.DeepCopy()
	if was.VolumeName == "" {
		was.VolumeName = now.VolumeName
	}
	if classFromAnnotation(obj, old) {
		now.StorageClassName = was.StorageClassName
	} else if a, b := obj.Annotations[corev1.BetaStorageClassAnnotation], old.Annotations[corev1.BetaStorageClassAnnotation]; a != b {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "annotations").Key(corev1.BetaStorageClassAnnotation), a, "field is immutable"))
	}
	if obj.Status.Phase == corev1.ClaimBound {
		if now.Resources.Requests != nil {
			now.Resources.Requests[corev1.ResourceStorage] = was.Resources.Requests[corev1.ResourceStorage]
		}
		now.VolumeAttributesClassName = was.VolumeAttributesClassName
	}
	if !equality.Semantic.DeepEqual(now, was) {
		errs = append(errs, field.Forbidden(field.NewPath("spec"),
			"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"+podspec.Diff(was, now)))
	}
	size, before := obj.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if has := old.Status.Capacity[corev1.ResourceStorage]; size.Cmp(before) < 0 && size.Cmp(has) <= 0 {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	return append(errs, validation.ValidateImmutableField(obj.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
}

// classFromAnnotation reports whether an update only moves the class from the
// annotation into the field, or gives one to a claim without any.
func classFromAnnotation(obj, old *corev1.PersistentVolumeClaim) bool {
	if old.Spec.StorageClassName != nil || obj.Spec.StorageClassName == nil {
		return false
	}
	was, ok := old.Annotations[corev1.BetaStorageClassAnnotation]
	now, still := obj.Annotations[corev1.BetaStorageClassAnnotation]
	if ok {
		return *obj.Spec.StorageClassName == was && (!still || now == was)
	}
	return !still
}

func validatePersistentVolumeClaimStatus(obj, _ *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	path := field.NewPath("status")
	for _, l := range []struct {
		name string
		list corev1.ResourceList
	}{{"capacity", obj.Status.Capacity}, {"allocatedResources", obj.Status.AllocatedResources}} {
		for _, name := range slices.Sorted(maps.Keys(l.list)) {
			errs = append(errs, corevalidation.NonNegativeQuantity(l.list[name], path.Child(l.name).Key(string(name)))...)
		}
	}
	states := []corev1.ClaimResourceStatus{corev1.PersistentVolumeClaimControllerResizeInProgress,
		corev1.PersistentVolumeClaimControllerResizeInfeasible, corev1.PersistentVolumeClaimNodeResizeInProgress,
		corev1.PersistentVolumeClaimNodeResizeInfeasible, corev1.PersistentVolumeClaimNodeResizePending}
	for _, name := range slices.Sorted(maps.Keys(obj.Status.AllocatedResourceStatuses)) {
		if !slices.Contains(states, obj.Status.AllocatedResourceStatuses[name]) {
			errs = append(errs, field.NotSupported(path.Child("allocatedResourceStatuses"), name, states))
		}
	}
	return errs
}
