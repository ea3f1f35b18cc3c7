package core

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// Pods are containers that run together on one node.
func Pods() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Pod]{
		Version: "v1", Kind: "Pod", Resource: "pods", ShortNames: []string{"po"}, Categories: []string{"all"}, Namespaced: true,
		Fields: podFields(), WatchField: "spec.nodeName",
		Columns: podColumns(), Cells: podCells, RowConditions: podRowConditions,
		Default:         podspec.DefaultPod,
		Prepare:         preparePod,
		PrepareUpdate:   preparePodUpdate,
		Validate:        validatePod,
		ValidateUpdate:  validatePodUpdate,
		Warnings:        podspec.PodWarnings,
		Spec:            podGeneration,
		Status:          func(p *corev1.Pod) any { return &p.Status },
		IgnoredByStatus: []string{"metadata.deletionTimestamp", "metadata.ownerReferences", "spec"},
		PrepareStatus:   preparePodStatus,
		ValidateStatus:  validatePodStatus,
		ReturnDeleted:   true,
		GracePeriod:     podGracePeriod,
		Parts: []registry.Part[*corev1.Pod]{
			{Name: "ephemeralcontainers", Verbs: []string{"get", "patch", "update"}, Owns: []string{"spec.ephemeralContainers"},
				Prepare: prepareEphemeralContainers, Validate: validateEphemeralContainers},
			{Name: "resize", Verbs: []string{"get", "patch", "update"},
				Owns: []string{"spec.containers.*.resources", "spec.containers.*.resizePolicy",
					"spec.initContainers.*.resources", "spec.initContainers.*.resizePolicy"},
				Prepare: prepareResize, Validate: validateResize},
		},
		Actions: []registry.Action[*corev1.Pod]{
			{Name: "binding", Kind: corev1.SchemeGroupVersion.WithKind("Binding"), Do: bindPod},
		},
		Connects: []registry.Connect{
			podConnect("attach", "PodAttachOptions", "create", "get"),
			podConnect("exec", "PodExecOptions", "create", "get"),
			podConnect("log", "Pod", "get"),
			podConnect("portforward", "PodPortForwardOptions", "create", "get"),
			{Name: "proxy", Kind: podOptions("PodProxyOptions"), Verbs: proxyVerbs(), WithPath: true},
		},
	})
}

func podOptions(kind string) schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind(kind) }

func podConnect(name, options string, verbs ...string) registry.Connect {
	return registry.Connect{Name: name, Kind: podOptions(options), Verbs: verbs}
}

// podGeneration is the spec apart from the node's name: being bound to a node is
// not a change that somebody must act upon.
func podGeneration(p *corev1.Pod) any {
	s := p.Spec
	s.NodeName = ""
	return &s
}

func podFields() []registry.Field[*corev1.Pod] {
	return []registry.Field[*corev1.Pod]{
		{Name: "spec.nodeName", Get: func(p *corev1.Pod) string { return p.Spec.NodeName }},
		{Name: "spec.restartPolicy", Get: func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) }},
		{Name: "spec.schedulerName", Get: func(p *corev1.Pod) string { return p.Spec.SchedulerName }},
		{Name: "spec.serviceAccountName", Get: func(p *corev1.Pod) string { return p.Spec.ServiceAccountName }},
		{Name: "spec.hostNetwork", Get: func(p *corev1.Pod) string { return strconv.FormatBool(p.Spec.HostNetwork) }},
		{Name: "status.phase", Get: func(p *corev1.Pod) string { return string(p.Status.Phase) }},
		{Name: "status.podIP", Get: podIP},
		// A known label that selects by nothing: no pod has a value for it.
		{Name: "status.podIPs", Get: func(*corev1.Pod) string { return "" }},
		{Name: "status.nominatedNodeName", Get: func(p *corev1.Pod) string { return p.Status.NominatedNodeName }},
	}
}

// validatePod checks the pod itself. Only a pod that is not stored yet has no
// resourceVersion.
func validatePod(p *corev1.Pod) field.ErrorList {
	return podspec.ValidatePod(p, p.ResourceVersion == "")
}

// podGracePeriod leaves a pod to its node for a while. One that is on no node or
// has finished goes at once.
func podGracePeriod(p *corev1.Pod, asked *int64) int64 {
	switch {
	case p.Spec.NodeName == "", podFinished(p):
		return 0
	case asked == nil:
		asked = p.Spec.TerminationGracePeriodSeconds
	}
	switch {
	case asked == nil:
		return 0
	case *asked < 0:
		return 1
	}
	return *asked
}

func podFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
