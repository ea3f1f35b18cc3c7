package admissionregistration

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const maxAuditAnnotations = 20

func validatingPolicies() *registry.Resource {
	type kind = admissionv1.ValidatingAdmissionPolicy
	doc := admissionv1.ValidatingAdmissionPolicySpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "ValidatingAdmissionPolicy",
		Resource: "validatingadmissionpolicies", Categories: categories(),
		Columns: []registry.Column{
			columns.Name(),
			columns.Integer("Validations", doc["validations"]),
			columns.Text("ParamKind", doc["paramKind"]),
			columns.Age(),
		},
		Cells: func(p *kind) []any {
			return []any{p.Name, int64(len(p.Spec.Validations)), paramKindText(p.Spec.ParamKind), columns.Created(p)}
		},
		Default: func(p *kind) {
			fill.Pointer(&p.Spec.FailurePolicy, admissionv1.Fail)
			defaultMatch(p.Spec.MatchConstraints)
		},
		Validate:        validateValidatingPolicy,
		Spec:            func(p *kind) any { return &p.Spec },
		Status:          func(p *kind) any { return &p.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *kind) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
		ValidateStatus: func(obj, _ *kind) field.ErrorList {
			return metav1validation.ValidateConditions(obj.Status.Conditions, field.NewPath("status", "conditions"))
		},
		RefuseUnconditionalUpdate: true,
	})
}

func validateValidatingPolicy(p *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	path, s := field.NewPath("spec"), &p.Spec
	errs := validatePolicies(s.FailurePolicy, nil, path)
	errs = append(errs, validateParamKind(s.ParamKind, path.Child("paramKind"))...)
	errs = append(errs, validateConstraints(s.MatchConstraints, path.Child("matchConstraints"))...)
	errs = append(errs, validateMatchConditions(s.MatchConditions, path.Child("matchConditions"))...)
	errs = append(errs, validateVariables(s.Variables, path.Child("variables"))...)
	if len(s.Validations) == 0 && len(s.AuditAnnotations) == 0 {
		const missing = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(path.Child("validations"), missing), field.Required(path.Child("auditAnnotations"), missing))
	}
	for i := range s.Validations {
		errs = append(errs, validateValidation(&s.Validations[i], path.Child("validations").Index(i))...)
	}
	return append(errs, validateAuditAnnotations(p.Name, s.AuditAnnotations, path.Child("auditAnnotations"))...)
}

func validateValidation(v *admissionv1.Validation, path *field.Path) field.ErrorList {
	errs := requiredExpression(v.Expression, path.Child("expression"), "expression is not specified")
	message := strings.TrimSpace(v.Message)
	switch {
	case v.Message != "" && message == "":
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "message must be non-empty if specified"))
	case strings.ContainsAny(message, "\r\n"):
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "message must not contain line breaks"))
	}
	if v.MessageExpression != "" {
		errs = append(errs, requiredExpression(v.MessageExpression, path.Child("messageExpression"), "must be non-empty if specified")...)
	}
	if v.Reason != nil {
		errs = append(errs, corevalidation.OneOf(*v.Reason, path.Child("reason"),
			metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge)...)
	}
	return errs
}

func validateAuditAnnotations(policy string, annotations []admissionv1.AuditAnnotation, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(annotations) > maxAuditAnnotations {
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, "must not have more than 20 auditAnnotations"))
	}
	for i, a := range annotations {
		at := path.Index(i)
		// An annotation is named after its policy.
		full := policy + "/" + a.Key
		for _, m := range validation.IsQualifiedName(full) {
			errs = append(errs, field.Invalid(at.Child("key"), full, m))
		}
		errs = append(errs, requiredExpression(a.ValueExpression, at.Child("valueExpression"), "valueExpression is not specified")...)
		if slices.ContainsFunc(annotations[:i], func(o admissionv1.AuditAnnotation) bool { return o.Key == a.Key }) {
			errs = append(errs, field.Duplicate(at.Child("key"), a.Key))
		}
	}
	return errs
}
