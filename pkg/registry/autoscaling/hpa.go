package autoscaling

import (
	"fmt"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

type hpa = autoscalingv2.HorizontalPodAutoscaler

func horizontalPodAutoscalers() *registry.Resource {
	return registry.Define(registry.Kind[*hpa]{
		Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler",
		Resource: "horizontalpodautoscalers", ShortNames: []string{"hpa"}, Categories: []string{"all"}, Namespaced: true,
		Also: []registry.Served[*hpa]{{
			Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler",
			ToStored: fromV1, FromStored: toV1,
		}},
		Columns: hpaColumns(), Cells: hpaCells,
		Default:        defaultHPA,
		Validate:       validateHPA,
		Status:         func(h *hpa) any { return &h.Status },
		ValidateStatus: validateHPAStatus,
	})
}

const defaultCPUUtilization = 80

func defaultHPA(h *hpa) {
	s := &h.Spec
	fill.Pointer(&s.MinReplicas, 1)
	if len(s.Metrics) == 0 {
		s.Metrics = []autoscalingv2.MetricSpec{cpuMetric(defaultCPUUtilization)}
	}
	if s.Behavior == nil {
		return
	}
	percent := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}
	pods := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15}
	defaultRules(&s.Behavior.ScaleUp, pods, percent)
	fill.Pointer(&s.Behavior.ScaleUp.StabilizationWindowSeconds, 0)
	// How long a scale-down waits is left to the controller's own setting.
	defaultRules(&s.Behavior.ScaleDown, percent)
}

func defaultRules(rules **autoscalingv2.HPAScalingRules, policies ...autoscalingv2.HPAScalingPolicy) {
	fill.Pointer(rules, autoscalingv2.HPAScalingRules{})
	fill.Pointer(&(*rules).SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if (*rules).Policies == nil {
		(*rules).Policies = policies
	}
}

func cpuMetric(utilization int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name:   corev1.ResourceCPU,
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &utilization},
	}}
}

func hpaColumns() []registry.Column {
	spec, status := autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc(), autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()
	return []registry.Column{
		columns.Name(),
		columns.Text("Reference", spec["scaleTargetRef"]),
		columns.Text("Targets", spec["metrics"]),
		columns.Text("MinPods", spec["minReplicas"]),
		columns.Text("MaxPods", spec["maxReplicas"]),
		columns.Text("Replicas", status["currentReplicas"]),
		columns.Age(),
	}
}

func hpaCells(h *hpa) []any {
	least := columns.Unset
	if h.Spec.MinReplicas != nil {
		least = strconv.Itoa(int(*h.Spec.MinReplicas))
	}
	ref := h.Spec.ScaleTargetRef
	return []any{h.Name, ref.Kind + "/" + ref.Name, formatMetrics(h.Spec.Metrics, h.Status.CurrentMetrics),
		least, int64(h.Spec.MaxReplicas), int64(h.Status.CurrentReplicas), columns.Created(h)}
}

// maxMetricsShown bounds the cell of targets.
const maxMetricsShown = 2

func formatMetrics(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	if len(specs) == 0 {
		return columns.None
	}
	var list []string
	for i := range min(len(specs), maxMetricsShown) {
		var status autoscalingv2.MetricStatus
		if i < len(statuses) {
			status = statuses[i]
		}
		list = append(list, formatMetric(&specs[i], &status))
	}
	text := strings.Join(list, ", ")
	if more := len(specs) - maxMetricsShown; more > 0 {
		text += fmt.Sprintf(" + %d more...", more)
	}
	return text
}

// formatMetric prints a metric as it is and as it should be: "cpu: 42%/80%".
// A status of another kind than the metric counts as none.
func formatMetric(m *autoscalingv2.MetricSpec, s *autoscalingv2.MetricStatus) string {
	var now autoscalingv2.MetricValueStatus
	switch {
	case m.Type == autoscalingv2.ExternalMetricSourceType && m.External != nil:
		if s.External != nil {
			now = s.External.Current
		}
		return valueOverTarget(&now, &m.External.Target)
	case m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil:
		if s.Object != nil {
			now = s.Object.Current
		}
		return valueOverTarget(&now, &m.Object.Target)
	case m.Type == autoscalingv2.PodsMetricSourceType && m.Pods != nil:
		if s.Pods != nil {
			now = s.Pods.Current
		}
		return quantityText(now.AverageValue) + "/" + quantityText(m.Pods.Target.AverageValue)
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		if s.Resource != nil {
			now = s.Resource.Current
		}
		return string(m.Resource.Name) + ": " + shareOverTarget(&now, &m.Resource.Target)
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil:
		if s.ContainerResource != nil {
			now = s.ContainerResource.Current
		}
		return string(m.ContainerResource.Name) + ": " + shareOverTarget(&now, &m.ContainerResource.Target)
	}
	return "<unknown type>"
}

func valueOverTarget(now *autoscalingv2.MetricValueStatus, target *autoscalingv2.MetricTarget) string {
	if target.AverageValue != nil {
		return quantityText(now.AverageValue) + "/" + quantityText(target.AverageValue) + " (avg)"
	}
	return quantityText(now.Value) + "/" + quantityText(target.Value)
}

func shareOverTarget(now *autoscalingv2.MetricValueStatus, target *autoscalingv2.MetricTarget) string {
	if target.AverageValue != nil {
		return quantityText(now.AverageValue) + "/" + quantityText(target.AverageValue)
	}
	return percentText(now.AverageUtilization, columns.Unknown) + "/" + percentText(target.AverageUtilization, "<auto>")
}

func quantityText(q *resource.Quantity) string {
	if q == nil {
		return columns.Unknown
	}
	return q.String()
}

func percentText(n *int32, none string) string {
	if n == nil {
		return none
	}
	return strconv.Itoa(int(*n)) + "%"
}
