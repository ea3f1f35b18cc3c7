package authentication

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// errInvalidToken is what a review says of a token that is nobody's.
var errInvalidToken = errors.New("invalid bearer token")

// tokenReviews answers whose a token is.
func tokenReviews(a Authenticator) *registry.Resource {
	return registry.Define(registry.Kind[*authenticationv1.TokenReview]{
		Group: group, Version: version, Kind: "TokenReview", Resource: "tokenreviews",
		Create: func(ctx context.Context, _ *registry.Request, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
			if review.Spec.Token == "" {
				return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication")
			}
			review.Status = reviewToken(ctx, a, &review.Spec)
			return review, nil
		},
	})
}

func reviewToken(ctx context.Context, a Authenticator, spec *authenticationv1.TokenReviewSpec) authenticationv1.TokenReviewStatus {
	user, audiences, ok, err := a.AuthenticateToken(ctx, spec.Token, spec.Audiences)
	if !ok && err == nil {
		err = errInvalidToken
	}
	var status authenticationv1.TokenReviewStatus
	if err != nil {
		status.Error = err.Error()
	}
	if ok {
		status.Authenticated, status.User, status.Audiences = true, userInfo(user), audiences
	}
	return status
}
