// Package autoscaling holds the kind of the API group autoscaling:
// HorizontalPodAutoscaler.
//
// It is stored as autoscaling/v2 and served as v1 too. v1 knows one metric, the
// share of CPU; the rest of an object lives there in annotations, so that a
// client of v1 that writes back what it read loses nothing.
package autoscaling

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{horizontalPodAutoscalers()}
}
