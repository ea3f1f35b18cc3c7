// Package admissionregistration holds the kinds of the API group
// admissionregistration.k8s.io: webhook configurations, admission policies and
// their bindings, one file each.
//
// The objects are stored and checked; nothing here calls a webhook or evaluates
// a policy. CEL expressions are checked for being there; they are not compiled.
package admissionregistration

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		mutatingPolicies(),
		mutatingPolicyBindings(),
		mutatingWebhooks(),
		validatingPolicies(),
		validatingPolicyBindings(),
		validatingWebhooks(),
	}
}

const (
	group   = "admissionregistration.k8s.io"
	version = "v1"
)

// categories returns the categories of every kind here.
func categories() []string { return []string{"api-extensions"} }
