package podspec

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func (c *checker) tolerations(path *field.Path) {
	for i := range c.spec.Tolerations {
		if t := &c.spec.Tolerations[i]; !plainToleration(t) {
			c.toleration(t, path.Child("tolerations").Index(i))
		}
	}
}

// plainToleration recognises the well-formed ones without making a path.
func plainToleration(t *corev1.Toleration) bool {
	switch t.Operator {
	case corev1.TolerationOpExists:
		if t.Value != "" {
			return false
		}
	case corev1.TolerationOpEqual, "":
		if t.Key == "" || !isLabelValue(t.Value) {
			return false
		}
	default:
		return false
	}
	switch t.Effect {
	case corev1.TaintEffectNoExecute:
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule:
		if t.TolerationSeconds != nil {
			return false
		}
	default:
		return false
	}
	return t.Key == "" || isLabelName(t.Key)
}

func (c *checker) toleration(t *corev1.Toleration, at *field.Path) {
	if t.Key != "" {
		c.labelName(at.Child("key"), t.Key)
	} else if t.Operator != corev1.TolerationOpExists {
		c.invalid(at.Child("operator"), t.Operator,
			"operator must be Exists when `key` is empty, which means \"match all values and all keys\"")
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		c.invalid(at.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
	}
	switch t.Operator {
	case corev1.TolerationOpEqual, "":
		if msgs := validation.IsValidLabelValue(t.Value); len(msgs) > 0 {
			c.invalid(at.Child("operator"), t.Value, strings.Join(msgs, ";"))
		}
	case corev1.TolerationOpExists:
		if t.Value != "" {
			c.invalid(at.Child("operator"), t.Value, "value must be empty when `operator` is 'Exists'")
		}
	default:
		oneOf(c, at, "operator", t.Operator, corev1.TolerationOpEqual, corev1.TolerationOpExists)
	}
	if t.Effect != "" {
		oneOf(c, at, "effect", t.Effect, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	}
}

func (c *checker) schedulingGates(path *field.Path) {
	var taken names
	for i, g := range c.spec.SchedulingGates {
		at := path.Child("schedulingGates").Index(i)
		c.labelName(at, g.Name)
		if !taken.add(g.Name) {
			c.add(field.Duplicate(at, g.Name))
		}
	}
}

func (c *checker) affinity(path *field.Path) {
	a := c.spec.Affinity
	if a == nil {
		return
	}
	path = path.Child("affinity")
	const required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
	if n := a.NodeAffinity; n != nil {
		at := path.Child("nodeAffinity")
		if r := n.RequiredDuringSchedulingIgnoredDuringExecution; r != nil {
			c.addAll(corevalidation.NodeSelector(r, at.Child(required)))
		}
		for i, t := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			at := at.Child(preferred).Index(i)
			c.weight(at, t.Weight)
			c.addAll(corevalidation.NodeSelectorTerm(t.Preference, at.Child("preference")))
		}
	}
	both := func(name string, r []corev1.PodAffinityTerm, p []corev1.WeightedPodAffinityTerm) {
		at := path.Child(name)
		for i := range r {
			c.podAffinityTerm(&r[i], at.Child(required).Index(i))
		}
		for i := range p {
			at := at.Child(preferred).Index(i)
			c.weight(at, p[i].Weight)
			c.podAffinityTerm(&p[i].PodAffinityTerm, at.Child("podAffinityTerm"))
		}
	}
	if p := a.PodAffinity; p != nil {
		both("podAffinity", p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if p := a.PodAntiAffinity; p != nil {
		both("podAntiAffinity", p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
}

func (c *checker) weight(at *field.Path, w int32) {
	if w <= 0 || w > 100 {
		c.invalid(at.Child("weight"), w, "must be in the range 1-100")
	}
}

func (c *checker) podAffinityTerm(t *corev1.PodAffinityTerm, at *field.Path) {
	c.selector(at, "labelSelector", t.LabelSelector)
	c.selector(at, "namespaceSelector", t.NamespaceSelector)
	for _, n := range t.Namespaces {
		c.label(at, "namespace", n)
	}
	c.labelKeys(at, "matchLabelKeys", t.MatchLabelKeys, t.LabelSelector)
	c.labelKeys(at, "mismatchLabelKeys", t.MismatchLabelKeys, t.LabelSelector)
	var mismatch names
	for _, k := range t.MismatchLabelKeys {
		mismatch.add(k)
	}
	for i, k := range t.MatchLabelKeys {
		if mismatch.has(k) {
			c.invalid(at.Child("matchLabelKeys").Index(i), k, "exists in both matchLabelKeys and mismatchLabelKeys")
		}
	}
	if t.TopologyKey == "" {
		c.required(at.Child("topologyKey"), "can not be empty")
	}
	c.labelName(at.Child("topologyKey"), t.TopologyKey)
}

// labelKeys checks label names whose values are taken from the pod itself.
func (c *checker) labelKeys(at *field.Path, name string, keys []string, s *metav1.LabelSelector) {
	if len(keys) == 0 {
		return
	}
	if s == nil {
		c.forbidden(at.Child(name), "must not be specified when labelSelector is not set")
		return
	}
	times := make(map[string]int, len(s.MatchExpressions))
	for _, e := range s.MatchExpressions {
		times[e.Key]++
	}
	for i, k := range keys {
		c.labelName(at.Child(name).Index(i), k)
		// The pod's own value has been added to the expressions; the client must not name the key as well.
		if _, has := s.MatchLabels[k]; has || times[k] > 1 {
			c.invalid(at.Child(name).Index(i), k, "exists in both "+name+" and labelSelector")
		}
	}
}

func (c *checker) spread(path *field.Path) {
	cs := c.spec.TopologySpreadConstraints
	if len(cs) == 0 {
		return
	}
	type pair struct {
		key  string
		when corev1.UnsatisfiableConstraintAction
	}
	last := make(map[pair]int, len(cs))
	for i := range cs {
		last[pair{cs[i].TopologyKey, cs[i].WhenUnsatisfiable}] = i
	}
	for i := range cs {
		t, at := &cs[i], path.Child("topologySpreadConstraints").Index(i)
		if t.MaxSkew <= 0 {
			c.invalid(at.Child("maxSkew"), t.MaxSkew, "must be greater than zero")
		}
		if t.TopologyKey == "" {
			c.required(at.Child("topologyKey"), "can not be empty")
		} else {
			c.labelName(at.Child("topologyKey"), t.TopologyKey)
		}
		oneOf(c, at, "whenUnsatisfiable", t.WhenUnsatisfiable, corev1.DoNotSchedule, corev1.ScheduleAnyway)
		if last[pair{t.TopologyKey, t.WhenUnsatisfiable}] > i {
			c.add(field.Duplicate(at.Child("{topologyKey, whenUnsatisfiable}"), fmt.Sprintf("{%s, %s}", t.TopologyKey, t.WhenUnsatisfiable)))
		}
		c.minDomains(t, at)
		if p := t.NodeAffinityPolicy; p != nil {
			oneOf(c, at, "nodeAffinityPolicy", *p, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)
		}
		if p := t.NodeTaintsPolicy; p != nil {
			oneOf(c, at, "nodeTaintsPolicy", *p, corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore)
		}
		c.labelKeys(at, "matchLabelKeys", t.MatchLabelKeys, t.LabelSelector)
		c.selector(at, "labelSelector", t.LabelSelector)
	}
}

func (c *checker) minDomains(t *corev1.TopologySpreadConstraint, at *field.Path) {
	m := t.MinDomains
	if m == nil {
		return
	}
	if *m <= 0 {
		c.invalid(at.Child("minDomains"), *m, "must be greater than zero")
	}
	if t.WhenUnsatisfiable != corev1.DoNotSchedule {
		c.invalid(at.Child("minDomains"), *m,
			fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s", corev1.DoNotSchedule, t.WhenUnsatisfiable))
	}
}
