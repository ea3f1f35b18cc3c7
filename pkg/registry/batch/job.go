package batch

import (
	"fmt"
	"maps"
	"math"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// The labels that Kubernetes put on a job's pods before labels had prefixes.
const (
	legacyUIDLabel  = "controller-uid"
	legacyNameLabel = "job-name"
)

func jobs() *registry.Resource {
	return registry.Define(registry.Kind[*batchv1.Job]{
		Group: group, Version: version, Kind: "Job",
		Resource: "jobs", Categories: []string{"all"}, Namespaced: true,
		Fields: []registry.Field[*batchv1.Job]{
			{Name: "status.successful", Get: func(j *batchv1.Job) string { return strconv.Itoa(int(j.Status.Succeeded)) }},
		},
		Columns: jobColumns(), Cells: jobCells,
		Default:        defaultJob,
		Prepare:        func(_ *registry.Request, j *batchv1.Job) { prepareJob(j) },
		Validate:       validateJob,
		ValidateUpdate: validateJobUpdate,
		Warnings:       jobWarnings,
		Spec:           func(j *batchv1.Job) any { return &j.Spec },
		Status:         func(j *batchv1.Job) any { return &j.Status },
		PrepareStatus:  func(_ *registry.Request, obj, _ *batchv1.Job) { labelJob(obj) },
		ValidateStatus: validateJobStatus,
		// Before garbage collection, deleting a job left its pods; v1 still does.
		OrphanByDefault: true,
	})
}

func defaultJob(j *batchv1.Job) {
	s := &j.Spec
	if s.Completions == nil && s.Parallelism == nil {
		s.Completions = new(int32(1))
	}
	fill.Pointer(&s.Parallelism, 1)
	if s.BackoffLimitPerIndex != nil {
		// Each index counts for itself; the whole has no limit.
		fill.Pointer(&s.BackoffLimit, math.MaxInt32)
	}
	fill.Pointer(&s.BackoffLimit, 6)
	fill.Pointer(&s.CompletionMode, batchv1.NonIndexedCompletion)
	fill.Pointer(&s.Suspend, false)
	fill.Pointer(&s.ManualSelector, false)
	if s.PodFailurePolicy != nil {
		for i := range s.PodFailurePolicy.Rules {
			patterns := s.PodFailurePolicy.Rules[i].OnPodConditions
			for k := range patterns {
				fill.Value(&patterns[k].Status, corev1.ConditionTrue)
			}
		}
		fill.Pointer(&s.PodReplacementPolicy, batchv1.Failed)
	}
	fill.Pointer(&s.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	podspec.DefaultPodSpec(&s.Template.Spec)
	labelJob(j)
}

// labelJob gives a job that has no labels those of its pods. That a name is no
// label value is said once, of the template.
func labelJob(j *batchv1.Job) {
	if len(j.Labels) == 0 && len(j.Spec.Template.Labels) > 0 && len(validation.IsValidLabelValue(j.Name)) == 0 {
		j.Labels = maps.Clone(j.Spec.Template.Labels)
	}
}

// prepareJob makes the selector and the labels that it selects by. What the
// client set already stays: if it is wrong, validation says so.
func prepareJob(j *batchv1.Job) {
	s := &j.Spec
	if s.ManualSelector != nil && *s.ManualSelector {
		return
	}
	if s.Template.Labels == nil {
		s.Template.Labels = map[string]string{}
	}
	for k, v := range jobLabels(j) {
		if _, ok := s.Template.Labels[k]; !ok {
			s.Template.Labels[k] = v
		}
	}
	fill.Pointer(&s.Selector, metav1.LabelSelector{})
	if s.Selector.MatchLabels == nil {
		s.Selector.MatchLabels = map[string]string{}
	}
	if _, ok := s.Selector.MatchLabels[batchv1.ControllerUidLabel]; !ok {
		s.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(j.UID)
	}
	labelJob(j)
}

// jobLabels are the labels of a job's pods.
func jobLabels(j *batchv1.Job) map[string]string {
	return map[string]string{
		batchv1.ControllerUidLabel: string(j.UID),
		batchv1.JobNameLabel:       j.Name,
		legacyUIDLabel:             string(j.UID),
		legacyNameLabel:            j.Name,
	}
}

func jobWarnings(j *batchv1.Job) []string {
	s := &j.Spec
	if s.CompletionMode == nil || *s.CompletionMode != batchv1.IndexedCompletion {
		return nil
	}
	if s.Completions != nil && *s.Completions > 100_000 && s.Parallelism != nil && *s.Parallelism > 10_000 {
		return []string{"In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, " +
			"Kubernetes might not be able to track completedIndexes when a big number of indexes fail"}
	}
	return nil
}

func jobColumns() []registry.Column {
	spec, status := batchv1.JobSpec{}.SwaggerDoc(), batchv1.JobStatus{}.SwaggerDoc()
	return []registry.Column{
		columns.Name(),
		columns.Text("Status", "Status of the job."),
		columns.Text("Completions", status["succeeded"]),
		columns.Text("Duration", "Time required to complete the job."),
		columns.Age(),
		columns.Wide(columns.Text("Containers", "Names of each container in the template.")),
		columns.Wide(columns.Text("Images", "Images referenced by each container in the template.")),
		columns.Wide(columns.Text("Selector", spec["selector"])),
	}
}

func jobCells(j *batchv1.Job) []any {
	names, images := columns.Containers(j.Spec.Template.Spec.Containers)
	return []any{j.Name, jobState(j), jobCompletions(j), jobDuration(j), columns.Created(j),
		names, images, columns.Selector(j.Spec.Selector)}
}

func jobCompletions(j *batchv1.Job) string {
	s := &j.Spec
	switch {
	case s.Completions != nil:
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *s.Completions)
	case s.Parallelism != nil && *s.Parallelism > 1:
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, *s.Parallelism)
	}
	return fmt.Sprintf("%d/1", j.Status.Succeeded)
}

// jobDuration is how long the job took, or has taken so far.
func jobDuration(j *batchv1.Job) any {
	switch {
	case j.Status.StartTime == nil:
		return ""
	case j.Status.CompletionTime == nil:
		return registry.Age{Time: *j.Status.StartTime}
	}
	return duration.HumanDuration(j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
}

func jobState(j *batchv1.Job) string {
	switch {
	case hasCondition(&j.Status, batchv1.JobComplete):
		return "Complete"
	case hasCondition(&j.Status, batchv1.JobFailed):
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	}
	for _, c := range []batchv1.JobConditionType{batchv1.JobSuspended, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet} {
		if hasCondition(&j.Status, c) {
			return string(c)
		}
	}
	return "Running"
}

func hasCondition(s *batchv1.JobStatus, t batchv1.JobConditionType) bool {
	for _, c := range s.Conditions {
		if c.Type == t && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
