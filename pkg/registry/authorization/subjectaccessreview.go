package authorization

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// subjectAccessReviews answers whether somebody may do something.
func subjectAccessReviews(a Authorizer) *registry.Resource {
	return registry.Define(registry.Kind[*authorizationv1.SubjectAccessReview]{
		Group: group, Version: version, Kind: "SubjectAccessReview", Resource: "subjectaccessreviews",
		Create: func(ctx context.Context, _ *registry.Request, r *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
			errs := validateSubjectSpec(&r.Spec)
			if err := invalid(append(errs, validateMeta(r.ObjectMeta, "must be empty")...)); err != nil {
				return nil, err
			}
			r.Status = review(ctx, a, subject(&r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
			return r, nil
		},
	})
}

func validateSubjectSpec(s *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	errs := validateTarget(s.ResourceAttributes, s.NonResourceAttributes)
	if s.User == "" && len(s.Groups) == 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "user"), s.User, "at least one of user or group must be specified"))
	}
	return append(errs, validateSelectors(s.ResourceAttributes)...)
}
