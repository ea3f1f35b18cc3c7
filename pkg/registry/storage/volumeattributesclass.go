package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

const defaultAttributesAnnotation = "volumeattributesclass.kubernetes.io/is-default-class"

func volumeAttributesClasses() *registry.Resource {
	return registry.Define(registry.Kind[*storagev1.VolumeAttributesClass]{
		Group: group, Version: version, Kind: "VolumeAttributesClass",
		Resource: "volumeattributesclasses", ShortNames: []string{"vac"},
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("DriverName", storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"]),
			columns.Age(),
		},
		Cells: func(c *storagev1.VolumeAttributesClass) []any {
			name := c.Name
			if c.Annotations[defaultAttributesAnnotation] == "true" {
				name += " (default)"
			}
			return []any{name, c.DriverName, columns.Created(c)}
		},
		Validate: func(c *storagev1.VolumeAttributesClass) field.ErrorList {
			errs := validateProvisioner(c.DriverName, field.NewPath("driverName"))
			if len(c.Parameters) == 0 {
				return append(errs, field.Required(field.NewPath("parameters"), "must contain at least one key/value pair"))
			}
			return append(errs, validateParameters(c.Parameters, field.NewPath("parameters"))...)
		},
		ValidateUpdate: func(obj, old *storagev1.VolumeAttributesClass) field.ErrorList {
			var errs field.ErrorList
			if obj.DriverName != old.DriverName {
				errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
			}
			if !equality.Semantic.DeepEqual(obj.Parameters, old.Parameters) {
				errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
			}
			return errs
		},
		ReturnDeleted: true,
	})
}
