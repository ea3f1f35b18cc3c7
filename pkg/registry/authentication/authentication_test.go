package authentication

import (
	"context"
	"errors"
	"reflect"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

// tokens knows one token, for one audience.
type tokens struct{}

func (tokens) AuthenticateToken(_ context.Context, token string, audiences []string) (registry.User, []string, bool, error) {
	switch {
	case token != "good":
		return registry.User{}, nil, false, nil
	case len(audiences) > 0 && audiences[0] != "here":
		return registry.User{}, nil, false, errors.New("not for here")
	}
	return registry.User{Name: "jane", UID: "u", Groups: []string{"devs"}, Extra: map[string][]string{"k": {"v"}}}, []string{"here"}, true, nil
}

func TestTokenReview(t *testing.T) {
	r := kindtest.Find(t, Kinds(tokens{}), "tokenreviews")
	jane := authenticationv1.UserInfo{Username: "jane", UID: "u", Groups: []string{"devs"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	for _, c := range []struct {
		name string
		spec authenticationv1.TokenReviewSpec
		want authenticationv1.TokenReviewStatus
		err  string
	}{
		{name: "good", spec: authenticationv1.TokenReviewSpec{Token: "good"}, want: authenticationv1.TokenReviewStatus{Authenticated: true, User: jane, Audiences: []string{"here"}}},
		{name: "nobody's", spec: authenticationv1.TokenReviewSpec{Token: "bad"}, want: authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}},
		{name: "for others", spec: authenticationv1.TokenReviewSpec{Token: "good", Audiences: []string{"there"}}, want: authenticationv1.TokenReviewStatus{Error: "not for here"}},
		{name: "none", err: "token is required for TokenReview in authentication"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := r.Create(t.Context(), kindtest.Request(), &authenticationv1.TokenReview{Spec: c.spec})
			if got := text(err); got != c.err {
				t.Fatalf("error %q, want %q", got, c.err)
			}
			if err == nil && !reflect.DeepEqual(o.(*authenticationv1.TokenReview).Status, c.want) {
				t.Errorf("got %+v, want %+v", o.(*authenticationv1.TokenReview).Status, c.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSelfSubjectReview(t *testing.T) {
	r := kindtest.Find(t, Kinds(nil), "selfsubjectreviews")
	o, err := r.Create(t.Context(), kindtest.Request(), &authenticationv1.SelfSubjectReview{})
	if err != nil {
		t.Fatal(err)
	}
	want := authenticationv1.UserInfo{Username: "jane", UID: "u1", Groups: []string{"devs"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	if got := o.(*authenticationv1.SelfSubjectReview).Status.UserInfo; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
