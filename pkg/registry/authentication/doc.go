// Package authentication holds the kinds of the API group authentication.k8s.io:
// TokenReview and SelfSubjectReview. Nothing of them is stored: a POST asks and
// its answer is the answer.
//
// The package knows no tokens. Who does is given to Kinds as an Authenticator;
// without one, TokenReview is not served.
package authentication

import (
	"context"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// Authenticator knows whose a bearer token is.
type Authenticator interface {
	// AuthenticateToken returns the user of a token and those of audiences that
	// the token is meant for; empty audiences are the server's own. ok is false
	// for a token that is nobody's. An error says why a token could not be
	// judged, or why one that is known does not do; it is shown to the client.
	// It may block on whoever issued the token until ctx ends.
	AuthenticateToken(ctx context.Context, token string, audiences []string) (user registry.User, meant []string, ok bool, err error)
}

// Kinds returns the kinds of the group, in the order of discovery. a may be nil.
func Kinds(a Authenticator) []*registry.Resource {
	kinds := []*registry.Resource{selfSubjectReviews()}
	if a != nil {
		kinds = append(kinds, tokenReviews(a))
	}
	return kinds
}

const (
	group   = "authentication.k8s.io"
	version = "v1"
)
