package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func mutatingPolicies() *registry.Resource {
	type kind = admissionv1.MutatingAdmissionPolicy
	doc := admissionv1.MutatingAdmissionPolicySpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "MutatingAdmissionPolicy",
		Resource: "mutatingadmissionpolicies", Categories: categories(),
		Columns: []registry.Column{
			columns.Name(),
			columns.Integer("Mutations", doc["mutations"]),
			columns.Text("ParamKind", doc["paramKind"]),
			columns.Age(),
		},
		Cells: func(p *kind) []any {
			return []any{p.Name, int64(len(p.Spec.Mutations)), paramKindText(p.Spec.ParamKind), columns.Created(p)}
		},
		Default: func(p *kind) {
			fill.Pointer(&p.Spec.FailurePolicy, admissionv1.Fail)
			defaultMatch(p.Spec.MatchConstraints)
		},
		Validate:                  validateMutatingPolicy,
		Spec:                      func(p *kind) any { return &p.Spec },
		RefuseUnconditionalUpdate: true,
	})
}

func validateMutatingPolicy(p *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	path, s := field.NewPath("spec"), &p.Spec
	errs := validatePolicies(s.FailurePolicy, nil, path)
	errs = append(errs, validateParamKind(s.ParamKind, path.Child("paramKind"))...)
	errs = append(errs, validateMatchConditions(s.MatchConditions, path.Child("matchConditions"))...)
	errs = append(errs, validateConstraints(s.MatchConstraints, path.Child("matchConstraints"))...)
	if s.MatchConstraints != nil {
		errs = append(errs, validateMutable(s.MatchConstraints.ResourceRules, path.Child("matchConstraints", "resourceRules", "operations"))...)
	}
	errs = append(errs, validateVariables(s.Variables, path.Child("variables"))...)
	if len(s.Mutations) == 0 {
		errs = append(errs, field.Required(path.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range s.Mutations {
		errs = append(errs, validateMutation(&s.Mutations[i], path.Child("mutations").Index(i))...)
	}
	return append(errs, corevalidation.RequiredOneOf(s.ReinvocationPolicy, path.Child("reinvocationPolicy"),
		admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
}

// validateMutable says that a deletion leaves nothing to change.
func validateMutable(rules []admissionv1.NamedRuleWithOperations, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, r := range rules {
		for _, o := range r.Operations {
			errs = append(errs, corevalidation.OneOf(o, path, admissionv1.OperationAll, admissionv1.Connect, admissionv1.Create, admissionv1.Update)...)
		}
	}
	return errs
}

// validateMutation checks that a mutation has the expression of its type and no
// other.
func validateMutation(m *admissionv1.Mutation, path *field.Path) field.ErrorList {
	json, apply := path.Child("jsonPatch"), path.Child("applyConfiguration")
	var errs field.ErrorList
	switch m.PatchType {
	case admissionv1.PatchTypeJSONPatch:
		if m.JSONPatch == nil {
			errs = append(errs, field.Required(json, "must be specified when patchType is JSONPatch"))
		} else {
			errs = append(errs, requiredExpression(m.JSONPatch.Expression, json.Child("expression"), "expression is not specified")...)
		}
		if m.ApplyConfiguration != nil {
			errs = append(errs, field.Invalid(apply, "{applyConfiguration}", "must not be specified when patchType is JSONPatch"))
		}
	case admissionv1.PatchTypeApplyConfiguration:
		if m.ApplyConfiguration == nil {
			errs = append(errs, field.Required(apply, "must be specified when patchType is ApplyConfiguration"))
		} else {
			errs = append(errs, requiredExpression(m.ApplyConfiguration.Expression, apply.Child("expression"), "expression is not specified")...)
		}
		if m.JSONPatch != nil {
			errs = append(errs, field.Invalid(json, "{jsonPatch}", "must not be specified when patchType is ApplyConfiguration"))
		}
	default:
		errs = append(errs, corevalidation.RequiredOneOf(m.PatchType, path.Child("patchType"), admissionv1.PatchTypeApplyConfiguration, admissionv1.PatchTypeJSONPatch)...)
	}
	return errs
}
