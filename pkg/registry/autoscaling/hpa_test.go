package autoscaling

import (
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

const target = "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"

func TestHPA(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec:\n  maxReplicas: 5\n" + target + "status: {currentReplicas: 2}\n", Want: "spec:\n  maxReplicas: 5\n  minReplicas: 1\n" + target +
			"  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]\nstatus: {currentMetrics: null, desiredReplicas: 0}\n"},
		{Name: "behavior", Body: "spec:\n  maxReplicas: 5\n" + target + "  behavior: {scaleUp: {selectPolicy: Min}}\n", Want: "spec:\n  maxReplicas: 5\n  minReplicas: 1\n" + target + `
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
  behavior:
    scaleUp: {selectPolicy: Min, stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 4, periodSeconds: 15}, {type: Percent, value: 100, periodSeconds: 15}]}
    scaleDown: {selectPolicy: Max, policies: [{type: Percent, value: 100, periodSeconds: 15}]}
status: {currentMetrics: null, desiredReplicas: 0}
`},
		{Name: "nothing", Body: "{}", Err: "[spec.maxReplicas: Required value: must be set and greater than 0, spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`, spec.scaleTargetRef.kind: Required value, spec.scaleTargetRef.name: Required value, spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must specify API group]"},
		{Name: "replication controller", Body: "spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: v1, kind: ReplicationController, name: a}}"},
		{Name: "zero", Body: "spec:\n  maxReplicas: 5\n  minReplicas: 0\n" + target, Err: "[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas]"},
		{Name: "type", Body: "spec:\n  maxReplicas: 5\n" + target + "  metrics: [{type: Foo}]\n", Err: `spec.metrics[0].type: Unsupported value: "Foo": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`},
		{Name: "other source", Body: "spec:\n  maxReplicas: 5\n" + target + "  metrics: [{type: Pods, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5}}}]\n",
			Err: "[spec.metrics[0].pods: Required value: must populate information for the given metric source, spec.metrics[0].resource: Forbidden: must populate the given metric source only]"},
		{Name: "two targets", Body: "spec:\n  maxReplicas: 5\n" + target + "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0, averageValue: '1'}}}]\n",
			Err: "[spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0, spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization]"},
		{Name: "names", Body: "spec:\n  maxReplicas: 5\n" + target + "  metrics: [{type: Pods, pods: {metric: {name: a/b}, target: {type: AverageValue, averageValue: '1'}}}, {type: Object, object: {metric: {name: q}, target: {type: Value, value: '1'}}}]\n",
			Err: "[spec.metrics[0].pods.metric.name: Invalid value: \"a/b\": may not contain '/', spec.metrics[1].object.describedObject.kind: Required value, spec.metrics[1].object.describedObject.name: Required value]"},
		{Name: "rules", Body: "spec:\n  maxReplicas: 5\n" + target + "  behavior: {scaleDown: {stabilizationWindowSeconds: 3601, policies: [{type: Pods, value: 0, periodSeconds: 1801}]}}\n",
			Err: "[spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600, spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero, spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800]"},
	} {
		c.Run(t, r)
	}
	if got, want := kindtest.Header(r), "Name | Reference | Targets | MinPods | MaxPods | Replicas | Age"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	for _, c := range []kindtest.Row{
		{Name: "unknown", Body: "spec:\n  maxReplicas: 5\n" + target, Want: "x | Deployment/web | cpu: <unknown>/80% | 1 | 5 | 0 | <age>"},
		{Name: "many", Body: "spec:\n  maxReplicas: 5\n" + target + `
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - {type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: "3"}}}
  - {type: Pods, pods: {metric: {name: p}, target: {type: AverageValue, averageValue: "1k"}}}
status:
  currentReplicas: 3
  currentMetrics: [{type: Resource, resource: {name: cpu, current: {averageUtilization: 42}}}, {type: Pods}]
`, Want: "x | Deployment/web | cpu: 42%/60%, <unknown>/3 (avg) + 1 more... | 1 | 5 | 3 | <age>"},
	} {
		c.Run(t, r)
	}
}

func v1(t *testing.T, text string) *autoscalingv1.HorizontalPodAutoscaler {
	t.Helper()
	var o autoscalingv1.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

func TestConvert(t *testing.T) {
	r := Kinds()[0]
	rich := kindtest.Read(t, r, "metadata: {annotations: {mine: '1'}}\nspec:\n  maxReplicas: 5\n  minReplicas: 2\n"+target+`
  behavior: {scaleUp: {stabilizationWindowSeconds: 5}}
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - {type: Pods, pods: {metric: {name: rps, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: 1k}}}
  - {type: Object, object: {describedObject: {kind: Ingress, name: i}, metric: {name: q}, target: {type: Value, value: "3"}}}
  - {type: External, external: {metric: {name: e}, target: {type: AverageValue, averageValue: "4"}}}
  - {type: ContainerResource, containerResource: {name: memory, container: c, target: {type: AverageValue, averageValue: 1Gi}}}
status:
  currentReplicas: 1
  desiredReplicas: 2
  conditions: [{type: AbleToScale, status: "True", reason: R, message: M}]
  currentMetrics: [{type: Resource, resource: {name: cpu, current: {averageUtilization: 33, averageValue: 5m}}}, {type: Pods, pods: {metric: {name: rps}, current: {averageValue: "3"}}}]
`)
	before := rich.DeepCopyObject()
	o, err := r.Also[0].FromStored(rich)
	if err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(before, rich) {
		t.Fatal("the stored object changed")
	}
	old := o.(*autoscalingv1.HorizontalPodAutoscaler)
	if p := old.Spec.TargetCPUUtilizationPercentage; p == nil || *p != 60 {
		t.Errorf("target share of CPU %v", p)
	}
	if p := old.Status.CurrentCPUUtilizationPercentage; p == nil || *p != 33 {
		t.Errorf("current share of CPU %v", p)
	}
	for k, want := range map[string]string{
		"mine":                   "1",
		behaviorAnnotation:       `{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}`,
		currentMetricsAnnotation: `[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":33,"currentAverageValue":"5m"}},{"type":"Pods","pods":{"metricName":"rps","currentAverageValue":"3"}}]`,
		conditionsAnnotation:     `[{"type":"AbleToScale","status":"True","lastTransitionTime":null,"reason":"R","message":"M"}]`,
	} {
		if got := old.Annotations[k]; got != want {
			t.Errorf("annotation %s\n got %s\nwant %s", k, got, want)
		}
	}
	if got := old.Annotations[metricsAnnotation]; !strings.HasPrefix(got, `[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"1k","selector":{"matchLabels":{"a":"b"}}}},{"type":"Object"`) {
		t.Errorf("metrics annotation %s", got)
	}
	back, err := r.Also[0].ToStored(old)
	if err != nil {
		t.Fatal(err)
	}
	r.Default(back)
	// The share of CPU comes back last.
	got, want := back.(*hpa), rich.(*hpa).DeepCopy()
	want.Spec.Metrics = append(want.Spec.Metrics[1:], want.Spec.Metrics[0])
	if !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("there and back:\n got %+v\nwant %+v", got, want)
	}
}

func TestFromV1(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []struct{ name, body, want string }{
		{"default", "spec: {maxReplicas: 4}", "cpu: <unknown>/80%"},
		{"cpu", "spec: {maxReplicas: 4, targetCPUUtilizationPercentage: 50}", "cpu: <unknown>/50%"},
		{"bad annotation", "metadata: {annotations: {autoscaling.alpha.kubernetes.io/metrics: not json}}", "cpu: <unknown>/80%"},
		{"annotation before cpu", `{metadata: {annotations: {autoscaling.alpha.kubernetes.io/metrics: '[{"type":"Pods","pods":{"metricName":"q","targetAverageValue":"7"}}]'}}, spec: {targetCPUUtilizationPercentage: 50}}`, "<unknown>/7, cpu: <unknown>/50%"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := r.Also[0].ToStored(v1(t, c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Default(o)
			h := o.(*hpa)
			if got := formatMetrics(h.Spec.Metrics, h.Status.CurrentMetrics); got != c.want {
				t.Errorf("metrics %s, want %s", got, c.want)
			}
			if h.Annotations != nil {
				t.Errorf("annotations %v are left", h.Annotations)
			}
		})
	}
	if _, err := r.Also[0].ToStored(&autoscalingv1.Scale{}); err == nil {
		t.Error("a Scale was converted")
	}
}

// FuzzAnnotations: what clients put into the annotations never breaks a
// conversion, and what survives it once survives it again.
func FuzzAnnotations(f *testing.F) {
	f.Add(`[{"type":"Pods","pods":{"metricName":"q","targetAverageValue":"7"}}]`, `{"ScaleUp":{"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":5}]}}`,
		`[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":1,"currentAverageValue":"1"}}]`, `[{"type":"A","status":"True"}]`)
	f.Add("null", "{}", "[]", "[null]")
	f.Fuzz(func(t *testing.T, metrics, behavior, current, conditions string) {
		in := &autoscalingv1.HorizontalPodAutoscaler{}
		in.Annotations = map[string]string{metricsAnnotation: metrics, behaviorAnnotation: behavior, currentMetricsAnnotation: current, conditionsAnnotation: conditions}
		once := thereAndBack(t, in)
		twice := thereAndBack(t, once)
		if !equality.Semantic.DeepEqual(once, twice) {
			t.Errorf("once  %+v\ntwice %+v", once, twice)
		}
	})
}

func thereAndBack(t *testing.T, in *autoscalingv1.HorizontalPodAutoscaler) *autoscalingv1.HorizontalPodAutoscaler {
	t.Helper()
	h, err := fromV1(in)
	if err != nil {
		t.Fatal(err)
	}
	defaultHPA(h)
	_ = validateHPA(h)
	_ = hpaCells(h)
	out, err := toV1(h)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*autoscalingv1.HorizontalPodAutoscaler)
}
