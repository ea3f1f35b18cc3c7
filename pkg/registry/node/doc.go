// Package node holds the kind of the API group node.k8s.io: RuntimeClass.
package node

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{runtimeClasses()}
}
