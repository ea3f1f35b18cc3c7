package authorization

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// selfSubjectRulesReviews answers what the client may do in a namespace.
func selfSubjectRulesReviews(resolver RuleResolver) *registry.Resource {
	return registry.Define(registry.Kind[*authorizationv1.SelfSubjectRulesReview]{
		Group: group, Version: version, Kind: "SelfSubjectRulesReview", Resource: "selfsubjectrulesreviews",
		Create: func(ctx context.Context, q *registry.Request, r *authorizationv1.SelfSubjectRulesReview) (*authorizationv1.SelfSubjectRulesReview, error) {
			if r.Spec.Namespace == "" {
				return nil, apierrors.NewBadRequest("no namespace on request")
			}
			rules, err := resolver.RulesFor(ctx, q.User, r.Spec.Namespace)
			out := &authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{
				ResourceRules: rules.Resources, NonResourceRules: rules.NonResources, Incomplete: rules.Incomplete,
			}}
			// The lists are there even when they are empty.
			if out.Status.ResourceRules == nil {
				out.Status.ResourceRules = []authorizationv1.ResourceRule{}
			}
			if out.Status.NonResourceRules == nil {
				out.Status.NonResourceRules = []authorizationv1.NonResourceRule{}
			}
			if err != nil {
				out.Status.EvaluationError = err.Error()
			}
			return out, nil
		},
	})
}
