package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// Well-known groups, as in k8s.io/apiserver/pkg/authentication/user.
const (
	GroupMasters       = "system:masters"
	GroupAuthenticated = "system:authenticated"
)

// ErrInvalidCredentials is returned by an Authenticator when a request carries
// credentials of its kind that are wrong: the request is refused even if
// another Authenticator knows the user.
var ErrInvalidCredentials = errors.New("invalid credentials")

// Authenticator finds the user of a request: nil and no error when the request
// carries no credentials of its kind. The user returned is shared and immutable.
type Authenticator interface {
	Authenticate(*http.Request) (*registry.User, error)
}

// Union asks each in turn; the first that knows the user wins, and an error is
// returned only when none does.
type Union []Authenticator

func (u Union) Authenticate(r *http.Request) (*registry.User, error) {
	var failed error
	for _, a := range u {
		user, err := a.Authenticate(r)
		if user != nil && err == nil {
			return user, nil
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	return nil, failed
}

// Attributes are what a decision is made on. Path is set for requests that are
// not for a resource.
type Attributes struct {
	User        *registry.User
	Verb        string // get, list, watch, create, ...; the HTTP method in lower case otherwise
	Group       string
	Version     string
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	Path        string
}

// Authorizer decides. reason explains a refusal and may be empty.
type Authorizer interface {
	Authorize(ctx context.Context, a *Attributes) (allowed bool, reason string, err error)
}

// SystemMasters lets the group system:masters do everything.
type SystemMasters struct{}

func (SystemMasters) Authorize(_ context.Context, a *Attributes) (bool, string, error) {
	return slices.Contains(a.User.Groups, GroupMasters), "", nil
}

// withAuthenticated adds the group that every known user is in.
func withAuthenticated(groups []string) []string {
	if slices.Contains(groups, GroupAuthenticated) {
		return groups
	}
	return append(slices.Clone(groups), GroupAuthenticated)
}
