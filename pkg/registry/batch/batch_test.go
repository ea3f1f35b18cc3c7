package batch

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

const pod = "  template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'x:1'}]}}\n"

const podDone = `      containers: [{name: c, image: "x:1", imagePullPolicy: IfNotPresent, resources: {}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]
      dnsPolicy: ClusterFirst
      restartPolicy: Never
      schedulerName: default-scheduler
      securityContext: {}
      terminationGracePeriodSeconds: 30
`

func TestJob(t *testing.T) {
	r := kindtest.Find(t, Kinds(), "jobs")
	const generated = `{batch.kubernetes.io/controller-uid: 11111111-2222-3333-4444-555555555555, batch.kubernetes.io/job-name: x, controller-uid: 11111111-2222-3333-4444-555555555555, job-name: x}`
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec:\n" + pod, Want: `
metadata: {generation: 1, labels: ` + generated + `}
spec:
  backoffLimit: 6
  completionMode: NonIndexed
  completions: 1
  manualSelector: false
  parallelism: 1
  podReplacementPolicy: TerminatingOrFailed
  selector: {matchLabels: {batch.kubernetes.io/controller-uid: 11111111-2222-3333-4444-555555555555}}
  suspend: false
  template:
    metadata: {labels: ` + generated + `}
    spec:
` + podDone + "status: {}\n"},
		{Name: "manual", Body: "spec:\n  manualSelector: true\n  selector: {matchLabels: {a: b}}\n  parallelism: 2\n  template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: 'x:1'}]}}\n", Want: `
metadata: {generation: 1, labels: {a: b}}
spec:
  backoffLimit: 6
  completionMode: NonIndexed
  manualSelector: true
  parallelism: 2
  podReplacementPolicy: TerminatingOrFailed
  selector: {matchLabels: {a: b}}
  suspend: false
  template:
    metadata: {labels: {a: b}}
    spec:
` + podDone + "status: {}\n"},
		{Name: "restart", Body: "spec:\n  template: {spec: {containers: [{name: c, image: x}]}}\n", Err: `spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`},
		{Name: "indexed", Body: "spec:\n  completionMode: Indexed\n  parallelism: 2\n" + pod, Err: "spec.completions: Required value: when completion mode is Indexed"},
		{Name: "failed indexes", Body: "spec:\n  completionMode: Indexed\n  completions: 2\n  maxFailedIndexes: 1\n" + pod, Err: "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"},
		{Name: "failure policy", Body: "spec:\n  podFailurePolicy: {rules: [{action: Ignore, onExitCodes: {operator: In, values: [3, 1, 1, 0]}}, {action: FailIndex, onPodConditions: [{type: X}]}, {}]}\n" + pod,
			Err: `[spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1, spec.podFailurePolicy.rules[0].onExitCodes.values[3]: Invalid value: 0: must not be 0 for the In operator, spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,1,1,0]: must be ordered, spec.podFailurePolicy.rules[1].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set, spec.podFailurePolicy.rules[2].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"], spec.podFailurePolicy.rules[2]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required]`},
		{Name: "success policy", Body: "spec:\n  completionMode: Indexed\n  completions: 2\n  successPolicy: {rules: [{succeededIndexes: '5'}, {succeededCount: 9}, {}]}\n" + pod,
			Err: `[spec.successPolicy.rules[0].succeededIndexes: Invalid value: "5": error parsing succeededIndexes: too large index: "5", spec.successPolicy.rules[1].succeededCount: Invalid value: 9: must be less than or equal to 2 (the number of specified completions), spec.successPolicy.rules[2]: Required value: at least one of succeededCount or succeededIndexes must be specified]`},
		{Name: "replacement", Body: "spec:\n  podReplacementPolicy: TerminatingOrFailed\n  podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: X}]}]}\n" + pod, Err: `spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"`},
		{Name: "managed by", Body: "spec:\n  managedBy: nodomain\n" + pod, Err: `spec.managedBy: Invalid value: "nodomain": must be a domain-prefixed path (such as "acme.io/foo")`},
		{Name: "labels of another", Body: "spec:\n  template: {metadata: {labels: {job-name: other}}, spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}\n",
			Err: `spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"11111111-2222-3333-4444-555555555555","batch.kubernetes.io/job-name":"x","controller-uid":"11111111-2222-3333-4444-555555555555","job-name":"other"}: must be 'x'`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "pace", Old: "spec:\n" + pod, Body: "spec:\n  completions: 1\n  parallelism: 4\n  suspend: true\n  backoffLimit: 1\n  activeDeadlineSeconds: 4\n  ttlSecondsAfterFinished: 3\n" + generatedTemplate("x:1", "")},
		{Name: "completions", Old: "spec:\n" + pod, Body: "spec:\n  completions: 5\n" + generatedTemplate("x:1", ""), Err: "spec.completions: Invalid value: 5: field is immutable"},
		{Name: "grow", Old: "spec:\n  completionMode: Indexed\n  completions: 2\n" + pod, Body: "spec:\n  completionMode: Indexed\n  completions: 3\n  parallelism: 3\n" + generatedTemplate("x:1", "")},
		{Name: "grow alone", Old: "spec:\n  completionMode: Indexed\n  completions: 2\n" + pod, Body: "spec:\n  completionMode: Indexed\n  completions: 3\n" + generatedTemplate("x:1", ""),
			Err: "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"},
		{Name: "suspended", Old: "spec:\n  suspend: true\n" + pod, Body: "spec:\n  suspend: true\n  completions: 1\n" + generatedTemplate("x:1", "nodeSelector: {a: b}, tolerations: [{key: k, operator: Exists}], affinity: {nodeAffinity: {}}, ")},
		{Name: "active above parallel", Sub: "status", Old: "spec:\n" + pod, Body: "status: {active: 1, ready: 2}\n", Err: "status.ready: Invalid value: 2: cannot set more ready pods than active"},
		{Name: "failed without reason", Sub: "status", Old: "spec:\n" + pod, Body: "status: {active: 1, conditions: [{type: Failed, status: 'True'}]}\n",
			Err: "[status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition, status.active: Invalid value: 1: active>0 is invalid for finished job, status.startTime: Required value: startTime is required for finished job]"},
		{Name: "indexes", Sub: "status", Old: "spec:\n  completionMode: Indexed\n  completions: 6\n" + pod, Body: "status: {completedIndexes: '2,x'}\n",
			Err: `status.completedIndexes: Invalid value: "2,x": error parsing completedIndexes: cannot convert string to integer for index: "x"`},
	} {
		c.Run(t, r)
	}
	t.Run("image of a running job", func(t *testing.T) {
		old := kindtest.Read(t, r, "spec:\n"+pod)
		kindtest.Create(r, old)
		_, errs := kindtest.Update(r, "", kindtest.Read(t, r, "spec:\n  completions: 1\n"+generatedTemplate("x:2", "")), old)
		if len(errs) != 1 || errs[0].Field != "spec.template" || errs[0].Detail != "field is immutable" {
			t.Errorf("got %v", errs)
		}
	})
	for _, c := range []kindtest.Row{
		{Name: "new", Body: "spec:\n" + pod, Want: "x | Running | 0/1 |  | <age> | c | x:1 | <none>"},
		{Name: "queue", Body: "spec:\n  parallelism: 2\n" + pod + "status: {startTime: '2026-01-02T03:04:05Z', conditions: [{type: Suspended, status: 'True'}]}\n", Want: "x | Suspended | 0/1 of 2 | <age> | <age> | c | x:1 | <none>"},
		{Name: "done", Body: "spec:\n" + pod + "status: {succeeded: 1, startTime: '2026-01-02T03:04:05Z', completionTime: '2026-01-02T03:05:45Z', conditions: [{type: Complete, status: 'True'}]}\n", Want: "x | Complete | 1/1 | 100s | <age> | c | x:1 | <none>"},
	} {
		c.Run(t, r)
	}
	if !r.OrphanByDefault {
		t.Error("jobs do not orphan by default")
	}
	if got := r.Fields[0].Get(&batchv1.Job{Status: batchv1.JobStatus{Succeeded: 3}}); r.Fields[0].Name != "status.successful" || got != "3" {
		t.Errorf("field %s is %s", r.Fields[0].Name, got)
	}
}

// generatedTemplate is the selector and template of a job as it was created, with
// another image and more of a pod spec.
func generatedTemplate(image, spec string) string {
	const uid = "11111111-2222-3333-4444-555555555555"
	return "  selector: {matchLabels: {batch.kubernetes.io/controller-uid: " + uid + "}}\n" +
		"  template: {metadata: {labels: {batch.kubernetes.io/controller-uid: " + uid + ", batch.kubernetes.io/job-name: x, controller-uid: " + uid + ", job-name: x}}, " +
		"spec: {" + spec + "restartPolicy: Never, containers: [{name: c, image: '" + image + "'}]}}\n"
}

func TestCronJob(t *testing.T) {
	r := kindtest.Find(t, Kinds(), "cronjobs")
	job := "  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'x:1'}]}}}}\n"
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec:\n  schedule: '@daily'\n" + job, Want: `
metadata: {generation: 1}
spec:
  concurrencyPolicy: Allow
  failedJobsHistoryLimit: 1
  schedule: "@daily"
  successfulJobsHistoryLimit: 3
  suspend: false
  jobTemplate:
    metadata: {}
    spec:
      template:
        metadata: {}
        spec:
` + strings.ReplaceAll("    "+strings.TrimSuffix(podDone, "\n"), "\n", "\n    ") + "\nstatus: {}\n"},
		{Name: "nothing", Body: "{}", Err: `[spec.schedule: Required value, spec.jobTemplate.spec.template.spec.containers: Required value, spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"]`},
		{Name: "schedule", Body: "spec:\n  schedule: '* * *'\n  timeZone: Mars/Base\n  concurrencyPolicy: Foo\n" + job,
			Err: `[spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *], spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base, spec.concurrencyPolicy: Unsupported value: "Foo": supported values: "Allow", "Forbid", "Replace"]`},
		{Name: "zone in the schedule", Body: "spec:\n  schedule: 'TZ=UTC 0 * * * *'\n" + job, Err: `spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`},
		{Name: "long name", Body: "metadata: {name: " + strings.Repeat("n", 53) + "}\nspec:\n  schedule: '@daily'\n" + job, Err: `metadata.name: Invalid value: "` + strings.Repeat("n", 53) + `": must be no more than 52 characters`},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "row", Body: "spec:\n  schedule: '0 * * * *'\n  timeZone: UTC\n  suspend: true\n" + job + "status: {active: [{name: a}], lastScheduleTime: '2026-01-02T03:04:05Z'}\n",
		Want: "x | 0 * * * * | UTC | True | 1 | <age> | <age> | c | x:1 | <none>"}.Run(t, r)
	kindtest.Row{Name: "never", Body: "spec:\n  schedule: '0 * * * *'\n" + job, Want: "x | 0 * * * * | <none> | False | 0 | <none> | <age> | c | x:1 | <none>"}.Run(t, r)
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct{ line, err string }{
		{"* * * * *", ""}, {"*/5 0-23/2 1,15 jan-DEC sun", ""}, {"? ? ? ? ?", ""}, {"@every 1h30m", ""}, {"@hourly", ""},
		{"", "empty spec string"},
		{"@now", "unrecognized descriptor: @now"},
		{"@every x", `failed to parse duration @every x: time: invalid duration "x"`},
		{"60 * * * *", "end of range (60) above maximum (59): 60"},
		{"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
		{"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
		{"1-2-3 * * * *", "too many hyphens: 1-2-3"},
		{"1/2/3 * * * *", "too many slashes: 1/2/3"},
		{"*/0 * * * *", "step of range should be a positive number: */0"},
		{"x * * * *", `failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax`},
	} {
		got := ""
		if err := checkSchedule(c.line); err != nil {
			got = err.Error()
		}
		if got != c.err {
			t.Errorf("%q: got %q, want %q", c.line, got, c.err)
		}
	}
}

func TestCountIndexes(t *testing.T) {
	for _, c := range []struct {
		list string
		n    int32
		err  string
	}{
		{"", 0, ""}, {"0", 1, ""}, {"0-2,4", 4, ""}, {"1,3-9", 8, ""},
		{"2,1", 0, "non-increasing order, previous: 2, current: 1"},
		{"3-3", 0, "non-increasing order, previous: 3, current: 3"},
		{"10", 0, `too large index: "10"`},
		{"1-2-3", 0, `the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`},
		{"a", 0, `cannot convert string to integer for index: "a"`},
		{"1,", 0, `cannot convert string to integer for index: ""`},
	} {
		n, err := countIndexes(c.list, 10)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if n != c.n || got != c.err {
			t.Errorf("%q: got %d %q, want %d %q", c.list, n, got, c.n, c.err)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"* * * * *", "*/5 1-2 3,4 jan sun", "@every 1h", "@daily", "1/2 3-4/5 ? * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { _ = checkSchedule(s) })
}

func FuzzIndexes(f *testing.F) {
	f.Add("0-2,4", int32(6))
	f.Fuzz(func(t *testing.T, s string, n int32) {
		if got, err := countIndexes(s, n); err == nil && (got < 0 || n > 0 && got > n) {
			t.Errorf("%d indexes of %d in %q", got, n, s)
		}
	})
}
