package storage

import (
	"fmt"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const maxNodeID = 192

func csiNodes() *registry.Resource {
	return registry.Define(registry.Kind[*storagev1.CSINode]{
		Group: group, Version: version, Kind: "CSINode",
		Resource: "csinodes",
		Columns: []registry.Column{
			columns.Name(),
			columns.Integer("Drivers", storagev1.CSINodeSpec{}.SwaggerDoc()["drivers"]),
			columns.Age(),
		},
		Cells: func(n *storagev1.CSINode) []any {
			return []any{n.Name, int64(len(n.Spec.Drivers)), columns.Created(n)}
		},
		Default: func(n *storagev1.CSINode) {
			fill.NoEmpty(&n.Spec.Drivers)
			for i := range n.Spec.Drivers {
				fill.NoEmpty(&n.Spec.Drivers[i].TopologyKeys)
			}
		},
		Validate:                  validateCSINode,
		ValidateUpdate:            validateCSINodeUpdate,
		ReturnDeleted:             true,
		RefuseUnconditionalUpdate: true,
	})
}

func validateCSINode(n *storagev1.CSINode) field.ErrorList {
	path := field.NewPath("spec", "drivers")
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range n.Spec.Drivers {
		d, at := &n.Spec.Drivers[i], path.Index(i)
		errs = append(errs, validateDriverName(d.Name, at.Child("name"))...)
		switch id := at.Child("nodeID"); {
		case d.NodeID == "":
			errs = append(errs, field.Required(id, ""))
		case len(d.NodeID) > maxNodeID:
			errs = append(errs, field.Invalid(id, d.NodeID, fmt.Sprintf("must be %d characters or less", maxNodeID)))
		}
		if d.Allocatable != nil {
			errs = append(errs, check.NotNegativePointer(d.Allocatable.Count, at.Child("allocatable", "count"))...)
		}
		if names[d.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
		}
		names[d.Name] = true
		for k, key := range d.TopologyKeys {
			if key == "" {
				errs = append(errs, field.Required(at, ""))
			}
			if slices.Contains(d.TopologyKeys[:k], key) {
				errs = append(errs, field.Duplicate(at, key))
			}
			errs = append(errs, corevalidation.QualifiedName(key, at)...)
		}
	}
	return errs
}

// validateCSINodeUpdate lets drivers come and go; one that stays keeps all but
// how many volumes it takes.
func validateCSINodeUpdate(obj, old *storagev1.CSINode) field.ErrorList {
	var errs field.ErrorList
	for _, was := range old.Spec.Drivers {
		for _, is := range obj.Spec.Drivers {
			if is.Name != was.Name {
				continue
			}
			same := is
			same.Allocatable = was.Allocatable
			if !equality.Semantic.DeepEqual(same, was) {
				errs = append(errs, field.Invalid(field.NewPath("spec", "drivers"), check.Shown(is), "field is immutable"))
			}
		}
	}
	return errs
}
