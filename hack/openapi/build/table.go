package main

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/authorization"
	"github.com/binnacle-io/binnacle/pkg/registry/kinds"
)

// A resource is what is served under one plural name of a group version.
type resource struct {
	schema.GroupVersionKind
	name       string // plural
	namespaced bool
	verbs      []string
	// returnsDeleted: DELETE answers the object, not a Status.
	returnsDeleted bool
	subresources   []subresource
}

// A subresource has the kind that its bodies are of.
type subresource struct {
	name  string
	kind  schema.GroupVersionKind
	verbs []string
	// connect: a stream to a pod, node or service; its kind holds the query parameters.
	connect  bool
	withPath bool
}

var (
	allVerbs    = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	updateVerbs = []string{"get", "patch", "update"}
	scaleKind   = schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}
)

func (r *resource) has(verb string) bool { return slices.Contains(r.verbs, verb) }

func (s *subresource) has(verb string) bool { return slices.Contains(s.verbs, verb) }

// served lists the table of kinds, and the two kinds that are described before
// they are served: what speaks of them needs their schemas.
func served() []resource {
	var all []resource
	for _, r := range kinds.All(kinds.Deps{Authenticator: nobody{}, Authorizer: nobody{}, Rules: nobody{}}) {
		all = append(all, describe(r, r.StoredKind()))
		for _, s := range r.Also {
			all = append(all, describe(r, schema.GroupVersionKind{Group: s.Group, Version: s.Version, Kind: s.Kind}))
		}
	}
	for _, early := range []resource{
		{GroupVersionKind: schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, name: "customresourcedefinitions"},
		{GroupVersionKind: schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}, name: "apiservices"},
	} {
		early.verbs = allVerbs
		early.subresources = []subresource{{name: "status", kind: early.GroupVersionKind, verbs: updateVerbs}}
		if !slices.ContainsFunc(all, func(r resource) bool { return r.GroupVersionKind == early.GroupVersionKind }) {
			all = append(all, early)
		}
	}
	return all
}

// describe takes from a kind what the documents say of it under gvk.
func describe(r *registry.Resource, gvk schema.GroupVersionKind) resource {
	d := resource{GroupVersionKind: gvk, name: r.Resource, namespaced: r.Namespaced, verbs: r.Verbs, returnsDeleted: r.ReturnDeleted}
	add := func(s subresource) { d.subresources = append(d.subresources, s) }
	if r.Status != nil && !r.NoStatusSubresource {
		add(subresource{name: "status", kind: gvk, verbs: updateVerbs})
	}
	if r.Scale != nil {
		add(subresource{name: "scale", kind: scaleKind, verbs: updateVerbs})
	}
	for _, p := range r.Parts {
		add(subresource{name: p.Name, kind: gvk, verbs: p.Verbs})
	}
	for _, a := range r.Actions {
		add(subresource{name: a.Name, kind: a.Kind, verbs: []string{"create"}})
	}
	for _, c := range r.Connects {
		add(subresource{name: c.Name, kind: c.Kind, verbs: c.Verbs, connect: c.Name != "log", withPath: c.WithPath})
	}
	return d
}

// nobody stands in for what the virtual kinds would ask: without it they would
// be missing from the table.
type nobody struct{}

var errNobody = errors.New("nobody to ask")

func (nobody) AuthenticateToken(context.Context, string, []string) (user registry.User, meant []string, ok bool, err error) {
	return user, nil, false, errNobody
}

func (nobody) Authorize(context.Context, *authorization.Attributes) (d authorization.Decision, reason string, err error) {
	return d, "", errNobody
}

func (nobody) RulesFor(context.Context, registry.User, string) (authorization.Rules, error) {
	return authorization.Rules{}, errNobody
}
