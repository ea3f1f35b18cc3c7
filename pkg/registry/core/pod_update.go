package core

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/equal"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// validatePodUpdate returns what is wrong with a change of a pod: nearly all of
// a spec stands once the pod exists.
func validatePodUpdate(obj, old *corev1.Pod) field.ErrorList {
	errs := validatePodAnnotations(obj, old)
	spec := field.NewPath("spec")
	for _, list := range [...]struct {
		name      string
		now, were []corev1.Container
	}{
		{"containers", obj.Spec.Containers, old.Spec.Containers},
		{"initContainers", obj.Spec.InitContainers, old.Spec.InitContainers},
	} {
		at := spec.Child(list.name)
		if len(list.now) != len(list.were) {
			return append(errs, field.Forbidden(at, "pod updates may not add or remove containers"))
		}
		for i := range list.now {
			if list.now[i].Image == "" {
				errs = append(errs, field.Required(at.Index(i).Child("image"), ""))
			}
		}
	}
	if err := validateDeadline(obj, old, spec.Child("activeDeadlineSeconds")); err != nil {
		return append(errs, err)
	}
	errs = append(errs, validateTolerationsAdded(obj, old, spec.Child("tolerations"))...)
	errs = append(errs, validateGatesRemoved(obj, old, spec.Child("schedulingGates"))...)
	if equal.Semantic(&obj.Spec, &old.Spec) {
		return errs
	}
	kept := keepUpdatable(obj, old)
	if len(old.Spec.SchedulingGates) > 0 {
		errs = append(errs, narrowWhileGated(kept, &old.Spec, spec)...)
	}
	if !equal.Semantic(kept, &old.Spec) {
		errs = append(errs, field.Forbidden(spec, "pod updates may not change fields other than "+updatable+"\n"+podspec.Diff(old.Spec, *kept)))
	}
	return errs
}

// updatable tells clients what an update may change.
const updatable = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
	"`spec.tolerations` (only additions to existing tolerations)," +
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// keepUpdatable is obj's spec with everything taken from old that an update may
// change: what differs still may not.
func keepUpdatable(obj, old *corev1.Pod) *corev1.PodSpec {
	kept := obj.Spec.DeepCopy()
	for i := range kept.Containers {
		kept.Containers[i].Image = old.Spec.Containers[i].Image
	}
	for i := range kept.InitContainers {
		kept.InitContainers[i].Image = old.Spec.InitContainers[i].Image
	}
	kept.ActiveDeadlineSeconds = old.Spec.ActiveDeadlineSeconds
	kept.Tolerations = old.Spec.Tolerations
	kept.SchedulingGates = old.Spec.SchedulingGates
	was, is := old.Spec.TerminationGracePeriodSeconds, kept.TerminationGracePeriodSeconds
	if was != nil && *was < 0 && is != nil && *is == 1 {
		kept.TerminationGracePeriodSeconds = was
	}
	return kept
}

// validatePodAnnotations keeps annotations by which nodes and the API know a pod.
func validatePodAnnotations(obj, old *corev1.Pod) (errs field.ErrorList) {
	at := field.NewPath("metadata", "annotations")
	for _, k := range changedKeys(old.Annotations, obj.Annotations) {
		switch {
		case strings.HasPrefix(k, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix):
			errs = append(errs, field.Forbidden(at.Key(k), "may not remove or update AppArmor annotations"))
		case k == podspec.MirrorAnnotation:
			errs = append(errs, field.Forbidden(at.Key(k), "may not remove or update mirror pod annotation"))
		}
	}
	for _, k := range addedKeys(obj.Annotations, old.Annotations) {
		switch {
		case strings.HasPrefix(k, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix):
			errs = append(errs, field.Forbidden(at.Key(k), "may not add AppArmor annotations"))
		case k == podspec.MirrorAnnotation:
			errs = append(errs, field.Forbidden(at.Key(k), "may not add mirror pod annotation"))
		}
	}
	return errs
}

// validateDeadline: a deadline may be set and may come nearer.
func validateDeadline(obj, old *corev1.Pod, at *field.Path) *field.Error {
	is, was := obj.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds
	switch {
	case is == nil && was == nil:
		return nil
	case is == nil:
		return field.Invalid(at, is, "must not update from a positive integer to nil value")
	case *is < 0 || *is > math.MaxInt32:
		return field.Invalid(at, *is, validation.InclusiveRangeError(0, math.MaxInt32))
	case was != nil && *is > *was:
		return field.Invalid(at, *is, "must be less than or equal to previous value")
	}
	return nil
}

// validateTolerationsAdded: tolerations may be added and may last longer or
// shorter; none may go.
func validateTolerationsAdded(obj, old *corev1.Pod, at *field.Path) field.ErrorList {
	if equality.Semantic.DeepEqual(obj.Spec.Tolerations, old.Spec.Tolerations) {
		return nil
	}
	have := make(map[corev1.Toleration]bool, len(obj.Spec.Tolerations))
	for _, t := range obj.Spec.Tolerations {
		t.TolerationSeconds = nil
		have[t] = true
	}
	for _, t := range old.Spec.Tolerations {
		t.TolerationSeconds = nil
		if !have[t] {
			return field.ErrorList{field.Forbidden(at, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

func validateGatesRemoved(obj, old *corev1.Pod, at *field.Path) (errs field.ErrorList) {
	had := make(map[string]bool, len(old.Spec.SchedulingGates))
	for _, g := range old.Spec.SchedulingGates {
		had[g.Name] = true
	}
	for i, g := range obj.Spec.SchedulingGates {
		if !had[g.Name] {
			errs = append(errs, field.Forbidden(at.Index(i).Child("name"),
				fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", g.Name)))
		}
	}
	return errs
}

// narrowWhileGated allows a pod that is not to be scheduled yet to become more
// particular about its node. What it allows it takes from old, in kept.
func narrowWhileGated(kept, old *corev1.PodSpec, spec *field.Path) (errs field.ErrorList) {
	if len(changedKeys(old.NodeSelector, kept.NodeSelector)) > 0 {
		errs = append(errs, field.Invalid(spec.Child("nodeSelector"), kept.NodeSelector,
			"only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
	}
	kept.NodeSelector = old.NodeSelector

	is, was := nodeAffinity(kept), nodeAffinity(old)
	if !equality.Semantic.DeepEqual(is, was) {
		errs = append(errs, validateNarrower(is, was, spec.Child("affinity", "nodeAffinity"))...)
	}
	switch {
	case kept.Affinity == nil && was != nil:
		kept.Affinity = &corev1.Affinity{NodeAffinity: was}
	case kept.Affinity == nil:
	case was == nil && old.Affinity == nil && kept.Affinity.PodAffinity == nil && kept.Affinity.PodAntiAffinity == nil:
		kept.Affinity = nil
	default:
		kept.Affinity.NodeAffinity = was
	}
	return errs
}

func nodeAffinity(s *corev1.PodSpec) *corev1.NodeAffinity {
	if s.Affinity == nil {
		return nil
	}
	return s.Affinity.NodeAffinity
}

// validateNarrower: every term of a required node affinity may only gain
// requirements; what is merely preferred may change.
func validateNarrower(is, was *corev1.NodeAffinity, path *field.Path) (errs field.ErrorList) {
	if was == nil || was.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	path = path.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	old := was.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	var now []corev1.NodeSelectorTerm
	if is != nil && is.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		now = is.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	if len(old) > 0 && len(now) != len(old) {
		return field.ErrorList{field.Invalid(path, podspec.Shown(now), "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	for i := range old {
		if !onlyAdds(now[i], old[i]) {
			errs = append(errs, field.Invalid(path.Index(i), podspec.Shown(now[i]), "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

// onlyAdds: a term without requirements matches nothing and stays as it is.
func onlyAdds(now, old corev1.NodeSelectorTerm) bool {
	if len(old.MatchExpressions) == 0 && len(old.MatchFields) == 0 {
		return len(now.MatchExpressions) == 0 && len(now.MatchFields) == 0
	}
	return containsAll(now.MatchExpressions, old.MatchExpressions) && containsAll(now.MatchFields, old.MatchFields)
}

func containsAll(have, want []corev1.NodeSelectorRequirement) bool {
	set := make(map[string]bool, len(have))
	id := func(r corev1.NodeSelectorRequirement) string {
		return fmt.Sprintf("%q %q %q", r.Key, r.Operator, r.Values)
	}
	for _, r := range have {
		set[id(r)] = true
	}
	for _, r := range want {
		if !set[id(r)] {
			return false
		}
	}
	return true
}
