package core

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the core group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		Bindings(),
		ComponentStatuses(),
		ConfigMaps(),
		Endpoints(),
		Events(),
		LimitRanges(),
		Namespaces(),
		Nodes(),
		PersistentVolumeClaims(),
		PersistentVolumes(),
		Pods(),
		PodTemplates(),
		ReplicationControllers(),
		ResourceQuotas(),
		Secrets(),
		ServiceAccounts(),
		Services(),
	}
}
