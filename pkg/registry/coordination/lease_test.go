package coordination

import (
	"reflect"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

func ptr[T any](v T) *T { return &v }

func TestLeaseTable(t *testing.T) {
	kinds := Kinds()
	if len(kinds) != 1 {
		t.Fatalf("%d kinds", len(kinds))
	}
	r := kinds[0]
	if r.Group != "coordination.k8s.io" || r.Version != "v1" || r.Resource != "leases" || r.Prefix != "leases" || !r.Namespaced {
		t.Errorf("lease: %+v", r.Kind)
	}
	if !r.AllowCreateOnUpdate || !r.RefuseUnconditionalUpdate {
		t.Error("PUT must create, and must name a resourceVersion otherwise")
	}
}

func TestLeaseCells(t *testing.T) {
	r := Leases()
	for _, c := range []struct {
		holder *string
		want   string
	}{{nil, ""}, {ptr("me"), "me"}} {
		l := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: c.holder}}
		l.Name = "l"
		got := r.Cells(l)
		if len(got) != len(r.Columns) || !reflect.DeepEqual(got, []any{"l", c.want, registry.Age{}}) {
			t.Errorf("cells %#v", got)
		}
	}
}

func TestLeaseValidation(t *testing.T) {
	for _, c := range []struct {
		name string
		spec coordinationv1.LeaseSpec
		want string
	}{
		{"nothing", coordinationv1.LeaseSpec{}, ""},
		{"all", coordinationv1.LeaseSpec{HolderIdentity: ptr(""), LeaseDurationSeconds: ptr[int32](1), LeaseTransitions: ptr[int32](0)}, ""},
		{"no duration", coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr[int32](0)}, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"},
		{"negative", coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr[int32](-1), LeaseTransitions: ptr[int32](-2)},
			"[spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0, spec.leaseTransitions: Invalid value: -2: must be greater than or equal to 0]"},
		{"preferred holder", coordinationv1.LeaseSpec{PreferredHolder: ptr("a")},
			"spec.preferredHolder: Forbidden: may only be specified when `strategy` is defined"},
	} {
		errs := Leases().Validate(&coordinationv1.Lease{Spec: c.spec})
		got := ""
		if len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Coordinated leader election is not served; what an older lease has stays.
func TestLeaseStrategy(t *testing.T) {
	r := Leases()
	spec := coordinationv1.LeaseSpec{Strategy: ptr(coordinationv1.OldestEmulationVersion), PreferredHolder: ptr("a")}
	l := &coordinationv1.Lease{Spec: *spec.DeepCopy()}
	r.Prepare(nil, l)
	if l.Spec.Strategy != nil || l.Spec.PreferredHolder != nil {
		t.Errorf("created with %+v", l.Spec)
	}
	l.Spec = *spec.DeepCopy()
	r.PrepareUpdate(nil, l, &coordinationv1.Lease{})
	if l.Spec.Strategy != nil || l.Spec.PreferredHolder != nil {
		t.Errorf("updated to %+v", l.Spec)
	}
	l.Spec = *spec.DeepCopy()
	r.PrepareUpdate(nil, l, &coordinationv1.Lease{Spec: spec})
	if l.Spec.Strategy == nil || l.Spec.PreferredHolder == nil {
		t.Errorf("an update lost what was there: %+v", l.Spec)
	}
}
