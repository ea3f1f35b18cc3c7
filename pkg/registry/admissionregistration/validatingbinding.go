package admissionregistration

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func validatingPolicyBindings() *registry.Resource {
	type kind = admissionv1.ValidatingAdmissionPolicyBinding
	doc := admissionv1.ValidatingAdmissionPolicyBindingSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "ValidatingAdmissionPolicyBinding",
		Resource: "validatingadmissionpolicybindings", Categories: categories(),
		Columns: bindingColumns(doc["policyName"], doc["paramRef"]),
		Cells: func(b *kind) []any {
			return []any{b.Name, b.Spec.PolicyName, paramRefText(b.Spec.ParamRef), columns.Created(b)}
		},
		Default: func(b *kind) { defaultMatch(b.Spec.MatchResources) },
		Validate: func(b *kind) field.ErrorList {
			path, s := field.NewPath("spec"), &b.Spec
			errs := validateBinding(s.PolicyName, s.ParamRef, s.MatchResources, path)
			return append(errs, validateActions(s.ValidationActions, path.Child("validationActions"))...)
		},
		Spec:                      func(b *kind) any { return &b.Spec },
		RefuseUnconditionalUpdate: true,
	})
}

// validateBinding checks what the bindings of both kinds of policy have in common.
func validateBinding(policy string, ref *admissionv1.ParamRef, match *admissionv1.MatchResources, path *field.Path) field.ErrorList {
	errs := check.RequiredSubdomain(policy, path.Child("policyName"))
	errs = append(errs, validateParamRef(ref, path.Child("paramRef"))...)
	if match != nil {
		errs = append(errs, validateMatch(match, path.Child("matchResources"))...)
	}
	return errs
}

func validateActions(actions []admissionv1.ValidationAction, path *field.Path) field.ErrorList {
	if len(actions) == 0 {
		return field.ErrorList{field.Required(path, "at least one validation action is required")}
	}
	var errs field.ErrorList
	for i, a := range actions {
		errs = append(errs, corevalidation.OneOf(a, path.Index(i), admissionv1.Audit, admissionv1.Deny, admissionv1.Warn)...)
		if slices.Contains(actions[:i], a) {
			errs = append(errs, field.Duplicate(path.Index(i), a))
		}
	}
	if slices.Contains(actions, admissionv1.Deny) && slices.Contains(actions, admissionv1.Warn) {
		errs = append(errs, field.Invalid(path, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	return errs
}

func bindingColumns(policyName, paramRef string) []registry.Column {
	return []registry.Column{columns.Name(), columns.Text("PolicyName", policyName), columns.Text("ParamRef", paramRef), columns.Age()}
}
