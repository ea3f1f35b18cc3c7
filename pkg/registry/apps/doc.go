// Package apps holds the kinds of the API group apps: Deployment, ReplicaSet,
// StatefulSet, DaemonSet and ControllerRevision, one file each.
//
// A workload's pod template is a pod's spec and is treated as one: package
// podspec fills it in and checks it. Selectors are immutable, and a selector
// must match the labels of its own template. The controllers that act on these
// objects live elsewhere; only the status they report is checked here.
package apps

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		controllerRevisions(),
		daemonSets(),
		deployments(),
		replicaSets(),
		statefulSets(),
	}
}

const (
	group   = "apps"
	version = "v1"
)
