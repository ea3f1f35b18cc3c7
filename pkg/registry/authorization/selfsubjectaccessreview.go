package authorization

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// selfSubjectAccessReviews answers whether the client may do something.
func selfSubjectAccessReviews(a Authorizer) *registry.Resource {
	return registry.Define(registry.Kind[*authorizationv1.SelfSubjectAccessReview]{
		Group: group, Version: version, Kind: "SelfSubjectAccessReview", Resource: "selfsubjectaccessreviews",
		Create: func(ctx context.Context, q *registry.Request, r *authorizationv1.SelfSubjectAccessReview) (*authorizationv1.SelfSubjectAccessReview, error) {
			errs := validateTarget(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
			errs = append(errs, validateSelectors(r.Spec.ResourceAttributes)...)
			if err := invalid(append(errs, validateMeta(r.ObjectMeta, "must be empty")...)); err != nil {
				return nil, err
			}
			r.Status = review(ctx, a, q.User, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
			return r, nil
		},
	})
}
