package autoscaling

import (
	"encoding/json"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
)

// The annotations that carry in v1 what only v2 has. They never appear in v2 and
// are never stored.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

// behavior is a v2 behavior under the field names that its annotation has: those
// of the Go types of the first server that wrote it.
type behavior struct{ ScaleUp, ScaleDown *rules }

type rules struct {
	StabilizationWindowSeconds *int32
	SelectPolicy               *autoscalingv2.ScalingPolicySelect
	Policies                   []policy
	Tolerance                  *resource.Quantity
}

type policy struct {
	Type          autoscalingv2.HPAScalingPolicyType
	Value         int32
	PeriodSeconds int32
}

// fromV1 converts an object of v1 to the stored v2. An annotation that does not
// parse counts as none.
func fromV1(o runtime.Object) (*hpa, error) {
	in, ok := o.(*autoscalingv1.HorizontalPodAutoscaler)
	if !ok {
		return nil, fmt.Errorf("autoscaling: %T is not a HorizontalPodAutoscaler of v1", o)
	}
	in = in.DeepCopy()
	out := &hpa{ObjectMeta: in.ObjectMeta}
	out.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
		MinReplicas:    in.Spec.MinReplicas,
		MaxReplicas:    in.Spec.MaxReplicas,
	}
	out.Status = autoscalingv2.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration,
		LastScaleTime:      in.Status.LastScaleTime,
		CurrentReplicas:    in.Status.CurrentReplicas,
		DesiredReplicas:    in.Status.DesiredReplicas,
	}
	metrics, found := fromAnnotation[[]autoscalingv1.MetricSpec](in.Annotations, metricsAnnotation)
	if found {
		out.Spec.Metrics = make([]autoscalingv2.MetricSpec, 0, len(metrics)+1)
		for i := range metrics {
			out.Spec.Metrics = append(out.Spec.Metrics, metricToV2(&metrics[i]))
		}
	}
	if cpu := in.Spec.TargetCPUUtilizationPercentage; cpu != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*cpu))
	}
	if b, ok := fromAnnotation[behavior](in.Annotations, behaviorAnnotation); ok && b != (behavior{}) {
		out.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: b.ScaleUp.toV2(), ScaleDown: b.ScaleDown.toV2()}
	}
	if cpu := in.Status.CurrentCPUUtilizationPercentage; cpu != nil {
		out.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: cpu}}}}
	}
	if current, ok := fromAnnotation[[]autoscalingv1.MetricStatus](in.Annotations, currentMetricsAnnotation); ok {
		// It has the share of CPU too, and its raw value.
		out.Status.CurrentMetrics = make([]autoscalingv2.MetricStatus, len(current))
		for i := range current {
			out.Status.CurrentMetrics[i] = statusToV2(&current[i])
		}
	}
	if conditions, ok := fromAnnotation[[]autoscalingv2.HorizontalPodAutoscalerCondition](in.Annotations, conditionsAnnotation); ok {
		out.Status.Conditions = conditions
	}
	dropAnnotations(out)
	return out, nil
}

func fromAnnotation[T any](annotations map[string]string, key string) (v T, ok bool) {
	text, ok := annotations[key]
	if !ok {
		return v, false
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		var none T
		return none, false
	}
	return v, true
}

func dropAnnotations(h *hpa) {
	for _, k := range []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation} {
		delete(h.Annotations, k)
	}
	if len(h.Annotations) == 0 {
		h.Annotations = nil
	}
}

// toV1 converts a stored object to v1.
func toV1(h *hpa) (runtime.Object, error) {
	in := h.DeepCopy()
	dropAnnotations(in)
	out := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: in.ObjectMeta}
	out.Spec = autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
		MinReplicas:    in.Spec.MinReplicas,
		MaxReplicas:    in.Spec.MaxReplicas,
	}
	out.Status = autoscalingv1.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration,
		LastScaleTime:      in.Status.LastScaleTime,
		CurrentReplicas:    in.Status.CurrentReplicas,
		DesiredReplicas:    in.Status.DesiredReplicas,
	}
	var others []autoscalingv1.MetricSpec
	for i := range in.Spec.Metrics {
		m := &in.Spec.Metrics[i]
		if cpu := cpuTarget(m); cpu != nil {
			// v1 has room for one; kube-apiserver keeps the first too.
			if out.Spec.TargetCPUUtilizationPercentage == nil {
				out.Spec.TargetCPUUtilizationPercentage = cpu
			}
			continue
		}
		others = append(others, metricToV1(m))
	}
	current := make([]autoscalingv1.MetricStatus, len(in.Status.CurrentMetrics))
	for i := range in.Status.CurrentMetrics {
		s := &in.Status.CurrentMetrics[i]
		if r := s.Resource; r != nil && r.Name == corev1.ResourceCPU && r.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = r.Current.AverageUtilization
		}
		current[i] = statusToV1(s)
	}
	return out, annotate(out, in, others, current)
}

func annotate(out *autoscalingv1.HorizontalPodAutoscaler, in *hpa, others []autoscalingv1.MetricSpec, current []autoscalingv1.MetricStatus) error {
	set := func(key string, v any, wanted bool) error {
		if !wanted {
			return nil
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("autoscaling: annotation %s: %w", key, err)
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[key] = string(text)
		return nil
	}
	if err := set(metricsAnnotation, others, len(others) > 0); err != nil {
		return err
	}
	if err := set(currentMetricsAnnotation, current, len(current) > 0); err != nil {
		return err
	}
	if err := set(conditionsAnnotation, in.Status.Conditions, len(in.Status.Conditions) > 0); err != nil {
		return err
	}
	if in.Spec.Behavior == nil {
		return nil
	}
	return set(behaviorAnnotation, behavior{rulesFromV2(in.Spec.Behavior.ScaleUp), rulesFromV2(in.Spec.Behavior.ScaleDown)}, true)
}

// cpuTarget is what v1 calls the target share of CPU; nil for another metric.
func cpuTarget(m *autoscalingv2.MetricSpec) *int32 {
	if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil || m.Resource.Name != corev1.ResourceCPU {
		return nil
	}
	return m.Resource.Target.AverageUtilization
}

func (r *rules) toV2() *autoscalingv2.HPAScalingRules {
	if r == nil {
		return nil
	}
	out := &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: r.StabilizationWindowSeconds, SelectPolicy: r.SelectPolicy, Tolerance: r.Tolerance}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, autoscalingv2.HPAScalingPolicy(p))
	}
	return out
}

func rulesFromV2(r *autoscalingv2.HPAScalingRules) *rules {
	if r == nil {
		return nil
	}
	out := &rules{StabilizationWindowSeconds: r.StabilizationWindowSeconds, SelectPolicy: r.SelectPolicy, Tolerance: r.Tolerance}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, policy(p))
	}
	return out
}
