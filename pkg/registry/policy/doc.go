// Package policy holds the kind of the API group policy: PodDisruptionBudget.
// Eviction, the group's other kind, is an action on a pod and not served yet.
package policy

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{podDisruptionBudgets()}
}
