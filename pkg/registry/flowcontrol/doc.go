// Package flowcontrol holds the kinds of the API group
// flowcontrol.apiserver.k8s.io: FlowSchema and PriorityLevelConfiguration.
//
// They say how requests are to share the server. The objects are stored and
// checked here; nothing here queues a request.
package flowcontrol

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{flowSchemas(), priorityLevelConfigurations()}
}

const (
	group   = "flowcontrol.apiserver.k8s.io"
	version = "v1"
)
