// Package resource holds the kinds of the API group resource.k8s.io: DeviceClass,
// ResourceClaim, ResourceClaimTemplate and ResourceSlice, one file each.
//
// It checks their form: required parts, limits, references within an object, and
// what may not change. CEL expressions are checked for being there and not too
// long; they are not compiled.
package resource

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		deviceClasses(),
		resourceClaims(),
		resourceClaimTemplates(),
		resourceSlices(),
	}
}

const (
	group   = "resource.k8s.io"
	version = "v1"
)
