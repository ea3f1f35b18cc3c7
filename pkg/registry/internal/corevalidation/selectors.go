package corevalidation

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// LabelSelector checks a label selector; nil is fine.
func LabelSelector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := Labels(s.MatchLabels, path.Child("matchLabels"))
	for i, r := range s.MatchExpressions {
		errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(r,
			metav1validation.LabelSelectorValidationOptions{}, path.Child("matchExpressions").Index(i))...)
	}
	return errs
}

// NodeSelector checks a selector of nodes: terms of which one must match.
func NodeSelector(s *corev1.NodeSelector, path *field.Path) field.ErrorList {
	terms := path.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(terms, "must have at least one node selector term")}
	}
	var errs field.ErrorList
	for i, t := range s.NodeSelectorTerms {
		errs = append(errs, NodeSelectorTerm(t, terms.Index(i))...)
	}
	return errs
}

// NodeSelectorTerm checks a term of a node selector.
func NodeSelectorTerm(t corev1.NodeSelectorTerm, path *field.Path) (errs field.ErrorList) {
	for i, r := range t.MatchExpressions {
		errs = append(errs, nodeLabelRequirement(r, path.Child("matchExpressions").Index(i))...)
	}
	for i, r := range t.MatchFields {
		errs = append(errs, nodeFieldRequirement(r, path.Child("matchFields").Index(i))...)
	}
	return errs
}

func nodeLabelRequirement(r corev1.NodeSelectorRequirement, path *field.Path) (errs field.ErrorList) {
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(path.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(path.Child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	return append(errs, metav1validation.ValidateLabelName(r.Key, path.Child("key"))...)
}

// nodeFieldRequirement: metadata.name is the only field of a node that can be selected.
func nodeFieldRequirement(r corev1.NodeSelectorRequirement, path *field.Path) (errs field.ErrorList) {
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(path.Child("values"),
				"must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	if r.Key != metav1.ObjectNameField {
		return append(errs, field.Invalid(path.Child("key"), r.Key, "not a valid field selector key"))
	}
	for i, v := range r.Values {
		errs = append(errs, invalid(path.Child("values").Index(i), v, validation.IsDNS1123Subdomain(v))...)
	}
	return errs
}

// taintShape is how a taint stands in messages, where it is shown by the names
// that it had before the API had versions.
type taintShape struct {
	Key, Value string
	Effect     corev1.TaintEffect
	TimeAdded  *metav1.Time
}

// Taints checks a node's taints.
func Taints(taints []corev1.Taint, path *field.Path) (errs field.ErrorList) {
	type id struct {
		key    string
		effect corev1.TaintEffect
	}
	seen := map[id]bool{}
	for i, t := range taints {
		at := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(t.Key, at.Child("key"))...)
		errs = append(errs, invalid(at.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
		errs = append(errs, RequiredOneOf(t.Effect, at.Child("effect"),
			corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
		if seen[id{t.Key, t.Effect}] {
			dup := field.Duplicate(at, taintShape(t))
			dup.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, dup)
		}
		seen[id{t.Key, t.Effect}] = true
	}
	return errs
}

// AccessModes checks volume access modes: known ones, and ReadWriteOncePod alone.
func AccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path) (errs field.ErrorList) {
	alone, others := false, false
	for _, m := range modes {
		errs = append(errs, OneOf(m, path,
			corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
		if m == corev1.ReadWriteOncePod {
			alone = true
		} else {
			others = true
		}
	}
	if alone && others {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}
