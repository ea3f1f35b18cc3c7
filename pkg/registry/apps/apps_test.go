package apps

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func kind(t *testing.T, resource string) *registry.Resource {
	return kindtest.Find(t, Kinds(), resource)
}

const (
	selector = "  selector: {matchLabels: {app: web}}\n"
	template = "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: 'x:1'}]}}\n"
	basic    = "spec:\n" + selector + template
	// templateDone is template with its defaults.
	templateDone = `  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: "x:1", imagePullPolicy: IfNotPresent, resources: {}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]
      dnsPolicy: ClusterFirst
      restartPolicy: Always
      schedulerName: default-scheduler
      securityContext: {}
      terminationGracePeriodSeconds: 30
`
)

func TestDeployment(t *testing.T) {
	r := kind(t, "deployments")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: basic + "status: {replicas: 3}\n", Want: `
metadata: {generation: 1}
spec:
  progressDeadlineSeconds: 600
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}, type: RollingUpdate}
` + templateDone + "status: {}\n"},
		{Name: "recreate", Body: basic + "  strategy: {type: Recreate}\n  replicas: 0\n", Want: `
metadata: {generation: 1}
spec:
  progressDeadlineSeconds: 600
  replicas: 0
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {type: Recreate}
` + templateDone + "status: {}\n"},
		{Name: "nothing", Body: "{}", Err: "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]"},
		{Name: "empty selector", Body: "spec:\n  selector: {}\n" + template, Err: `spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		{Name: "other labels", Body: "spec:\n  selector: {matchLabels: {a: b}}\n" + template, Err: "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{Name: "bad operator", Body: "spec:\n  selector: {matchExpressions: [{key: app, operator: Foo}]}\n" + template,
			Err: `[spec.selector.matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator, spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Foo"}]}: invalid label selector]`},
		{Name: "strategy", Body: basic + "  strategy: {type: Foo}\n", Err: `spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"`},
		{Name: "recreate and rolling", Body: basic + "  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}\n", Err: "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"},
		{Name: "nothing may happen", Body: basic + "  strategy: {rollingUpdate: {maxSurge: 0%, maxUnavailable: 0}}\n", Err: "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"},
		{Name: "too much", Body: basic + "  strategy: {rollingUpdate: {maxUnavailable: 150%}}\n", Err: `spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%`},
		{Name: "no percentage", Body: basic + "  strategy: {rollingUpdate: {maxUnavailable: many}}\n", Err: `spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "many": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`},
		{Name: "negative", Body: basic + "  replicas: -1\n  minReadySeconds: -1\n  revisionHistoryLimit: -1\n",
			Err: "[spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0, spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0]"},
		{Name: "deadline", Body: basic + "  minReadySeconds: 700\n", Err: "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"},
		{Name: "pods that end", Body: "spec:\n" + selector + "  template: {metadata: {labels: {app: web}}, spec: {activeDeadlineSeconds: 5, restartPolicy: Never, containers: [{name: c, image: x}]}}\n",
			Err: `[spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always", spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported]`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "selector", Old: basic, Body: "spec:\n  selector: {matchLabels: {b: c}}\n  template: {metadata: {labels: {b: c}}, spec: {containers: [{name: c, image: 'x:1'}]}}\n",
			Err: `spec.selector: Invalid value: {"matchLabels":{"b":"c"}}: field is immutable`},
		{Name: "annotations move the generation", Old: "status: {replicas: 1}\n" + basic, Body: "metadata: {annotations: {a: b}}\n" + basic, Want: `
metadata: {generation: 2, annotations: {a: b}}
spec:
  progressDeadlineSeconds: 600
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}, type: RollingUpdate}
` + templateDone + "status: {replicas: 1}\n"},
		{Name: "labels through status", Sub: "status", Old: "metadata: {labels: {a: b}}\n" + basic, Body: "metadata: {labels: {c: d}, annotations: {e: f}}\nstatus: {observedGeneration: 1}\n", Want: `
metadata: {generation: 1, labels: {a: b}, annotations: {e: f}}
spec:
  progressDeadlineSeconds: 600
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}, type: RollingUpdate}
` + templateDone + "status: {observedGeneration: 1}\n"},
		{Name: "counts", Sub: "status", Old: basic, Body: "status: {replicas: 1, readyReplicas: 5, availableReplicas: 6}\n",
			Err: "[status.readyReplicas: Invalid value: 5: cannot be greater than status.replicas, status.availableReplicas: Invalid value: 6: cannot be greater than status.replicas, status.availableReplicas: Invalid value: 6: cannot be greater than readyReplicas]"},
		{Name: "collisions", Sub: "status", Old: "status: {collisionCount: 2}\n" + basic, Body: "status: {collisionCount: 1}\n", Err: "status.collisionCount: Invalid value: 1: cannot be decremented"},
	} {
		c.Run(t, r)
	}
	if got, want := kindtest.Header(r), "Name | Ready | Up-to-date | Available | Age | Containers* | Images* | Selector*"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	kindtest.Row{Name: "row", Body: basic + "  replicas: 4\nstatus: {readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1}\n", Want: "x | 2/4 | 3 | 1 | <age> | c | x:1 | app=web"}.Run(t, r)
}

func TestScale(t *testing.T) {
	for _, resource := range []string{"deployments", "replicasets", "statefulsets"} {
		r := kind(t, resource)
		o := kindtest.Read(t, r, "spec:\n  replicas: 3\n"+selector+template+"status: {replicas: 2}\n")
		if got := r.Scale.Replicas(o); got != 3 {
			t.Errorf("%s: %d replicas", resource, got)
		}
		r.Scale.SetReplicas(o, 5)
		if got := r.Scale.Replicas(o); got != 5 {
			t.Errorf("%s: %d replicas once set", resource, got)
		}
		if got := r.Scale.StatusReplicas(o); got != 2 {
			t.Errorf("%s: %d replicas in the status", resource, got)
		}
		if got := r.Scale.Selector(o); got != "app=web" {
			t.Errorf("%s: selector %q", resource, got)
		}
	}
}

func TestReplicaSet(t *testing.T) {
	r := kind(t, "replicasets")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: basic, Want: "metadata: {generation: 1}\nspec:\n  replicas: 1\n" + selector + templateDone + "status: {replicas: 0}\n"},
		{Name: "nothing", Body: "{}", Err: "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]"},
		{Name: "negative", Body: basic + "  minReadySeconds: -1\n", Err: "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "counts", Sub: "status", Old: basic, Body: "status: {replicas: 1, readyReplicas: 2, fullyLabeledReplicas: 2}\n",
		Err: "[status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas, status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas]"}.Run(t, r)
	kindtest.Row{Name: "row", Body: basic + "  replicas: 2\nstatus: {replicas: 2, readyReplicas: 1}\n", Want: "x | 2 | 2 | 1 | <age> | c | x:1 | app=web"}.Run(t, r)
}

func TestStatefulSet(t *testing.T) {
	r := kind(t, "statefulsets")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: basic, Want: `
metadata: {generation: 1}
spec:
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  podManagementPolicy: OrderedReady
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  serviceName: ""
  updateStrategy: {rollingUpdate: {partition: 0}, type: RollingUpdate}
` + templateDone + "status: {availableReplicas: 0, replicas: 0}\n"},
		{Name: "claims", Body: basic + "  updateStrategy: {type: OnDelete}\n  volumeClaimTemplates: [{metadata: {name: d}, spec: {}}]\n", Want: `
metadata: {generation: 1}
spec:
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  podManagementPolicy: OrderedReady
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  serviceName: ""
  updateStrategy: {type: OnDelete}
  volumeClaimTemplates:
  - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: d}, spec: {resources: {}, volumeMode: Filesystem}, status: {phase: Pending}}
` + templateDone + "status: {availableReplicas: 0, replicas: 0}\n"},
		{Name: "policies", Body: basic + "  podManagementPolicy: Foo\n  updateStrategy: {type: Bar}\n  persistentVolumeClaimRetentionPolicy: {whenDeleted: Keep}\n",
			Err: `[spec.podManagementPolicy: Invalid value: "Foo": must be 'OrderedReady' or 'Parallel', spec.updateStrategy: Invalid value: {"Type":"Bar","RollingUpdate":null}: must be 'RollingUpdate' or 'OnDelete', spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"]`},
		{Name: "partition", Body: basic + "  updateStrategy: {rollingUpdate: {partition: -1, maxUnavailable: 0}}\n  ordinals: {start: -1}\n",
			Err: "[spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0, spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0, spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0]"},
	} {
		c.Run(t, r)
	}
	const forbidden = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
	for _, c := range []kindtest.Updates{
		{Name: "what may change", Old: basic, Body: "spec:\n" + selector + "  replicas: 3\n  minReadySeconds: 4\n  ordinals: {start: 1}\n  updateStrategy: {type: OnDelete}\n  revisionHistoryLimit: 1\n  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}\n" +
			"  template: {metadata: {labels: {app: web, b: c}}, spec: {containers: [{name: c, image: 'x:2'}]}}\n"},
		{Name: "service", Old: basic, Body: basic + "  serviceName: s\n", Err: forbidden},
		{Name: "claims", Old: basic, Body: basic + "  volumeClaimTemplates: [{metadata: {name: d}}]\n", Err: forbidden},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "row", Body: basic + "  replicas: 2\nstatus: {readyReplicas: 1}\n", Want: "x | 1/2 | <age> | c | x:1"}.Run(t, r)
}

func TestDaemonSet(t *testing.T) {
	r := kind(t, "daemonsets")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: basic, Want: `
metadata: {generation: 1, annotations: {deprecated.daemonset.template.generation: "1"}}
spec:
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  updateStrategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}, type: RollingUpdate}
` + templateDone + "status: {currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0}\n"},
		{Name: "both", Body: basic + "  updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}\n", Err: "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"},
		{Name: "neither", Body: basic + "  updateStrategy: {rollingUpdate: {maxUnavailable: 0}}\n", Err: "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"},
		{Name: "no selector", Body: "spec:\n" + template, Err: "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
	} {
		c.Run(t, r)
	}
	changed := "spec:\n" + selector + "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: 'x:2'}]}}\n"
	for _, c := range []struct{ name, sub, body, want string }{
		{"template", "", changed, "2"},
		{"same template", "", basic + "  minReadySeconds: 1\n", "1"},
		{"by the client", "", "metadata: {annotations: {deprecated.daemonset.template.generation: '77'}}\n" + basic, "1"},
		{"by status", "status", "metadata: {annotations: {deprecated.daemonset.template.generation: '77'}}\n" + basic, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := kindtest.Read(t, r, basic)
			kindtest.Create(r, old)
			obj, errs := kindtest.Update(r, c.sub, kindtest.Read(t, r, c.body), old)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if got := obj.GetAnnotations()["deprecated.daemonset.template.generation"]; got != c.want {
				t.Errorf("template generation %s, want %s", got, c.want)
			}
		})
	}
	kindtest.Row{Name: "row", Body: "spec:\n" + selector + "  template: {metadata: {labels: {app: web}}, spec: {nodeSelector: {b: c, a: d}, containers: [{name: c, image: i}, {name: d, image: j}]}}\n" +
		"status: {desiredNumberScheduled: 4, currentNumberScheduled: 3, numberReady: 2, updatedNumberScheduled: 1, numberAvailable: 5}\n",
		Want: "x | 4 | 3 | 2 | 1 | 5 | a=d,b=c | <age> | c,d | i,j | app=web"}.Run(t, r)
}

func TestControllerRevision(t *testing.T) {
	r := kind(t, "controllerrevisions")
	for _, c := range []kindtest.Creates{
		{Name: "data", Body: "data: {a: 1}\nrevision: 1\n", Want: "data: {a: 1}\nrevision: 1\n"},
		{Name: "nothing", Body: "revision: -1", Err: "[data: Required value: data is mandatory, revision: Invalid value: -1: must be greater than or equal to 0]"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "revision", Old: "data: {a: 1}\nrevision: 1\n", Body: "data: {a: 1}\nrevision: 2\n"}.Run(t, r)
	kindtest.Row{Name: "free", Body: "revision: 1", Want: "x | <none> | 1 | <age>"}.Run(t, r)
	kindtest.Row{Name: "owned", Body: "revision: 2\nmetadata: {ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}]}\n", Want: "x | statefulset.apps/web | 2 | <age>"}.Run(t, r)
}
