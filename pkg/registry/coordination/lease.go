package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// Leases is the Lease kind.
func Leases() *registry.Resource {
	return registry.Define(registry.Kind[*coordinationv1.Lease]{
		Group: coordinationv1.GroupName, Version: "v1", Kind: "Lease",
		Resource: "leases", Namespaced: true,
		Columns: []registry.Column{columns.Name(),
			columns.Text("Holder", coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"]), columns.Age()},
		Cells:                     leaseCells,
		Prepare:                   func(_ *registry.Request, l *coordinationv1.Lease) { dropCoordination(l, nil) },
		PrepareUpdate:             func(_ *registry.Request, l, old *coordinationv1.Lease) { dropCoordination(l, old) },
		Validate:                  validateLease,
		AllowCreateOnUpdate:       true,
		RefuseUnconditionalUpdate: true,
	})
}

func leaseCells(l *coordinationv1.Lease) []any {
	holder := ""
	if l.Spec.HolderIdentity != nil {
		holder = *l.Spec.HolderIdentity
	}
	return []any{l.Name, holder, columns.Created(l)}
}

// dropCoordination drops the fields of coordinated leader election, which is not
// served, unless the old lease has them already.
func dropCoordination(l, old *coordinationv1.Lease) {
	if old == nil || old.Spec.Strategy == nil && old.Spec.PreferredHolder == nil {
		l.Spec.Strategy, l.Spec.PreferredHolder = nil, nil
	}
}

func validateLease(l *coordinationv1.Lease) (errs field.ErrorList) {
	spec := field.NewPath("spec")
	if d := l.Spec.LeaseDurationSeconds; d != nil && *d <= 0 {
		errs = append(errs, field.Invalid(spec.Child("leaseDurationSeconds"), *d, "must be greater than 0"))
	}
	if n := l.Spec.LeaseTransitions; n != nil && *n < 0 {
		errs = append(errs, field.Invalid(spec.Child("leaseTransitions"), *n, "must be greater than or equal to 0"))
	}
	if p := l.Spec.PreferredHolder; p != nil && *p != "" && (l.Spec.Strategy == nil || *l.Spec.Strategy == "") {
		errs = append(errs, field.Forbidden(spec.Child("preferredHolder"), "may only be specified when `strategy` is defined"))
	}
	return errs
}
