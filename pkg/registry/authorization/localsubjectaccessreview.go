package authorization

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
)

// localSubjectAccessReviews answers whether somebody may do something in one
// namespace, so that who may ask can be limited to it.
func localSubjectAccessReviews(a Authorizer) *registry.Resource {
	return registry.Define(registry.Kind[*authorizationv1.LocalSubjectAccessReview]{
		Group: group, Version: version, Kind: "LocalSubjectAccessReview", Resource: "localsubjectaccessreviews", Namespaced: true,
		Create: func(ctx context.Context, q *registry.Request, r *authorizationv1.LocalSubjectAccessReview) (*authorizationv1.LocalSubjectAccessReview, error) {
			if r.Namespace == "" {
				r.Namespace = q.Namespace
			}
			if err := invalid(validateLocal(r)); err != nil {
				return nil, err
			}
			r.Status = review(ctx, a, subject(&r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
			return r, nil
		},
	})
}

func validateLocal(r *authorizationv1.LocalSubjectAccessReview) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateSubjectSpec(&r.Spec)
	bare := r.ObjectMeta
	bare.Namespace = ""
	errs = append(errs, validateMeta(bare, "must be empty except for namespace")...)
	if x := r.Spec.ResourceAttributes; x != nil && x.Namespace != r.Namespace {
		errs = append(errs, field.Invalid(path.Child("resourceAttributes", "namespace"), x.Namespace, "must match metadata.namespace"))
	}
	if x := r.Spec.NonResourceAttributes; x != nil {
		errs = append(errs, field.Invalid(path.Child("nonResourceAttributes"), check.Shown(x), "disallowed on this kind of request"))
	}
	return errs
}
