package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func resourceClaimTemplates() *registry.Resource {
	return registry.Define(registry.Kind[*resourcev1.ResourceClaimTemplate]{
		Group: group, Version: version, Kind: "ResourceClaimTemplate",
		Resource: "resourceclaimtemplates", Namespaced: true,
		Columns: []registry.Column{columns.Name(), columns.Age()},
		Cells: func(t *resourcev1.ResourceClaimTemplate) []any {
			return []any{t.Name, columns.Created(t)}
		},
		Default: func(t *resourcev1.ResourceClaimTemplate) { defaultClaim(&t.Spec.Spec) },
		Validate: func(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
			path := field.NewPath("spec")
			errs := corevalidation.Labels(t.Spec.Labels, path.Child("metadata", "labels"))
			errs = append(errs, apivalidation.ValidateAnnotations(t.Spec.Annotations, path.Child("metadata", "annotations"))...)
			return append(errs, validateClaim(&t.Spec.Spec, path.Child("spec"))...)
		},
		ValidateUpdate: func(obj, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
			return check.Immutable(obj.Spec, old.Spec, field.NewPath("spec"))
		},
		ReturnDeleted: true,
	})
}
