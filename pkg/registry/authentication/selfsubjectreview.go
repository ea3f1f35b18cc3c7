package authentication

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// selfSubjectReviews answers who the client is to the server.
func selfSubjectReviews() *registry.Resource {
	return registry.Define(registry.Kind[*authenticationv1.SelfSubjectReview]{
		Group: group, Version: version, Kind: "SelfSubjectReview", Resource: "selfsubjectreviews",
		Create: func(_ context.Context, r *registry.Request, _ *authenticationv1.SelfSubjectReview) (*authenticationv1.SelfSubjectReview, error) {
			return &authenticationv1.SelfSubjectReview{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: r.Now},
				Status:     authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(r.User)},
			}, nil
		},
	})
}

func userInfo(u registry.User) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	for k, v := range u.Extra {
		if info.Extra == nil {
			info.Extra = make(map[string]authenticationv1.ExtraValue, len(u.Extra))
		}
		info.Extra[k] = v
	}
	return info
}
