package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// preparePod gives a new pod its first status and settles what its client left
// to the server.
func preparePod(r *registry.Request, p *corev1.Pod) {
	admitPod(p)
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: podspec.QOSClass(&p.Spec)}
	if len(p.Spec.SchedulingGates) > 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: r.Now,
			Reason: corev1.PodReasonSchedulingGated, Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	preparePodSpec(p)
	podspec.AdoptAppArmorAnnotations(p)
	resolveLabelKeys(p)
}

// preparePodSpec is what creates and updates have in common.
func preparePodSpec(p *corev1.Pod) {
	podspec.DropUnserved(&p.Spec)
	// A negative period was allowed once; it means to kill soon.
	if g := p.Spec.TerminationGracePeriodSeconds; g != nil && *g < 0 {
		p.Spec.TerminationGracePeriodSeconds = new(int64(1))
	}
}

func preparePodUpdate(_ *registry.Request, obj, old *corev1.Pod) {
	tolerateNodeTrouble(&obj.Spec)
	if obj.Spec.Priority == nil {
		obj.Spec.Priority = old.Spec.Priority
	}
	if obj.Spec.PreemptionPolicy == nil {
		obj.Spec.PreemptionPolicy = old.Spec.PreemptionPolicy
	}
	preparePodSpec(obj)
}

// admitPod does for a new pod what kube-apiserver's admission plugins
// DefaultTolerationSeconds and Priority do when nothing but the built-in
// priority classes exists. A class of any other name is left to the admission
// layer, which can look it up.
func admitPod(p *corev1.Pod) {
	tolerateNodeTrouble(&p.Spec)
	priority, known := builtInPriority(p.Spec.PriorityClassName)
	if !known {
		return
	}
	if p.Spec.Priority == nil {
		p.Spec.Priority = new(priority)
	}
	if p.Spec.PreemptionPolicy == nil {
		p.Spec.PreemptionPolicy = new(corev1.PreemptLowerPriority)
	}
}

// builtInPriority is the value of the classes that exist in every cluster; a pod
// without a class has priority 0.
func builtInPriority(class string) (int32, bool) {
	switch class {
	case "":
		return 0, true
	case "system-cluster-critical":
		return 2000000000, true
	case "system-node-critical":
		return 2000001000, true
	}
	return 0, false
}

// nodeTroubleSeconds is how long a pod stays on a node that is not heard of.
const nodeTroubleSeconds int64 = 300

// tolerateNodeTrouble lets a pod outlast a short trouble of its node unless it
// says itself how long.
func tolerateNodeTrouble(s *corev1.PodSpec) {
	var notReady, unreachable bool
	for i := range s.Tolerations {
		t := &s.Tolerations[i]
		if t.Effect != corev1.TaintEffectNoExecute && t.Effect != "" {
			continue
		}
		notReady = notReady || t.Key == corev1.TaintNodeNotReady || t.Key == ""
		unreachable = unreachable || t.Key == corev1.TaintNodeUnreachable || t.Key == ""
	}
	add := func(key string) {
		s.Tolerations = append(s.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(nodeTroubleSeconds)})
	}
	if !notReady {
		add(corev1.TaintNodeNotReady)
	}
	if !unreachable {
		add(corev1.TaintNodeUnreachable)
	}
}

// resolveLabelKeys writes the pod's own values of matchLabelKeys and
// mismatchLabelKeys into the selectors beside them, once and for all.
func resolveLabelKeys(p *corev1.Pod) {
	if a := p.Spec.Affinity; a != nil {
		if a.PodAffinity != nil {
			resolveAffinityTerms(p.Labels, a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		if a.PodAntiAffinity != nil {
			resolveAffinityTerms(p.Labels, a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		}
	}
	for i := range p.Spec.TopologySpreadConstraints {
		c := &p.Spec.TopologySpreadConstraints[i]
		selectOwn(c.LabelSelector, p.Labels, c.MatchLabelKeys, metav1.LabelSelectorOpIn)
	}
}

func resolveAffinityTerms(labels map[string]string, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
	for i := range required {
		resolveAffinityTerm(labels, &required[i])
	}
	for i := range preferred {
		resolveAffinityTerm(labels, &preferred[i].PodAffinityTerm)
	}
}

func resolveAffinityTerm(labels map[string]string, t *corev1.PodAffinityTerm) {
	selectOwn(t.LabelSelector, labels, t.MatchLabelKeys, metav1.LabelSelectorOpIn)
	selectOwn(t.LabelSelector, labels, t.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
}

func selectOwn(s *metav1.LabelSelector, labels map[string]string, keys []string, op metav1.LabelSelectorOperator) {
	if s == nil {
		return
	}
	for _, k := range keys {
		if v, has := labels[k]; has {
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: k, Operator: op, Values: []string{v}})
		}
	}
}
