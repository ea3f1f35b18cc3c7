package podspec

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// checker collects what is wrong with one pod spec, in order.
type checker struct {
	errs field.ErrorList

	spec *corev1.PodSpec
	meta *metav1.ObjectMeta
	// pod tells a pod from a template, to which a few rules do not apply.
	pod bool

	// volumes are the spec's volumes in which nothing was wrong.
	volumes map[string]*corev1.VolumeSource
	// claims are the names of spec.resourceClaims.
	claims names
}

func (c *checker) add(e *field.Error) { c.errs = append(c.errs, e) }

func (c *checker) addAll(l field.ErrorList) { c.errs = append(c.errs, l...) }

func (c *checker) required(p *field.Path, detail string) { c.add(field.Required(p, detail)) }

func (c *checker) invalid(p *field.Path, value any, detail string) {
	c.add(field.Invalid(p, value, detail))
}

func (c *checker) forbidden(p *field.Path, detail string) { c.add(field.Forbidden(p, detail)) }

// messages adds one error for each message.
func (c *checker) messages(p *field.Path, value any, msgs []string) {
	for _, m := range msgs {
		c.invalid(p, value, m)
	}
}

// The checks below take the path of the parent and the field's name: making a
// path costs more than most checks do.

func (c *checker) label(parent *field.Path, name, value string) {
	if !isLabel(value) {
		c.messages(parent.Child(name), value, validation.IsDNS1123Label(value))
	}
}

func (c *checker) subdomain(parent *field.Path, name, value string) {
	if !isSubdomain(value) {
		c.messages(parent.Child(name), value, validation.IsDNS1123Subdomain(value))
	}
}

// labelName checks the name of a label or condition at p itself.
func (c *checker) labelName(p *field.Path, value string) {
	if !isLabelName(value) {
		c.addAll(metav1validation.ValidateLabelName(value, p))
	}
}

func (c *checker) notEmpty(parent *field.Path, name, value string) bool {
	if value == "" {
		c.required(parent.Child(name), "")
	}
	return value != ""
}

func (c *checker) labels(parent *field.Path, name string, set map[string]string) {
	for _, k := range sortedKeys(set) {
		if v := set[k]; !isLabelName(k) || !isLabelValue(v) {
			c.addAll(metav1validation.ValidateLabels(map[string]string{k: v}, parent.Child(name)))
		}
	}
}

func (c *checker) selector(parent *field.Path, name string, s *metav1.LabelSelector) {
	if s != nil {
		c.addAll(corevalidation.LabelSelector(s, parent.Child(name)))
	}
}

// oneOf checks a value that has been set against what is supported.
func oneOf[T ~string](c *checker, p *field.Path, name string, value T, supported ...T) {
	if !slices.Contains(supported, value) {
		// A copy, so that the list of the usual call, which succeeds, stays on the stack.
		c.add(field.NotSupported(p.Child(name), value, slices.Clone(supported)))
	}
}

// requiredOneOf is oneOf for a value that must be set.
func requiredOneOf[T ~string](c *checker, p *field.Path, name string, value T, supported ...T) {
	if value == "" {
		c.required(p.Child(name), "")
		return
	}
	oneOf(c, p, name, value, supported...)
}

func (c *checker) notNegative(parent *field.Path, name string, n int64) {
	if n < 0 {
		c.add(field.Invalid(parent.Child(name), n, "must be greater than or equal to 0").WithOrigin("minimum"))
	}
}

func (c *checker) id(parent *field.Path, name string, id *int64) {
	if id != nil {
		c.messages(parent.Child(name), *id, idMessages(*id))
	}
}

func idMessages(id int64) []string { return validation.IsValidUserID(id) }

// sortedKeys gives errors an order that does not change from run to run.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
