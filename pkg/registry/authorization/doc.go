// Package authorization holds the kinds of the API group authorization.k8s.io:
// the access reviews, which ask whether somebody may do something, and
// SelfSubjectRulesReview, which asks what the client may do. Nothing of them is
// stored: a POST asks and its answer is the answer.
//
// The package knows no policy. Who does is given to Kinds; what is not given is
// not served.
package authorization

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// Decision is what an Authorizer makes of a request.
type Decision int

const (
	// NoOpinion neither allows nor forbids: with nobody else to ask, it is no.
	NoOpinion Decision = iota
	// Allow is yes.
	Allow
	// Deny is no, whatever others say.
	Deny
)

// Attributes are what a request that is to be judged would do.
type Attributes struct {
	User registry.User
	Verb string

	// Path is that of a request for no resource; empty for a resource.
	Path string

	Group, Version, Resource, Subresource string
	Namespace, Name                       string
	// Fields and Labels are what a list would select by; nil is everything.
	Fields fields.Requirements
	Labels labels.Requirements
}

// Authorizer decides who may do what.
type Authorizer interface {
	// Authorize judges a request. reason is shown to the client and may be
	// empty. An error says what could not be found out; the decision stands.
	Authorize(ctx context.Context, a *Attributes) (d Decision, reason string, err error)
}

// Rules lists what a user may do.
type Rules struct {
	Resources    []authorizationv1.ResourceRule
	NonResources []authorizationv1.NonResourceRule
	// Incomplete says that the user may be allowed more.
	Incomplete bool
}

// RuleResolver knows what a user may do.
type RuleResolver interface {
	// RulesFor lists what a user may do in a namespace, together with what it
	// may do in all of them. An error says what could not be found out; the
	// rules that come with it stand.
	RulesFor(ctx context.Context, user registry.User, namespace string) (Rules, error)
}

// Kinds returns the kinds of the group, in the order of discovery. a and r may be
// nil.
func Kinds(a Authorizer, r RuleResolver) []*registry.Resource {
	var kinds []*registry.Resource
	if a != nil {
		kinds = append(kinds, localSubjectAccessReviews(a), selfSubjectAccessReviews(a))
	}
	if r != nil {
		kinds = append(kinds, selfSubjectRulesReviews(r))
	}
	if a != nil {
		kinds = append(kinds, subjectAccessReviews(a))
	}
	return kinds
}

const (
	group   = "authorization.k8s.io"
	version = "v1"
)
