package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func csiStorageCapacities() *registry.Resource {
	return registry.Define(registry.Kind[*storagev1.CSIStorageCapacity]{
		Group: group, Version: version, Kind: "CSIStorageCapacity",
		Resource: "csistoragecapacities", Namespaced: true,
		Validate: func(c *storagev1.CSIStorageCapacity) field.ErrorList {
			errs := corevalidation.DNSSubdomain(c.StorageClassName, field.NewPath("storageClassName"))
			errs = append(errs, corevalidation.LabelSelector(c.NodeTopology, field.NewPath("nodeTopology"))...)
			if c.Capacity != nil {
				errs = append(errs, corevalidation.NonNegativeQuantity(*c.Capacity, field.NewPath("capacity"))...)
			}
			if c.MaximumVolumeSize != nil {
				errs = append(errs, corevalidation.NonNegativeQuantity(*c.MaximumVolumeSize, field.NewPath("maximumVolumeSize"))...)
			}
			return errs
		},
		ValidateUpdate: func(obj, old *storagev1.CSIStorageCapacity) field.ErrorList {
			errs := check.Immutable(obj.NodeTopology, old.NodeTopology, field.NewPath("nodeTopology"))
			return append(errs, check.Immutable(obj.StorageClassName, old.StorageClassName, field.NewPath("storageClassName"))...)
		},
		RefuseUnconditionalUpdate: true,
	})
}
