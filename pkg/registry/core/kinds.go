package core

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the core group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		ComponentStatuses(),
		ConfigMaps(),
		Endpoints(),
		Events(),
		LimitRanges(),
		Namespaces(),
		Nodes(),
		PersistentVolumeClaims(),
		PersistentVolumes(),
		ReplicationControllers(),
		ResourceQuotas(),
		Secrets(),
		ServiceAccounts(),
		Services(),
	}
}
