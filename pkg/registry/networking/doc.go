// Package networking holds the kinds of the API group networking.k8s.io:
// Ingress, IngressClass, IPAddress, NetworkPolicy and ServiceCIDR, one file each.
//
// The allocation of service addresses, which IPAddress and ServiceCIDR objects
// record, is not done here.
package networking

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		ingressClasses(),
		ingresses(),
		ipAddresses(),
		networkPolicies(),
		serviceCIDRs(),
	}
}

const (
	group   = "networking.k8s.io"
	version = "v1"
)
