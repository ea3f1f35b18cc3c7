package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
)

// validateJobStatus checks that what a job controller reports makes sense: a
// finished job has a start, and has nothing running any more.
func validateJobStatus(obj, old *batchv1.Job) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	errs := check.NotNegative(s.Active, path.Child("active"))
	errs = append(errs, check.NotNegative(s.Succeeded, path.Child("succeeded"))...)
	errs = append(errs, check.NotNegative(s.Failed, path.Child("failed"))...)
	errs = append(errs, check.NotNegativePointer(s.Ready, path.Child("ready"))...)
	errs = append(errs, check.NotNegativePointer(s.Terminating, path.Child("terminating"))...)
	if u := s.UncountedTerminatedPods; u != nil {
		at, seen := path.Child("uncountedTerminatedPods"), map[types.UID]bool{}
		errs = append(errs, validateUncounted(u.Succeeded, at.Child("succeeded"), seen)...)
		errs = append(errs, validateUncounted(u.Failed, at.Child("failed"), seen)...)
	}
	errs = append(errs, validateFinished(s, path)...)
	errs = append(errs, validateIndexes(obj, path)...)
	if s.Ready != nil && *s.Ready > s.Active {
		errs = append(errs, field.Invalid(path.Child("ready"), *s.Ready, "cannot set more ready pods than active"))
	}
	return append(errs, validateFinishedUpdate(s, &old.Status, path)...)
}

func validateUncounted(uids []types.UID, path *field.Path, seen map[types.UID]bool) field.ErrorList {
	var errs field.ErrorList
	for i, uid := range uids {
		switch {
		case uid == "":
			errs = append(errs, field.Invalid(path.Index(i), uid, "must not be empty"))
		case seen[uid]:
			errs = append(errs, field.Duplicate(path.Index(i), uid))
		}
		seen[uid] = true
	}
	return errs
}

func validateFinished(s *batchv1.JobStatus, path *field.Path) field.ErrorList {
	complete, failed := hasCondition(s, batchv1.JobComplete), hasCondition(s, batchv1.JobFailed)
	target, met := hasCondition(s, batchv1.JobFailureTarget), hasCondition(s, batchv1.JobSuccessCriteriaMet)
	var errs field.ErrorList
	conditions := func(message string) {
		errs = append(errs, field.Invalid(path.Child("conditions"), field.OmitValueType{}, message))
	}
	if complete && failed {
		conditions("cannot set Complete=True and Failed=true conditions")
	}
	if complete && target {
		conditions("cannot set Complete=True and FailureTarget=true conditions")
	}
	if failed && met {
		conditions("cannot set Failed=True and SuccessCriteriaMet=true conditions")
	}
	if failed && !target {
		conditions("cannot set Failed=True condition without the FailureTarget=true condition")
	}
	if complete && !met {
		conditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
	}
	completion := path.Child("completionTime")
	switch {
	case complete && s.CompletionTime == nil:
		errs = append(errs, field.Required(completion, "completionTime is required for Complete jobs"))
	case !complete && s.CompletionTime != nil:
		errs = append(errs, field.Invalid(completion, s.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
	case s.CompletionTime != nil && s.StartTime != nil && s.CompletionTime.Before(s.StartTime):
		errs = append(errs, field.Invalid(completion, s.CompletionTime, "completionTime cannot be set before startTime"))
	}
	if !complete && !failed {
		return errs
	}
	if s.Active > 0 {
		errs = append(errs, field.Invalid(path.Child("active"), s.Active, "active>0 is invalid for finished job"))
	}
	if s.StartTime == nil {
		errs = append(errs, field.Required(path.Child("startTime"), "startTime is required for finished job"))
	}
	if u := s.UncountedTerminatedPods; u != nil && len(u.Failed)+len(u.Succeeded) > 0 {
		errs = append(errs, field.Invalid(path.Child("uncountedTerminatedPods"), u, "uncountedTerminatedPods needs to be empty for finished job"))
	}
	return errs
}

// validateFinishedUpdate keeps what is final.
func validateFinishedUpdate(s, old *batchv1.JobStatus, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, t := range []batchv1.JobConditionType{batchv1.JobComplete, batchv1.JobFailed} {
		if hasCondition(old, t) && !hasCondition(s, t) {
			errs = append(errs, field.Invalid(path.Child("conditions"), field.OmitValueType{}, "cannot disable the terminal "+string(t)+"=True condition"))
		}
	}
	return errs
}

func validateIndexes(j *batchv1.Job, path *field.Path) field.ErrorList {
	s := &j.Status
	if j.Spec.Completions == nil {
		return nil
	}
	var errs field.ErrorList
	if _, err := countIndexes(s.CompletedIndexes, *j.Spec.Completions); err != nil {
		errs = append(errs, field.Invalid(path.Child("completedIndexes"), s.CompletedIndexes, "error parsing completedIndexes: "+err.Error()))
	}
	if s.FailedIndexes != nil {
		if _, err := countIndexes(*s.FailedIndexes, *j.Spec.Completions); err != nil {
			errs = append(errs, field.Invalid(path.Child("failedIndexes"), *s.FailedIndexes, "error parsing failedIndexes: "+err.Error()))
		}
	}
	return errs
}
