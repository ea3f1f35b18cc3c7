package coordination

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group coordination.k8s.io.
func Kinds() []*registry.Resource {
	return []*registry.Resource{Leases()}
}
