package core

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// pod writes a pod's body around the parts that a test is about.
func pod(spec, rest string) string {
	if !strings.Contains(spec, "containers:") {
		spec = "{containers: [{name: c, image: 'x:1'}], " + strings.TrimPrefix(spec, "{")
	}
	if spec == "" || spec[len(spec)-1] != '}' {
		spec += "}"
	}
	return "spec: " + spec + "\n" + rest
}

func TestPodCreate(t *testing.T) {
	r := Pods()
	for _, c := range []creates{
		{name: "what the server adds", body: pod("", "status: {phase: Running, podIP: 10.0.0.1}"), want: `
spec:
  containers: [{name: c, image: "x:1", imagePullPolicy: IfNotPresent, resources: {}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  preemptionPolicy: PreemptLowerPriority
  priority: 0
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
  tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
status: {phase: Pending, qosClass: BestEffort}`},
		{name: "name of a container", body: "spec: {containers: [{image: x}]}", err: "spec.containers[0].name: Required value"},
		{name: "kept from ephemeral containers", body: pod("{ephemeralContainers: [{name: e, image: x}]}", ""),
			err: "spec.ephemeralContainers: Forbidden: cannot be set on create"},
	} {
		c.run(t, r)
	}
}

// newPod is a pod as a create leaves it.
func newPod(t *testing.T, spec, rest string) *corev1.Pod {
	t.Helper()
	p := read(t, Pods(), pod(spec, rest)).(*corev1.Pod)
	if errs := created(Pods(), p); len(errs) > 0 {
		t.Fatal(text(errs))
	}
	p.ResourceVersion = "7"
	return p
}

func TestPodPrepare(t *testing.T) {
	p := newPod(t, "{schedulingGates: [{name: g}], terminationGracePeriodSeconds: -5, priorityClassName: system-node-critical, tolerations: [{operator: Exists, effect: NoExecute}]}", "")
	want := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: testNow,
		Reason: "SchedulingGated", Message: "Scheduling is blocked due to non-empty scheduling gates"}
	if len(p.Status.Conditions) != 1 || !equality.Semantic.DeepEqual(p.Status.Conditions[0], want) {
		t.Errorf("conditions %+v", p.Status.Conditions)
	}
	if *p.Spec.TerminationGracePeriodSeconds != 1 || *p.Spec.Priority != 2000001000 || len(p.Spec.Tolerations) != 1 {
		t.Errorf("spec %+v", p.Spec)
	}

	p = newPod(t, "{priorityClassName: mine}", "")
	if p.Spec.Priority != nil || p.Spec.PreemptionPolicy != nil {
		t.Error("the priority of a class that is not known was made up")
	}

	p = newPod(t, "{affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, labelSelector: {}, matchLabelKeys: [v, none], mismatchLabelKeys: [w]}]}}}",
		"metadata: {labels: {v: '1', w: '2'}}")
	have := p.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector.MatchExpressions
	if !reflect.DeepEqual(have, []metav1.LabelSelectorRequirement{
		{Key: "v", Operator: metav1.LabelSelectorOpIn, Values: []string{"1"}},
		{Key: "w", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"2"}},
	}) {
		t.Errorf("expressions %+v", have)
	}

	p = newPod(t, "", "metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/c: localhost/p}}")
	if a := p.Spec.Containers[0].SecurityContext.AppArmorProfile; a.Type != corev1.AppArmorProfileTypeLocalhost || *a.LocalhostProfile != "p" {
		t.Errorf("profile %+v", a)
	}
}

const gated = "{schedulingGates: [{name: a}, {name: b}], nodeSelector: {x: y}}"

func TestPodUpdate(t *testing.T) {
	const immutable = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
		"`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
	affinity := func(key string) string {
		return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [" + key + "]}]}}}}"
	}
	for _, c := range []struct{ name, old, spec, err string }{
		{"nothing", "", "", ""},
		{"image", "", "{containers: [{name: c, image: 'x:2'}]}", ""},
		{"no image", "", "{containers: [{name: c, image: ''}]}", "spec.containers[0].image: Required value"},
		{"one more container", "", "{containers: [{name: c, image: 'x:1'}, {name: d, image: 'x:1'}]}",
			"spec.containers: Forbidden: pod updates may not add or remove containers"},
		{"a deadline", "", "{activeDeadlineSeconds: 9}", ""},
		{"a nearer deadline", "{activeDeadlineSeconds: 9}", "{activeDeadlineSeconds: 8}", ""},
		{"a later deadline", "{activeDeadlineSeconds: 9}", "{activeDeadlineSeconds: 10}",
			"spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value"},
		{"no deadline", "{activeDeadlineSeconds: 9}", "",
			"spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"},
		{"one more toleration", "{tolerations: [{key: a, operator: Exists}]}", "{tolerations: [{key: b}, {key: a, operator: Exists}]}", ""},
		{"longer toleration", "{tolerations: [{key: a, effect: NoExecute, tolerationSeconds: 5}]}", "{tolerations: [{key: a, effect: NoExecute, tolerationSeconds: 6}]}", ""},
		{"one toleration less", "{tolerations: [{key: a, operator: Exists}]}", "",
			"[spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds]"},
		{"grace period", "", "{terminationGracePeriodSeconds: 1}", immutable + "..."},
		{"node", "", "{nodeName: n1}", immutable + "..."},
		{"volumes", "", "{volumes: [{name: v}]}", immutable + "..."},
		{"a gate less", gated, "{schedulingGates: [{name: b}], nodeSelector: {x: y}}", ""},
		{"all gates gone", gated, "{nodeSelector: {x: y}}", ""},
		{"one more gate", gated, "{schedulingGates: [{name: c}], nodeSelector: {x: y}}",
			"spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'c'"},
		{"narrower while gated", gated, "{schedulingGates: [{name: a}], nodeSelector: {x: y, z: w}, " + affinity("{key: k, operator: Exists}"), ""},
		{"other node while gated", gated, "{schedulingGates: [{name: a}], nodeSelector: {x: z}}",
			`spec.nodeSelector: Invalid value: {"x":"z"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)`},
		{"gated affinity gains", "{schedulingGates: [{name: a}], " + affinity("{key: k, operator: Exists}"),
			"{schedulingGates: [{name: a}], " + affinity("{key: j, operator: Exists}, {key: k, operator: Exists}"), ""},
		{"gated affinity changes", "{schedulingGates: [{name: a}], " + affinity("{key: k, operator: Exists}"),
			"{schedulingGates: [{name: a}], " + affinity("{key: j, operator: Exists}"),
			`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: {"MatchExpressions":[{"Key":"j","Operator":"Exists","Values":null}],"MatchFields":null}: only additions are allowed (no mutations or deletions)`},
		{"narrower without gates", "{nodeSelector: {x: y}}", "{nodeSelector: {x: y, z: w}}", immutable + "..."},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newPod(t, c.old, "")
			was := old.DeepCopy()
			obj := read(t, Pods(), pod(c.spec, "")).(*corev1.Pod)
			have := text(updated(Pods(), obj, old))
			want := strings.Trim(c.err, "[]")
			if prefix, cut := strings.CutSuffix(want, "..."); cut {
				if !strings.HasPrefix(have, prefix+"@@ ") {
					t.Errorf("errors: %s", have)
				}
			} else if have != want && have != c.err {
				t.Errorf("errors: %s\nwant: %s", have, c.err)
			}
			if !reflect.DeepEqual(old, was) {
				t.Error("the old pod was changed")
			}
			if len(obj.Spec.Tolerations) < 2 || obj.Spec.Priority == nil {
				t.Errorf("the update lost what admission had added: %+v", obj.Spec)
			}
		})
	}
}

func TestPodUpdateShowsWhatChanged(t *testing.T) {
	old := newPod(t, "", "")
	obj := read(t, Pods(), pod("{containers: [{name: c, image: 'x:1', command: [a]}]}", ""))
	have := text(updated(Pods(), obj, old))
	if want := "\n    \"Image\": \"x:1\",\n-   \"Command\": null,\n+   \"Command\": [\n+    \"a\"\n+   ],\n    \"Args\": null,\n"; !strings.Contains(have, want) {
		t.Errorf("no diff in %s", have)
	}
}

func TestPodAnnotations(t *testing.T) {
	const mirror = "metadata: {annotations: {kubernetes.io/config.mirror: h}}"
	for _, c := range []struct{ name, old, now, err string }{
		{"kept", mirror, mirror, ""},
		{"removed", mirror, "", "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation"},
		{"added", "", mirror, "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newPod(t, "{nodeName: n1}", c.old)
			if have := text(updated(Pods(), read(t, Pods(), pod("{nodeName: n1}", c.now)), old)); have != c.err {
				t.Errorf("errors: %s", have)
			}
		})
	}
}

func TestPodStatus(t *testing.T) {
	r := Pods()
	for _, c := range []struct{ name, spec, old, status, err string }{
		{"anything", "", "", "{phase: Odd, conditions: [{type: x.io/y, status: 'True'}]}", ""},
		{"addresses of one family", "", "", "{podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]}",
			`status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family`},
		{"no address", "", "", "{podIP: nope}", "status.podIPs[0]: Invalid value: \"nope\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
		{"other host", "", "", "{hostIP: 10.0.0.1, hostIPs: [{ip: 10.0.0.2}]}", "status.hostIPs[0].ip: Invalid value: \"10.0.0.2\": must be equal to `hostIP`"},
		{"negative generations", "", "", "{observedGeneration: -1, conditions: [{type: Ready, status: 'True', observedGeneration: -2}]}",
			"[status.conditions[0].observedGeneration: Invalid value: -2: must be a non-negative integer, status.observedGeneration: Invalid value: -1: must be a non-negative integer]"},
		{"ended for ever", "{restartPolicy: Never}", "{containerStatuses: [{name: c, state: {terminated: {exitCode: 0}}}]}", "{containerStatuses: [{name: c, state: {running: {}}}]}",
			"status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"},
		{"failed but tried again", "{restartPolicy: OnFailure}", "{containerStatuses: [{name: c, state: {terminated: {exitCode: 1}}}]}", "{containerStatuses: [{name: c, state: {running: {}}}]}", ""},
		{"unknown claim", "", "", "{resourceClaimStatuses: [{name: z}]}", "status.resourceClaimStatuses[0].name: Invalid value: \"z\": must match the name of an entry in `spec.resourceClaims`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newPod(t, c.spec, "")
			if c.old != "" {
				old.Status = read(t, r, pod("", "status: "+c.old)).(*corev1.Pod).Status
			}
			obj := old.DeepCopy()
			obj.Status = read(t, r, pod("", "status: "+c.status)).(*corev1.Pod).Status
			r.PrepareStatus(request(), obj, old)
			if have := text(r.ValidateStatus(obj, old)); have != c.err {
				t.Errorf("errors: %s\nwant: %s", have, c.err)
			}
		})
	}
}

func TestPodStatusKeeps(t *testing.T) {
	old := newPod(t, "", "metadata: {ownerReferences: [{apiVersion: v1, kind: K, name: o, uid: u}]}")
	old.Status.ObservedGeneration = 3
	old.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, ObservedGeneration: 2}}
	obj := old.DeepCopy()
	obj.OwnerReferences = nil
	obj.Status = corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady}}, QOSClass: corev1.PodQOSGuaranteed}
	preparePodStatus(request(), obj, old)
	if len(obj.OwnerReferences) != 1 || obj.Status.ObservedGeneration != 3 || obj.Status.Conditions[0].ObservedGeneration != 2 || obj.Status.QOSClass != corev1.PodQOSBestEffort {
		t.Errorf("%+v", obj)
	}
}

func TestPodGracePeriod(t *testing.T) {
	for _, c := range []struct {
		name, spec, phase string
		asked             *int64
		want              int64
	}{
		{"on no node", "", "Pending", nil, 0},
		{"on no node, asked", "", "Pending", new(int64(9)), 0},
		{"the pod's own", "{nodeName: n1, terminationGracePeriodSeconds: 7}", "Running", nil, 7},
		{"asked", "{nodeName: n1}", "Running", new(int64(9)), 9},
		{"at once", "{nodeName: n1}", "Running", new(int64(0)), 0},
		{"negative", "{nodeName: n1}", "Running", new(int64(-4)), 1},
		{"finished", "{nodeName: n1}", "Succeeded", nil, 0},
		{"failed", "{nodeName: n1}", "Failed", new(int64(9)), 0},
	} {
		p := newPod(t, c.spec, "")
		p.Status.Phase = corev1.PodPhase(c.phase)
		if have := podGracePeriod(p, c.asked); have != c.want {
			t.Errorf("%s: %d seconds, want %d", c.name, have, c.want)
		}
	}
}

func TestPodFields(t *testing.T) {
	p := newPod(t, "{nodeName: n1, hostNetwork: true, serviceAccountName: sa}", "")
	p.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}}
	p.Status.NominatedNodeName = "m"
	have := map[string]string{}
	for _, f := range Pods().Fields {
		have[f.Name] = f.Get(p)
	}
	want := map[string]string{"spec.nodeName": "n1", "spec.restartPolicy": "Always", "spec.schedulerName": "default-scheduler", "spec.serviceAccountName": "sa",
		"spec.hostNetwork": "true", "status.phase": "Pending", "status.podIP": "10.0.0.1", "status.podIPs": "", "status.nominatedNodeName": "m"}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%v", have)
	}
}

func TestPodTable(t *testing.T) {
	const (
		plain   = "{containers: [{name: c, image: x}, {name: d, image: x}], initContainers: [{name: i, image: x}, {name: s, image: x, restartPolicy: Always}]"
		running = "state: {running: {}}, ready: true"
		done    = "state: {terminated: {exitCode: 0, reason: Completed}}"
	)
	for _, c := range []struct{ name, status, meta, cells string }{
		{"new", "{phase: Pending}", "", "0/3 Pending 0"},
		{"gated", "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}", "", "0/3 SchedulingGated 0"},
		{"first init container", "{phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}, restartCount: 2}]}", "", "0/3 Init:0/2 2"},
		{"failing init container", "{phase: Pending, initContainerStatuses: [{name: i, state: {waiting: {reason: CrashLoopBackOff}}}]}", "", "0/3 Init:CrashLoopBackOff 0"},
		{"killed init container", "{phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 1, signal: 9}}}]}", "", "0/3 Init:Signal:9 0"},
		{"sidecar not started", "{phase: Pending, initContainerStatuses: [{name: i, " + done + "}, {name: s, state: {running: {}}}]}", "", "0/3 Init:1/2 0"},
		{"all up", "{phase: Running, initContainerStatuses: [{name: i, " + done + ", restartCount: 5}, {name: s, started: true, " + running + ", restartCount: 1}], containerStatuses: [{name: c, " + running + ", restartCount: 2}, {name: d, " + running + "}]}", "", "3/3 Running 3"},
		{"back-off", "{phase: Running, containerStatuses: [{name: c, " + running + "}, {name: d, state: {waiting: {reason: CrashLoopBackOff}}, restartCount: 4, lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-02T03:00:05Z'}}}]}", "", "1/3 CrashLoopBackOff 4 (4m ago)"},
		{"the first container has the last word", "{phase: Running, containerStatuses: [{name: c, state: {terminated: {exitCode: 3}}}, {name: d, state: {waiting: {reason: Odd}}}]}", "", "0/3 ExitCode:3 0"},
		{"one done, one running", "{phase: Running, containerStatuses: [{name: c, " + done + "}, {name: d, " + running + "}]}", "", "1/3 NotReady 0"},
		{"one done, ready", "{phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: c, " + done + "}, {name: d, " + running + "}]}", "", "1/3 Running 0"},
		{"reason of the pod", "{phase: Failed, reason: Evicted}", "", "0/3 Evicted 0"},
		{"going", "{phase: Running, containerStatuses: [{name: c, " + running + "}]}", "metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}", "1/3 Terminating 0"},
		{"going from a lost node", "{phase: Running, reason: NodeLost}", "metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}", "0/3 Unknown 0"},
		{"going but finished", "{phase: Succeeded}", "metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}", "0/3 Succeeded 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := read(t, Pods(), pod(plain, c.meta+"\nstatus: "+c.status))
			cells := Pods().Cells(p)
			restarts, ok := cells[3].(string)
			if !ok {
				a := cells[3].(registry.AgeText)
				restarts = a.Before + duration.HumanDuration(testNow.Sub(a.Time.Time).Round(time.Second)) + a.After
			}
			if have := cells[1].(string) + " " + cells[2].(string) + " " + restarts; have != c.cells {
				t.Errorf("%s, want %s", have, c.cells)
			}
		})
	}
	rows{"wide", pod("{nodeName: n1, readinessGates: [{conditionType: a/x}, {conditionType: a/y}]}", "metadata: {name: w}\nstatus: {phase: Running, podIPs: [{ip: 10.0.0.1}], nominatedNodeName: m, conditions: [{type: a/y, status: 'True'}]}"),
		[]any{"w", "0/1", "Running", "0", "<age>", "10.0.0.1", "n1", "m", "1/2"}}.run(t, Pods())
}

func TestEphemeralContainers(t *testing.T) {
	const one = "{ephemeralContainers: [{name: e, image: x}]}"
	for _, c := range []struct{ name, old, meta, now, err string }{
		{"added", "", "", one, ""},
		{"one more", one, "", "{ephemeralContainers: [{name: f, image: x}, {name: e, image: x}]}", ""},
		{"removed", one, "", "", "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n"},
		{"changed", one, "", "{ephemeralContainers: [{name: e, image: 'y:1'}]}", "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be changed\n@@ "},
		{"bad", "", "", "{ephemeralContainers: [{name: c, image: x}]}", "spec.ephemeralContainers[0].name: Duplicate value: \"c\""},
		{"of a node's own pod", "", "metadata: {annotations: {kubernetes.io/config.mirror: h}}", one, "[]: Forbidden: static pods do not support ephemeral containers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newPod(t, "{nodeName: n1}", c.meta)
			old.Spec.EphemeralContainers = read(t, Pods(), pod(c.old, "")).(*corev1.Pod).Spec.EphemeralContainers
			obj := read(t, Pods(), pod(c.now, "metadata: {labels: {a: b}}")).(*corev1.Pod)
			prepareEphemeralContainers(request(), obj, old)
			if obj.Spec.NodeName != "n1" || len(obj.Labels) > 0 {
				t.Errorf("more than ephemeral containers got through: node %q, labels %v", obj.Spec.NodeName, obj.Labels)
			}
			if have := text(validateEphemeralContainers(obj, old)); have != c.err && (!strings.HasSuffix(c.err, "@@ ") || !strings.HasPrefix(have, c.err)) {
				t.Errorf("errors: %s\nwant: %s", have, c.err)
			}
		})
	}
}

func TestResize(t *testing.T) {
	with := func(resources string) string {
		return "{nodeName: n1, containers: [{name: c, image: 'x:1', resources: " + resources + "}]}"
	}
	const some = "{requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2}}"
	for _, c := range []struct{ name, old, meta, now, err string }{
		{"more and less", with(some), "", with("{requests: {cpu: 1500m, memory: 512Mi}, limits: {cpu: 4}}"), ""},
		{"over the limit", with(some), "", with("{requests: {cpu: 3, memory: 1Gi}, limits: {cpu: 2}}"), "spec.containers[0].resources.requests: Invalid value: \"3\": must be less than or equal to cpu limit of 2"},
		{"a limit less", with(some), "", with("{requests: {cpu: 1, memory: 1Gi}}"), "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"},
		{"other class", with(some), "", with("{requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}"), "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"},
		{"other resource", with(some), "", with("{requests: {cpu: 1, memory: 1Gi, ephemeral-storage: 1Gi}, limits: {cpu: 2}}"), "spec: Forbidden: only cpu and memory resources are mutable\n@@ "},
		{"one more container", with(some), "", "{containers: [{name: c, image: x}, {name: d, image: x}]}", "spec.containers: Forbidden: containers may not be added or removed on resize"},
		{"of a node's own pod", with(some), "metadata: {annotations: {kubernetes.io/config.mirror: h}}", with(some), "[]: Forbidden: static pods cannot be resized"},
		{"on Windows", "{os: {name: windows}, nodeName: n1, containers: [{name: c, image: x}]}", "", with("{}"), "[]: Forbidden: windows pods cannot be resized"},
		{"image", with(some), "", "{containers: [{name: c, image: 'x:2', resources: " + some + "}]}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newPod(t, c.old, c.meta)
			obj := read(t, Pods(), pod(c.now, "")).(*corev1.Pod)
			obj.ResourceVersion = "7"
			prepareResize(request(), obj, old)
			if have := text(validateResize(obj, old)); have != c.err && (!strings.HasSuffix(c.err, "@@ ") || !strings.HasPrefix(have, c.err)) {
				t.Errorf("errors: %s\nwant: %s", have, c.err)
			}
			if c.name == "image" && obj.Spec.Containers[0].Image != "x:1" {
				t.Error("a resize changed the image")
			}
		})
	}
}

// onePod is what a binding acts on.
type onePod struct{ pod *corev1.Pod }

func (o *onePod) Get(context.Context) (*corev1.Pod, error) { return o.pod, nil }

func (o *onePod) Update(_ context.Context, change func(*corev1.Pod) error) (*corev1.Pod, error) {
	p := o.pod.DeepCopy()
	if err := change(p); err != nil {
		return nil, err
	}
	o.pod = p
	return p, nil
}

func (o *onePod) Delete(context.Context, *metav1.DeleteOptions) error { return nil }

func TestBinding(t *testing.T) {
	to := func(node string) *corev1.Binding {
		return &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{"l": "new"}, Annotations: map[string]string{"a": "b"}},
			Target: corev1.ObjectReference{Kind: "Node", Name: node}}
	}
	r := request()
	r.Name = "x"
	pods := &onePod{newPod(t, "", "metadata: {labels: {l: old}}")}
	generation := podGeneration(pods.pod)
	status, err := bindPod(context.Background(), r, pods, to("n1"))
	if s, ok := status.(*metav1.Status); err != nil || !ok || s.Status != metav1.StatusSuccess || s.Code != 201 {
		t.Fatalf("%+v, %v", status, err)
	}
	p := pods.pod
	if p.Spec.NodeName != "n1" || p.Labels["l"] != "new" || p.Annotations["a"] != "b" || !podConditionTrue(p, corev1.PodScheduled) || !p.Status.Conditions[0].LastTransitionTime.Equal(&testNow) {
		t.Errorf("bound: %+v", p)
	}
	if !equality.Semantic.DeepEqual(generation, podGeneration(p)) {
		t.Error("binding is a change of generation")
	}

	for _, c := range []struct {
		name    string
		pod     string
		gone    bool
		binding func() *corev1.Binding
		code    int32
		text    string
	}{
		{"bound", "{nodeName: n1}", false, func() *corev1.Binding { return to("m") }, 409, `Operation cannot be fulfilled on pods/binding "x": pod x is already assigned to node "n1"`},
		{"gated", gated, false, func() *corev1.Binding { return to("m") }, 409, `Operation cannot be fulfilled on pods/binding "x": pod x has non-empty .spec.schedulingGates`},
		{"going", "", true, func() *corev1.Binding { return to("m") }, 409, `Operation cannot be fulfilled on pods/binding "x": pod x is being deleted, cannot be assigned to a host`},
		{"other uid", "", false, func() *corev1.Binding { b := to("m"); b.UID = "u"; return b }, 409, `Operation cannot be fulfilled on pods "x": StorageError: invalid object, Code: 4, Key: /registry/pods/ns/x, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: 11111111-2222-3333-4444-555555555555`},
		{"other version", "", false, func() *corev1.Binding { b := to("m"); b.ResourceVersion = "1"; return b }, 409, `Operation cannot be fulfilled on pods "x": StorageError: invalid object, Code: 4, Key: /registry/pods/ns/x, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: 7`},
		{"to no node", "", false, func() *corev1.Binding { return to("") }, 500, "target.name: Required value"},
		{"to a pod", "", false, func() *corev1.Binding { b := to("m"); b.Target.Kind = "Pod"; return b }, 500, `target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"`},
		{"of another name", "", false, func() *corev1.Binding { b := to("m"); b.Name = "y"; return b }, 400, "name in URL does not match name in Binding object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pods := &onePod{newPod(t, c.pod, "")}
			if c.gone {
				pods.pod.DeletionTimestamp = &testNow
			}
			was := pods.pod
			_, err := bindPod(context.Background(), r, pods, c.binding())
			s, ok := err.(apierrors.APIStatus)
			if !ok || s.Status().Code != c.code || s.Status().Message != c.text {
				t.Errorf("%v\nwant %d %s", err, c.code, c.text)
			}
			if pods.pod != was {
				t.Error("the pod was changed")
			}
		})
	}
}

func TestPodTemplate(t *testing.T) {
	r := PodTemplates()
	creates{name: "defaults", body: "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}", want: `

template:
  metadata: {labels: {a: b}}
  spec:
    containers: [{name: c, image: x, imagePullPolicy: Always, resources: {}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]
    dnsPolicy: ClusterFirst
    restartPolicy: Always
    schedulerName: default-scheduler
    securityContext: {}
    terminationGracePeriodSeconds: 30`}.run(t, r)
	creates{name: "empty", body: "{}", err: "template.spec.containers: Required value"}.run(t, r)
	rows{"row", "metadata: {name: t}\ntemplate: {metadata: {labels: {a: b, c: d}}, spec: {containers: [{name: c, image: x}, {name: d, image: 'y:1'}]}}",
		[]any{"t", "c,d", "x,y:1", "a=b,c=d"}}.run(t, r)
}
