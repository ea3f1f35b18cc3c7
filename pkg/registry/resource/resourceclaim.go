package resource

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func resourceClaims() *registry.Resource {
	return registry.Define(registry.Kind[*resourcev1.ResourceClaim]{
		Group: group, Version: version, Kind: "ResourceClaim",
		Resource: "resourceclaims", Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("State", "A summary of the current state (allocated, pending, reserved, etc.)."),
			columns.Age(),
		},
		Cells: func(c *resourcev1.ResourceClaim) []any {
			return []any{c.Name, claimState(c), columns.Created(c)}
		},
		Default: func(c *resourcev1.ResourceClaim) { defaultClaim(&c.Spec) },
		Validate: func(c *resourcev1.ResourceClaim) field.ErrorList {
			return validateClaim(&c.Spec, field.NewPath("spec"))
		},
		ValidateUpdate: func(obj, old *resourcev1.ResourceClaim) field.ErrorList {
			return check.Immutable(obj.Spec, old.Spec, field.NewPath("spec"))
		},
		Status:          func(c *resourcev1.ResourceClaim) any { return &c.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *resourcev1.ResourceClaim) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
		ValidateStatus: validateClaimStatus,
		ReturnDeleted:  true,
	})
}

func defaultClaim(s *resourcev1.ResourceClaimSpec) {
	for i := range s.Devices.Requests {
		r := &s.Devices.Requests[i]
		if e := r.Exactly; e != nil {
			defaultCount(&e.AllocationMode, &e.Count)
			defaultTolerations(e.Tolerations)
		}
		for k := range r.FirstAvailable {
			f := &r.FirstAvailable[k]
			defaultCount(&f.AllocationMode, &f.Count)
			defaultTolerations(f.Tolerations)
		}
	}
}

func defaultCount(mode *resourcev1.DeviceAllocationMode, count *int64) {
	fill.Value(mode, resourcev1.DeviceAllocationModeExactCount)
	if *mode == resourcev1.DeviceAllocationModeExactCount {
		fill.Value(count, 1)
	}
}

func defaultTolerations(tolerations []resourcev1.DeviceToleration) {
	for i := range tolerations {
		fill.Value(&tolerations[i].Operator, resourcev1.DeviceTolerationOpEqual)
	}
}

func claimState(c *resourcev1.ResourceClaim) string {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
		if len(c.Status.ReservedFor) > 0 {
			states = append(states, "reserved")
		}
	case c.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}
