// Package storage holds the kinds of the API group storage.k8s.io: the classes
// of storage, and what CSI drivers and the attach controller say about
// themselves, their nodes and their volumes. One file per kind.
package storage

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		csiDrivers(),
		csiNodes(),
		csiStorageCapacities(),
		storageClasses(),
		volumeAttachments(),
		volumeAttributesClasses(),
	}
}

const (
	group   = "storage.k8s.io"
	version = "v1"
)
