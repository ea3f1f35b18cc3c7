package batch

import (
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

const (
	maxIndexedParallelism = 100_000
	maxManagedByLength    = 63
)

func validateJob(j *batchv1.Job) field.ErrorList {
	s := &j.Spec
	errs := validateGeneratedSelector(j)
	errs = append(errs, validateSelectingSpec(s)...)
	if indexed(s) && s.Completions != nil && *s.Completions > 0 {
		// Pods of an indexed job are named after their index.
		last := fmt.Sprintf("%s-%d", j.Name, *s.Completions-1)
		if len(validation.IsDNS1123Label(last)) > 0 {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), j.Name, "will not able to create pod with invalid DNS label: "+last))
		}
	}
	return errs
}

// validateSelectingSpec checks the spec of a Job, which has a selector.
func validateSelectingSpec(s *batchv1.JobSpec) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateJobSpec(s, path)
	if s.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, corevalidation.LabelSelector(s.Selector, path.Child("selector"))...)
	}
	if selector, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil && !selector.Matches(labels.Set(s.Template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
	}
	return errs
}

// validateGeneratedSelector checks that what the client set agrees with what
// would have been generated.
func validateGeneratedSelector(j *batchv1.Job) field.ErrorList {
	s := &j.Spec
	if s.ManualSelector != nil && *s.ManualSelector || s.Selector == nil {
		return nil
	}
	var errs field.ErrorList
	if j.UID == "" {
		errs = append(errs, field.Required(field.NewPath("metadata", "uid"), ""))
	}
	want := jobLabels(j)
	if selector, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil && !selector.Matches(labels.Set(want)) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "selector"), s.Selector, "`selector` not auto-generated"))
	}
	path := field.NewPath("spec", "template", "metadata", "labels")
	for _, k := range slices.Sorted(maps.Keys(want)) {
		v, ok := s.Template.Labels[k]
		switch {
		case !ok:
			errs = append(errs, field.Required(path.Key(k), fmt.Sprintf("must be '%s'", want[k])))
		case v != want[k]:
			errs = append(errs, field.Invalid(path.Key(k), s.Template.Labels, fmt.Sprintf("must be '%s'", want[k])))
		}
	}
	return errs
}

func indexed(s *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
}

// validateJobSpec checks what a Job and the template of a CronJob have in common.
func validateJobSpec(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := check.NotNegativePointer(s.Parallelism, path.Child("parallelism"))
	errs = append(errs, check.NotNegativePointer(s.Completions, path.Child("completions"))...)
	errs = append(errs, check.NotNegativePointer(s.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	errs = append(errs, check.NotNegativePointer(s.BackoffLimit, path.Child("backoffLimit"))...)
	errs = append(errs, check.NotNegativePointer(s.TTLSecondsAfterFinished, path.Child("ttlSecondsAfterFinished"))...)
	errs = append(errs, check.NotNegativePointer(s.BackoffLimitPerIndex, path.Child("backoffLimitPerIndex"))...)
	if s.MaxFailedIndexes != nil {
		errs = append(errs, check.NotNegative(*s.MaxFailedIndexes, path.Child("maxFailedIndexes"))...)
		if s.BackoffLimitPerIndex == nil {
			errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
		}
	}
	if s.ManagedBy != nil {
		errs = append(errs, validation.IsDomainPrefixedPath(path.Child("managedBy"), *s.ManagedBy)...)
		if len(*s.ManagedBy) > maxManagedByLength {
			errs = append(errs, field.TooLong(path.Child("managedBy"), *s.ManagedBy, maxManagedByLength))
		}
	}
	errs = append(errs, validateCompletionMode(s, path)...)
	errs = append(errs, validateFailurePolicy(s, path.Child("podFailurePolicy"))...)
	errs = append(errs, validateSuccessPolicy(s, path.Child("successPolicy"))...)
	errs = append(errs, validateReplacementPolicy(s, path.Child("podReplacementPolicy"))...)
	errs = append(errs, podspec.ValidatePodTemplate(&s.Template, path.Child("template"))...)
	return append(errs, validateRestartPolicy(s, path.Child("template", "spec", "restartPolicy"))...)
}

func validateRestartPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	policy := s.Template.Spec.RestartPolicy
	switch {
	case policy != corev1.RestartPolicyOnFailure && policy != corev1.RestartPolicyNever:
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever))}
	case s.PodFailurePolicy != nil && policy != corev1.RestartPolicyNever:
		return field.ErrorList{field.Invalid(path, policy, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever))}
	}
	return nil
}

func validateCompletionMode(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.CompletionMode != nil {
		errs = corevalidation.OneOf(*s.CompletionMode, path.Child("completionMode"), batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)
	}
	if !indexed(s) {
		if s.BackoffLimitPerIndex != nil {
			errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
		}
		return errs
	}
	if s.Completions == nil {
		errs = append(errs, field.Required(path.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
	}
	if s.Parallelism != nil && *s.Parallelism > maxIndexedParallelism {
		errs = append(errs, field.Invalid(path.Child("parallelism"), *s.Parallelism,
			fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexedParallelism, batchv1.IndexedCompletion)))
	}
	if s.Completions != nil && s.MaxFailedIndexes != nil && *s.MaxFailedIndexes > *s.Completions {
		errs = append(errs, field.Invalid(path.Child("maxFailedIndexes"), *s.MaxFailedIndexes, "must be less than or equal to completions"))
	}
	return errs
}

func validateReplacementPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	switch {
	case s.PodReplacementPolicy == nil:
		return nil
	case s.PodFailurePolicy != nil:
		return corevalidation.OneOf(*s.PodReplacementPolicy, path, batchv1.Failed)
	}
	return corevalidation.OneOf(*s.PodReplacementPolicy, path, batchv1.Failed, batchv1.TerminatingOrFailed)
}

func validateJobUpdate(obj, old *batchv1.Job) field.ErrorList {
	path, s, o := field.NewPath("spec"), &obj.Spec, &old.Spec
	// kube-apiserver checks the spec with the change once more: a fault of it is
	// a cause twice.
	errs := validateSelectingSpec(s)
	errs = append(errs, validateCompletionsUpdate(s, o, path.Child("completions"))...)
	errs = append(errs, check.Immutable(s.Selector, o.Selector, path.Child("selector"))...)
	errs = append(errs, validateTemplateUpdate(s, old, path.Child("template"))...)
	errs = append(errs, check.Immutable(s.CompletionMode, o.CompletionMode, path.Child("completionMode"))...)
	errs = append(errs, check.Immutable(s.PodFailurePolicy, o.PodFailurePolicy, path.Child("podFailurePolicy"))...)
	errs = append(errs, check.Immutable(s.BackoffLimitPerIndex, o.BackoffLimitPerIndex, path.Child("backoffLimitPerIndex"))...)
	errs = append(errs, check.Immutable(s.ManagedBy, o.ManagedBy, path.Child("managedBy"))...)
	return append(errs, check.Immutable(s.SuccessPolicy, o.SuccessPolicy, path.Child("successPolicy"))...)
}

// validateCompletionsUpdate lets an indexed job grow and shrink, its parallelism
// with it.
func validateCompletionsUpdate(s, old *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if !indexed(s) {
		return check.Immutable(s.Completions, old.Completions, path)
	}
	if s.Completions == nil || old.Completions != nil && *s.Completions == *old.Completions {
		return nil
	}
	if s.Parallelism == nil || *s.Completions != *s.Parallelism {
		return field.ErrorList{field.Invalid(path, *s.Completions, "can only be modified in tandem with spec.parallelism")}
	}
	return nil
}

// validateTemplateUpdate lets change where the pods of a suspended job will run
// and what they will get, as queueing controllers do before they resume it.
func validateTemplateUpdate(s *batchv1.JobSpec, old *batchv1.Job, path *field.Path) field.ErrorList {
	t, want := &s.Template, old.Spec.Template
	suspended := old.Spec.Suspend != nil && *old.Spec.Suspend
	if suspended && old.Status.StartTime == nil {
		want.Labels, want.Annotations = t.Labels, t.Annotations
		want.Spec.NodeSelector, want.Spec.Tolerations = t.Spec.NodeSelector, t.Spec.Tolerations
		want.Spec.SchedulingGates = t.Spec.SchedulingGates
		want.Spec.Affinity = withNodeAffinity(want.Spec.Affinity, t.Spec.Affinity)
	}
	if suspended && old.Status.Active == 0 {
		want.Spec.Containers = withResources(want.Spec.Containers, t.Spec.Containers)
		want.Spec.InitContainers = withResources(want.Spec.InitContainers, t.Spec.InitContainers)
	}
	return check.Immutable(*t, want, path)
}

func withNodeAffinity(old, obj *corev1.Affinity) *corev1.Affinity {
	var out corev1.Affinity
	if old != nil {
		out = *old
	}
	out.NodeAffinity = nil
	if obj != nil {
		out.NodeAffinity = obj.NodeAffinity
	}
	if obj == nil && out == (corev1.Affinity{}) {
		return nil
	}
	return &out
}

func withResources(old, obj []corev1.Container) []corev1.Container {
	if len(old) != len(obj) {
		return old
	}
	out := slices.Clone(old)
	for i := range out {
		out[i].Resources = obj[i].Resources
	}
	return out
}
