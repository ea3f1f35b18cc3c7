package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func mutatingPolicyBindings() *registry.Resource {
	type kind = admissionv1.MutatingAdmissionPolicyBinding
	doc := admissionv1.MutatingAdmissionPolicyBindingSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "MutatingAdmissionPolicyBinding",
		Resource: "mutatingadmissionpolicybindings", Categories: categories(),
		Columns: bindingColumns(doc["policyName"], doc["paramRef"]),
		Cells: func(b *kind) []any {
			return []any{b.Name, b.Spec.PolicyName, paramRefText(b.Spec.ParamRef), columns.Created(b)}
		},
		Default: func(b *kind) { defaultMatch(b.Spec.MatchResources) },
		Validate: func(b *kind) field.ErrorList {
			return validateBinding(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources, field.NewPath("spec"))
		},
		Spec:                      func(b *kind) any { return &b.Spec },
		RefuseUnconditionalUpdate: true,
	})
}
