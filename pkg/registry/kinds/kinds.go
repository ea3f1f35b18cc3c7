// Package kinds joins the kinds of every API group into the one table that the
// server serves.
//
// What is in the table is what is served, and discovery lists nothing else.
// CustomResourceDefinition and APIService are not in it: an object of theirs
// promises that its resources are served, which this server does not do yet.
package kinds

import (
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/admissionregistration"
	"github.com/binnacle-io/binnacle/pkg/registry/apps"
	"github.com/binnacle-io/binnacle/pkg/registry/authentication"
	"github.com/binnacle-io/binnacle/pkg/registry/authorization"
	"github.com/binnacle-io/binnacle/pkg/registry/autoscaling"
	"github.com/binnacle-io/binnacle/pkg/registry/batch"
	"github.com/binnacle-io/binnacle/pkg/registry/certificates"
	"github.com/binnacle-io/binnacle/pkg/registry/coordination"
	"github.com/binnacle-io/binnacle/pkg/registry/core"
	"github.com/binnacle-io/binnacle/pkg/registry/discovery"
	"github.com/binnacle-io/binnacle/pkg/registry/flowcontrol"
	"github.com/binnacle-io/binnacle/pkg/registry/networking"
	"github.com/binnacle-io/binnacle/pkg/registry/node"
	"github.com/binnacle-io/binnacle/pkg/registry/policy"
	"github.com/binnacle-io/binnacle/pkg/registry/rbac"
	"github.com/binnacle-io/binnacle/pkg/registry/resource"
	"github.com/binnacle-io/binnacle/pkg/registry/scheduling"
	"github.com/binnacle-io/binnacle/pkg/registry/storage"
)

// Deps are what the virtual kinds ask. The zero value leaves them out, all but
// SelfSubjectReview.
type Deps struct {
	Authenticator authentication.Authenticator // TokenReview
	Authorizer    authorization.Authorizer     // the access reviews
	Rules         authorization.RuleResolver   // SelfSubjectRulesReview
}

// All returns every kind, in the order in which discovery lists the groups.
func All(d Deps) []*registry.Resource {
	var all []*registry.Resource
	for _, group := range [][]*registry.Resource{
		apps.Kinds(),
		core.Kinds(), // /api, and events.k8s.io here
		authentication.Kinds(d.Authenticator),
		authorization.Kinds(d.Authorizer, d.Rules),
		autoscaling.Kinds(),
		batch.Kinds(),
		certificates.Kinds(),
		networking.Kinds(),
		policy.Kinds(),
		rbac.Kinds(),
		storage.Kinds(),
		admissionregistration.Kinds(),
		scheduling.Kinds(),
		coordination.Kinds(),
		node.Kinds(),
		discovery.Kinds(),
		resource.Kinds(),
		flowcontrol.Kinds(),
	} {
		all = append(all, group...)
	}
	return all
}
