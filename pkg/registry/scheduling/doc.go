// Package scheduling holds the kind of the API group scheduling.k8s.io:
// PriorityClass.
package scheduling

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{priorityClasses()}
}
