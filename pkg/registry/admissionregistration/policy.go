package admissionregistration

import (
	"regexp"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func defaultMatch(m *admissionv1.MatchResources) {
	if m == nil {
		return
	}
	fill.Pointer(&m.MatchPolicy, admissionv1.Equivalent)
	fill.Pointer(&m.NamespaceSelector, metav1.LabelSelector{})
	fill.Pointer(&m.ObjectSelector, metav1.LabelSelector{})
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			fill.Pointer(&rules[i].Scope, admissionv1.AllScopes)
		}
	}
}

// validateConstraints checks what a policy applies to, which it must say.
func validateConstraints(m *admissionv1.MatchResources, path *field.Path) field.ErrorList {
	if m == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := validateMatch(m, path)
	if len(m.ResourceRules) == 0 {
		errs = append(errs, field.Required(path.Child("resourceRules"), ""))
	}
	return errs
}

func validateMatch(m *admissionv1.MatchResources, path *field.Path) field.ErrorList {
	errs := validateSelector(m.NamespaceSelector, path.Child("namespaceSelector"))
	errs = append(errs, validateSelector(m.ObjectSelector, path.Child("objectSelector"))...)
	for i := range m.ResourceRules {
		errs = append(errs, validateNamedRule(&m.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range m.ExcludeResourceRules {
		errs = append(errs, validateNamedRule(&m.ExcludeResourceRules[i], path.Child("excludeResourceRules").Index(i))...)
	}
	if m.MatchPolicy == nil {
		return append(errs, field.Required(path.Child("matchPolicy"), ""))
	}
	return append(errs, validatePolicies(nil, m.MatchPolicy, path)...)
}

func validateSelector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	return corevalidation.LabelSelector(s, path)
}

func validateNamedRule(r *admissionv1.NamedRuleWithOperations, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := path.Child("resourceNames")
	for i, n := range r.ResourceNames {
		errs = append(errs, check.Messages(names.Index(i), n, apipath.ValidatePathSegmentName(n, false))...)
		if slices.Contains(r.ResourceNames[:i], n) {
			errs = append(errs, field.Duplicate(names.Index(i), n))
		}
	}
	return append(errs, validateRule(&r.RuleWithOperations, path)...)
}

func validateParamKind(k *admissionv1.ParamKind, path *field.Path) field.ErrorList {
	if k == nil {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("apiVersion")
	if k.APIVersion == "" {
		errs = append(errs, field.Required(at, ""))
	} else if gv, err := schema.ParseGroupVersion(k.APIVersion); err != nil {
		errs = append(errs, field.Invalid(at, k.APIVersion, err.Error()))
	} else if gv.Version == "" {
		errs = append(errs, field.Invalid(at, k.APIVersion, "the version must be specified"))
	}
	if k.Kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), ""))
	}
	return errs
}

var identifier = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

func validateVariables(variables []admissionv1.Variable, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, v := range variables {
		at := path.Index(i)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "name is not specified"))
		case !identifier.MatchString(v.Name):
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, "must be a valid CEL identifier"))
		}
		errs = append(errs, requiredExpression(v.Expression, at.Child("expression"), "expression is not specified")...)
	}
	return errs
}

// validateParamRef checks a reference to the parameters of a binding.
func validateParamRef(r *admissionv1.ParamRef, path *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if r.Name != "" {
		errs = append(errs, check.Messages(path.Child("name"), r.Name, apipath.ValidatePathSegmentName(r.Name, false))...)
	}
	switch {
	case r.Name != "" && r.Selector != nil:
		const both = "name and selector are mutually exclusive"
		errs = append(errs, field.Forbidden(path.Child("name"), both), field.Forbidden(path.Child("selector"), both))
	case r.Name == "" && r.Selector == nil:
		errs = append(errs, field.Required(path, "one of name or selector must be specified"))
	}
	if r.Selector != nil {
		errs = append(errs, corevalidation.LabelSelector(r.Selector, path.Child("selector"))...)
	}
	if r.ParameterNotFoundAction == nil {
		return append(errs, field.Required(path.Child("parameterNotFoundAction"), ""))
	}
	return append(errs, corevalidation.RequiredOneOf(*r.ParameterNotFoundAction, path.Child("parameterNotFoundAction"), admissionv1.DenyAction, admissionv1.AllowAction)...)
}

func paramKindText(k *admissionv1.ParamKind) string {
	if k == nil {
		return columns.Unset
	}
	return k.APIVersion + "/" + k.Kind
}

func paramRefText(r *admissionv1.ParamRef) string {
	switch {
	case r == nil:
		return columns.Unset
	case r.Selector != nil:
		return r.Selector.String()
	case r.Namespace == "":
		return "*/" + r.Name
	}
	return r.Namespace + "/" + r.Name
}
