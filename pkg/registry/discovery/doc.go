// Package discovery holds the kind of the API group discovery.k8s.io:
// EndpointSlice.
package discovery

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{endpointSlices()}
}
