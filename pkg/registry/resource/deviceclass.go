package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func deviceClasses() *registry.Resource {
	return registry.Define(registry.Kind[*resourcev1.DeviceClass]{
		Group: group, Version: version, Kind: "DeviceClass",
		Resource: "deviceclasses",
		Columns:  []registry.Column{columns.Name(), columns.Age()},
		Cells: func(c *resourcev1.DeviceClass) []any {
			return []any{c.Name, columns.Created(c)}
		},
		Validate:      validateClass,
		Spec:          func(c *resourcev1.DeviceClass) any { return &c.Spec },
		ReturnDeleted: true,
	})
}

func validateClass(c *resourcev1.DeviceClass) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateSelectors(c.Spec.Selectors, path.Child("selectors"))
	errs = append(errs, tooMany(len(c.Spec.Config), resourcev1.DeviceConfigMaxSize, path.Child("config"))...)
	for i := range c.Spec.Config {
		errs = append(errs, validateConfiguration(&c.Spec.Config[i].DeviceConfiguration, path.Child("config").Index(i))...)
	}
	return errs
}

func validateSelectors(selectors []resourcev1.DeviceSelector, path *field.Path) field.ErrorList {
	errs := tooMany(len(selectors), resourcev1.DeviceSelectorsMaxSize, path)
	for i, s := range selectors {
		at := path.Index(i).Child("cel")
		if s.CEL == nil {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		switch x := at.Child("expression"); {
		case s.CEL.Expression == "":
			errs = append(errs, field.Required(x, ""))
		case len(s.CEL.Expression) > resourcev1.CELSelectorExpressionMaxLength:
			errs = append(errs, field.TooLong(x, "", resourcev1.CELSelectorExpressionMaxLength))
		}
	}
	return errs
}

func validateConfiguration(c *resourcev1.DeviceConfiguration, path *field.Path) field.ErrorList {
	if c.Opaque == nil {
		return field.ErrorList{field.Required(path.Child("opaque"), "")}
	}
	at := path.Child("opaque")
	errs := validateDriver(c.Opaque.Driver, at.Child("driver"))
	switch raw := c.Opaque.Parameters.Raw; {
	case len(raw) == 0:
		errs = append(errs, field.Required(at.Child("parameters"), ""))
	case len(raw) > resourcev1.OpaqueParametersMaxLength:
		errs = append(errs, field.TooLong(at.Child("parameters"), "", resourcev1.OpaqueParametersMaxLength))
	}
	return errs
}
