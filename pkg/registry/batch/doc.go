// Package batch holds the kinds of the API group batch: Job and CronJob.
//
// A Job's selector and the labels that it needs are made from its uid and name
// unless the client says manualSelector, so that no two jobs ever claim the same
// pods. What a Job has begun is immutable; how fast it goes on is not.
package batch

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{cronJobs(), jobs()}
}

const (
	group   = "batch"
	version = "v1"
)
