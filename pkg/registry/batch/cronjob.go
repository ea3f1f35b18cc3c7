package batch

import (
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// maxCronJobName leaves room for the number that a job's name gets behind it.
const maxCronJobName = 52

func cronJobs() *registry.Resource {
	return registry.Define(registry.Kind[*batchv1.CronJob]{
		Group: group, Version: version, Kind: "CronJob",
		Resource: "cronjobs", ShortNames: []string{"cj"}, Categories: []string{"all"}, Namespaced: true,
		Columns: cronJobColumns(), Cells: cronJobCells,
		Default:  defaultCronJob,
		Validate: validateCronJob,
		Spec:     func(c *batchv1.CronJob) any { return &c.Spec },
		Status:   func(c *batchv1.CronJob) any { return &c.Status },
	})
}

func defaultCronJob(c *batchv1.CronJob) {
	s := &c.Spec
	fill.Value(&s.ConcurrencyPolicy, batchv1.AllowConcurrent)
	fill.Pointer(&s.Suspend, false)
	fill.Pointer(&s.SuccessfulJobsHistoryLimit, 3)
	fill.Pointer(&s.FailedJobsHistoryLimit, 1)
	podspec.DefaultPodSpec(&s.JobTemplate.Spec.Template.Spec)
}

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	path, s := field.NewPath("spec"), &c.Spec
	var errs field.ErrorList
	if s.Schedule == "" {
		errs = append(errs, field.Required(path.Child("schedule"), ""))
	} else {
		errs = append(errs, validateSchedule(s.Schedule, path.Child("schedule"))...)
	}
	errs = append(errs, check.NotNegativePointer(s.StartingDeadlineSeconds, path.Child("startingDeadlineSeconds"))...)
	errs = append(errs, validateTimeZone(s.TimeZone, path.Child("timeZone"))...)
	errs = append(errs, corevalidation.RequiredOneOf(s.ConcurrencyPolicy, path.Child("concurrencyPolicy"),
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	template := path.Child("jobTemplate", "spec")
	errs = append(errs, validateJobSpec(&s.JobTemplate.Spec, template)...)
	if m := s.JobTemplate.Spec.ManualSelector; m != nil && *m {
		// Two jobs of one template would select each other's pods.
		errs = append(errs, field.NotSupported(template.Child("manualSelector"), *m, []string{"nil", "false"}))
	}
	errs = append(errs, check.NotNegativePointer(s.SuccessfulJobsHistoryLimit, path.Child("successfulJobsHistoryLimit"))...)
	errs = append(errs, check.NotNegativePointer(s.FailedJobsHistoryLimit, path.Child("failedJobsHistoryLimit"))...)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return errs
}

func validateSchedule(schedule string, path *field.Path) field.ErrorList {
	if strings.Contains(schedule, "TZ") {
		return field.ErrorList{field.Invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")}
	}
	if err := checkSchedule(schedule); err != nil {
		return field.ErrorList{field.Invalid(path, schedule, err.Error())}
	}
	return nil
}

func validateTimeZone(zone *string, path *field.Path) field.ErrorList {
	if zone == nil {
		return nil
	}
	switch {
	case *zone == "":
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be nil or non-empty string")}
	case strings.EqualFold(*zone, "Local"):
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")}
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		return field.ErrorList{field.Invalid(path, *zone, err.Error())}
	}
	return nil
}

func cronJobColumns() []registry.Column {
	spec, status := batchv1.CronJobSpec{}.SwaggerDoc(), batchv1.CronJobStatus{}.SwaggerDoc()
	return []registry.Column{
		columns.Name(),
		columns.Text("Schedule", spec["schedule"]),
		columns.Text("Timezone", spec["timeZone"]),
		columns.Boolean("Suspend", spec["suspend"]),
		columns.Integer("Active", status["active"]),
		columns.Text("Last Schedule", status["lastScheduleTime"]),
		columns.Age(),
		columns.Wide(columns.Text("Containers", "Names of each container in the template.")),
		columns.Wide(columns.Text("Images", "Images referenced by each container in the template.")),
		columns.Wide(columns.Text("Selector", batchv1.JobSpec{}.SwaggerDoc()["selector"])),
	}
}

func cronJobCells(c *batchv1.CronJob) []any {
	zone, suspend := columns.None, columns.Unset
	if c.Spec.TimeZone != nil {
		zone = *c.Spec.TimeZone
	}
	if s := c.Spec.Suspend; s != nil {
		suspend = "False"
		if *s {
			suspend = "True"
		}
	}
	var last any = columns.None
	if t := c.Status.LastScheduleTime; t != nil {
		last = registry.Age{Time: *t}
	}
	job := &c.Spec.JobTemplate.Spec
	names, images := columns.Containers(job.Template.Spec.Containers)
	return []any{c.Name, c.Spec.Schedule, zone, suspend, int64(len(c.Status.Active)), last, columns.Created(c),
		names, images, columns.Selector(job.Selector)}
}
