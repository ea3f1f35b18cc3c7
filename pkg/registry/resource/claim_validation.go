package resource

import (
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// requestNames are the names by which the rest of a claim refers to its requests:
// "a", and "a/b" for the subrequest b of a.
type requestNames map[string]bool

func namesOf(d *resourcev1.DeviceClaim) requestNames {
	names := requestNames{}
	for i := range d.Requests {
		r := &d.Requests[i]
		names[r.Name] = true
		for k := range r.FirstAvailable {
			names[r.Name+"/"+r.FirstAvailable[k].Name] = true
		}
	}
	return names
}

func (names requestNames) validate(name string, path *field.Path) field.ErrorList {
	if names[name] {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'")}
}

func (names requestNames) validateAll(list []string, path *field.Path) field.ErrorList {
	errs := tooMany(len(list), resourcev1.DeviceRequestsMaxSize, path)
	seen := map[string]bool{}
	for i, name := range list {
		if seen[name] {
			errs = append(errs, field.Duplicate(path.Index(i), name))
		}
		seen[name] = true
		errs = append(errs, names.validate(name, path.Index(i))...)
	}
	return errs
}

func validateClaim(s *resourcev1.ResourceClaimSpec, path *field.Path) field.ErrorList {
	path = path.Child("devices")
	d, names := &s.Devices, namesOf(&s.Devices)
	errs := tooMany(len(d.Requests), resourcev1.DeviceRequestsMaxSize, path.Child("requests"))
	seen := map[string]bool{}
	for i := range d.Requests {
		r, at := &d.Requests[i], path.Child("requests").Index(i)
		errs = append(errs, validateRequest(r, at)...)
		if seen[r.Name] {
			errs = append(errs, field.Duplicate(at, r.Name))
		}
		seen[r.Name] = true
	}
	errs = append(errs, tooMany(len(d.Constraints), resourcev1.DeviceConstraintsMaxSize, path.Child("constraints"))...)
	for i := range d.Constraints {
		errs = append(errs, validateConstraint(&d.Constraints[i], names, path.Child("constraints").Index(i))...)
	}
	errs = append(errs, tooMany(len(d.Config), resourcev1.DeviceConfigMaxSize, path.Child("config"))...)
	for i := range d.Config {
		at := path.Child("config").Index(i)
		errs = append(errs, names.validateAll(d.Config[i].Requests, at.Child("requests"))...)
		errs = append(errs, validateConfiguration(&d.Config[i].DeviceConfiguration, at)...)
	}
	return errs
}

func validateRequest(r *resourcev1.DeviceRequest, path *field.Path) field.ErrorList {
	errs := requiredLabel(r.Name, path.Child("name"))
	switch {
	case r.Exactly == nil && len(r.FirstAvailable) == 0:
		return append(errs, field.Required(path, "exactly one of `exactly` or `firstAvailable` is required"))
	case r.Exactly != nil && len(r.FirstAvailable) > 0:
		return append(errs, field.Invalid(path, nil, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
	}
	if e := r.Exactly; e != nil {
		return append(errs, validateDevices(e.DeviceClassName, e.Selectors, e.AllocationMode, e.Count, e.Tolerations, path.Child("exactly"))...)
	}
	list := path.Child("firstAvailable")
	errs = append(errs, tooMany(len(r.FirstAvailable), resourcev1.FirstAvailableDeviceRequestMaxSize, list)...)
	seen := map[string]bool{}
	for i := range r.FirstAvailable {
		f := &r.FirstAvailable[i]
		errs = append(errs, requiredLabel(f.Name, list.Index(i).Child("name"))...)
		if seen[f.Name] {
			errs = append(errs, field.Duplicate(list.Index(i), f.Name))
		}
		seen[f.Name] = true
		errs = append(errs, validateDevices(f.DeviceClassName, f.Selectors, f.AllocationMode, f.Count, f.Tolerations, list.Index(i))...)
	}
	return errs
}

func validateDevices(class string, selectors []resourcev1.DeviceSelector, mode resourcev1.DeviceAllocationMode, count int64,
	tolerations []resourcev1.DeviceToleration, path *field.Path) field.ErrorList {
	errs := check.RequiredSubdomain(class, path.Child("deviceClassName"))
	errs = append(errs, validateSelectors(selectors, path.Child("selectors"))...)
	switch at := path.Child("count"); mode {
	case resourcev1.DeviceAllocationModeAll:
		if count != 0 {
			errs = append(errs, field.Invalid(at, count, fmt.Sprintf("must not be specified when allocationMode is '%s'", mode)))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		if count <= 0 {
			errs = append(errs, field.Invalid(at, count, "must be greater than zero"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("allocationMode"), mode, []resourcev1.DeviceAllocationMode{
			resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount}))
	}
	list := path.Child("tolerations")
	errs = append(errs, tooMany(len(tolerations), resourcev1.DeviceTolerationsMaxLength, list)...)
	for i := range tolerations {
		errs = append(errs, validateToleration(&tolerations[i], list.Index(i))...)
	}
	return errs
}

func validateToleration(t *resourcev1.DeviceToleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, corevalidation.QualifiedName(t.Key, path.Child("key"))...)
	}
	switch t.Operator {
	case resourcev1.DeviceTolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(path.Child("value"), t.Value, "must be empty for operator `Exists`"))
		}
	case resourcev1.DeviceTolerationOpEqual:
		errs = append(errs, check.Messages(path.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
	case "":
		errs = append(errs, field.Required(path.Child("operator"), ""))
	default:
		errs = append(errs, field.NotSupported(path.Child("operator"), t.Operator, []resourcev1.DeviceTolerationOperator{
			resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists}))
	}
	if t.Effect != "" {
		errs = append(errs, validateEffect(t.Effect, path.Child("effect"))...)
	}
	return errs
}

func validateEffect(e resourcev1.DeviceTaintEffect, path *field.Path) field.ErrorList {
	return corevalidation.RequiredOneOf(e, path, resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone)
}

func validateConstraint(c *resourcev1.DeviceConstraint, names requestNames, path *field.Path) field.ErrorList {
	errs := names.validateAll(c.Requests, path.Child("requests"))
	switch {
	case c.MatchAttribute != nil:
		errs = append(errs, validateFullName(string(*c.MatchAttribute), path.Child("matchAttribute"))...)
	case c.DistinctAttribute != nil:
		errs = append(errs, validateFullName(string(*c.DistinctAttribute), path.Child("distinctAttribute"))...)
	default:
		errs = append(errs, field.Required(path, `exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`))
	}
	return errs
}
