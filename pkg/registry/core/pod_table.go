package core

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func podColumns() []registry.Column {
	return []registry.Column{
		columns.Name(),
		columns.Text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
		columns.Text("Status", "The aggregate status of the containers in this pod."),
		columns.Text("Restarts", "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted."),
		columns.Age(),
		columns.Wide(columns.Text("IP", corev1.PodStatus{}.SwaggerDoc()["podIP"])),
		columns.Wide(columns.Text("Node", corev1.PodSpec{}.SwaggerDoc()["nodeName"])),
		columns.Wide(columns.Text("Nominated Node", corev1.PodStatus{}.SwaggerDoc()["nominatedNodeName"])),
		columns.Wide(columns.Text("Readiness Gates", corev1.PodSpec{}.SwaggerDoc()["readinessGates"])),
	}
}

func podCells(p *corev1.Pod) []any {
	s := summarizePod(p)
	return []any{
		p.Name,
		fmt.Sprintf("%d/%d", s.ready, s.total),
		s.status,
		restartCell(s.restarts, s.restarted),
		columns.Created(p),
		columns.OrNone(podIP(p)),
		columns.OrNone(p.Spec.NodeName),
		columns.OrNone(p.Status.NominatedNodeName),
		readinessGates(p),
	}
}

func podIP(p *corev1.Pod) string {
	if len(p.Status.PodIPs) > 0 {
		return p.Status.PodIPs[0].IP
	}
	return p.Status.PodIP
}

func restartCell(n int, last metav1.Time) any {
	if n == 0 || last.IsZero() {
		return strconv.Itoa(n)
	}
	return registry.AgeText{Before: strconv.Itoa(n) + " (", Time: last, After: " ago)"}
}

func readinessGates(p *corev1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return columns.None
	}
	open := 0
	for _, g := range p.Spec.ReadinessGates {
		if podConditionTrue(p, g.ConditionType) {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(p.Spec.ReadinessGates))
}

func podConditionTrue(p *corev1.Pod, t corev1.PodConditionType) bool {
	c := podCondition(&p.Status, t)
	return c != nil && c.Status == corev1.ConditionTrue
}

// podSummary is what people see of a pod's containers.
type podSummary struct {
	status       string
	ready, total int
	restarts     int
	restarted    metav1.Time // of the last restart

	// What containers that start before the others have to say, while they do.
	starting bool
	// Restarts of sidecars count together with those of the other containers.
	sidecarRestarts  int
	sidecarRestarted metav1.Time
}

// reasonNodeLost is what the node controller gives as reason for the pods of a
// node that it cannot reach.
const reasonNodeLost = "NodeLost"

func summarizePod(p *corev1.Pod) podSummary {
	s := podSummary{status: string(p.Status.Phase), total: len(p.Spec.Containers)}
	if p.Status.Reason != "" {
		s.status = p.Status.Reason
	}
	if c := podCondition(&p.Status, corev1.PodScheduled); c != nil && c.Reason == corev1.PodReasonSchedulingGated {
		s.status = corev1.PodReasonSchedulingGated
	}
	s.initContainers(p)
	if !s.starting || podConditionTrue(p, corev1.PodInitialized) {
		s.containers(p)
	}
	if p.DeletionTimestamp != nil {
		switch {
		case p.Status.Reason == reasonNodeLost:
			s.status = "Unknown"
		case !podFinished(p):
			s.status = "Terminating"
		}
	}
	return s
}

func (s *podSummary) initContainers(p *corev1.Pod) {
	sidecars := map[string]bool{}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
			s.total++
		}
	}
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		s.restarts += int(c.RestartCount)
		s.restarted = later(s.restarted, lastEnd(c))
		if sidecars[c.Name] {
			s.sidecarRestarts += int(c.RestartCount)
			s.sidecarRestarted = later(s.sidecarRestarted, lastEnd(c))
		}
		t, w := c.State.Terminated, c.State.Waiting
		switch {
		case t != nil && t.ExitCode == 0:
			continue
		case sidecars[c.Name] && isTrue(c.Started):
			if c.Ready {
				s.ready++
			}
			continue
		case t != nil:
			s.status = "Init:" + endReason(t)
		case w != nil && w.Reason != "" && w.Reason != "PodInitializing":
			s.status = "Init:" + w.Reason
		default:
			s.status = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		s.starting = true
		return // those behind it wait for it
	}
}

func (s *podSummary) containers(p *corev1.Pod) {
	s.restarts, s.restarted = s.sidecarRestarts, s.sidecarRestarted
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- { // the first one has the last word
		c := &p.Status.ContainerStatuses[i]
		s.restarts += int(c.RestartCount)
		s.restarted = later(s.restarted, lastEnd(c))
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			s.status = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			s.status = endReason(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.status == "Completed" && running {
		s.status = "NotReady"
		if podConditionTrue(p, corev1.PodReady) {
			s.status = "Running"
		}
	}
}

// endReason says in a word why a container ended.
func endReason(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func lastEnd(c *corev1.ContainerStatus) metav1.Time {
	if t := c.LastTerminationState.Terminated; t != nil {
		return t.FinishedAt
	}
	return metav1.Time{}
}

func later(a, b metav1.Time) metav1.Time {
	if a.Before(&b) {
		return b
	}
	return a
}

// podRowConditions mark the pods that have run to their end.
func podRowConditions(p *corev1.Pod) []metav1.TableRowCondition {
	done := func(message string) []metav1.TableRowCondition {
		return []metav1.TableRowCondition{{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: string(p.Status.Phase), Message: message}}
	}
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return done("The pod has completed successfully.")
	case corev1.PodFailed:
		return done("The pod failed.")
	}
	return nil
}
