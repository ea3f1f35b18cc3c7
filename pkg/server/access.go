package server

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/authorization"
)

// reviewer answers access reviews with the decisions that requests get.
type reviewer struct{ auth.Authorizer }

func (r reviewer) Authorize(ctx context.Context, a *authorization.Attributes) (authorization.Decision, string, error) {
	ok, reason, err := r.Authorizer.Authorize(ctx, &auth.Attributes{User: &a.User, Verb: a.Verb, Group: a.Group, Version: a.Version,
		Resource: a.Resource, Subresource: a.Subresource, Namespace: a.Namespace, Name: a.Name, Path: a.Path})
	if ok {
		return authorization.Allow, reason, err
	}
	return authorization.NoOpinion, reason, err
}

// RulesFor lists everything for those who may do everything, and nothing for
// all others: there are no finer rules.
func (r reviewer) RulesFor(ctx context.Context, user registry.User, _ string) (authorization.Rules, error) {
	ok, _, err := r.Authorizer.Authorize(ctx, &auth.Attributes{User: &user, Verb: "*", Group: "*", Resource: "*"})
	if !ok {
		return authorization.Rules{}, err
	}
	all := []string{"*"}
	return authorization.Rules{
		Resources:    []authorizationv1.ResourceRule{{Verbs: all, APIGroups: all, Resources: all}},
		NonResources: []authorizationv1.NonResourceRule{{Verbs: all, NonResourceURLs: all}},
	}, err
}

// tokens answers token reviews from the token file; nil: no token is known.
type tokens struct{ *auth.TokenFile }

func (t tokens) AuthenticateToken(_ context.Context, token string, _ []string) (registry.User, []string, bool, error) {
	if t.TokenFile == nil {
		return registry.User{}, nil, false, nil
	}
	user := t.User(token)
	if user == nil {
		return registry.User{}, nil, false, nil
	}
	return *user, nil, true, nil
}
