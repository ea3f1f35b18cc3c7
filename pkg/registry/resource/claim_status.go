package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// deviceID names a device that a claim got.
type deviceID struct{ Driver, Pool, Device, ShareID string }

// validateClaimStatus checks that devices are allocated to the requests of the
// claim, that an allocation does not change under those who use it, and that
// only what is allocated is used or reported on.
func validateClaimStatus(obj, old *resourcev1.ResourceClaim) field.ErrorList {
	path, s := field.NewPath("status"), &obj.Status
	var errs field.ErrorList
	allocated := map[deviceID]bool{}
	if s.Allocation != nil {
		errs = append(errs, validateAllocation(s.Allocation, namesOf(&obj.Spec.Devices), path.Child("allocation"))...)
		for i := range s.Allocation.Devices.Results {
			r := &s.Allocation.Devices.Results[i]
			allocated[deviceID{r.Driver, r.Pool, r.Device, share((*string)(r.ShareID))}] = true
		}
	}
	errs = append(errs, validateReservations(s, path.Child("reservedFor"))...)
	devices := path.Child("devices")
	seen := map[deviceID]bool{}
	for i := range s.Devices {
		d, at := &s.Devices[i], devices.Index(i)
		id := deviceID{d.Driver, d.Pool, d.Device, share(d.ShareID)}
		switch {
		case seen[id]:
			errs = append(errs, field.Duplicate(at, id))
		case !allocated[id]:
			errs = append(errs, field.Invalid(at, id, "must be an allocated device in the claim"))
		}
		seen[id] = true
		errs = append(errs, validateDeviceStatus(d, at)...)
	}
	if old.Status.Allocation != nil && s.Allocation != nil && !equality.Semantic.DeepEqual(s.Allocation, old.Status.Allocation) {
		errs = append(errs, check.Immutable(s.Allocation, old.Status.Allocation, path.Child("allocation"))...)
	}
	return errs
}

func share(id *string) string {
	if id == nil {
		return ""
	}
	return *id
}

func validateAllocation(a *resourcev1.AllocationResult, names requestNames, path *field.Path) field.ErrorList {
	results := path.Child("devices", "results")
	errs := tooMany(len(a.Devices.Results), resourcev1.AllocationResultsMaxSize, results)
	for i := range a.Devices.Results {
		r, at := &a.Devices.Results[i], results.Index(i)
		errs = append(errs, names.validate(r.Request, at.Child("request"))...)
		errs = append(errs, validateDriver(r.Driver, at.Child("driver"))...)
		errs = append(errs, validatePool(r.Pool, at.Child("pool"))...)
		errs = append(errs, requiredLabel(r.Device, at.Child("device"))...)
	}
	config := path.Child("devices", "config")
	for i := range a.Devices.Config {
		c, at := &a.Devices.Config[i], config.Index(i)
		errs = append(errs, corevalidation.RequiredOneOf(c.Source, at.Child("source"), resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass)...)
		errs = append(errs, names.validateAll(c.Requests, at.Child("requests"))...)
		errs = append(errs, validateConfiguration(&c.DeviceConfiguration, at)...)
	}
	if a.NodeSelector != nil {
		errs = append(errs, corevalidation.NodeSelector(a.NodeSelector, path.Child("nodeSelector"))...)
	}
	return errs
}

func validateReservations(s *resourcev1.ResourceClaimStatus, path *field.Path) field.ErrorList {
	if len(s.ReservedFor) > 0 && s.Allocation == nil {
		return field.ErrorList{field.Forbidden(path, "may not be specified when `allocated` is not set")}
	}
	errs := tooMany(len(s.ReservedFor), resourcev1.ResourceClaimReservedForMaxSize, path)
	seen := map[types.UID]bool{}
	for i, r := range s.ReservedFor {
		at := path.Index(i)
		if r.Resource == "" {
			errs = append(errs, field.Required(at.Child("resource"), ""))
		}
		if r.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if r.UID == "" {
			errs = append(errs, field.Required(at.Child("uid"), ""))
		}
		if seen[r.UID] {
			errs = append(errs, field.Duplicate(at, r.UID))
		}
		seen[r.UID] = true
	}
	return errs
}

func validateDeviceStatus(d *resourcev1.AllocatedDeviceStatus, path *field.Path) field.ErrorList {
	errs := tooMany(len(d.Conditions), resourcev1.AllocatedDeviceStatusMaxConditions, path.Child("conditions"))
	errs = append(errs, metav1validation.ValidateConditions(d.Conditions, path.Child("conditions"))...)
	if d.Data != nil && len(d.Data.Raw) > resourcev1.AllocatedDeviceStatusDataMaxLength {
		errs = append(errs, field.TooLong(path.Child("data"), "", resourcev1.AllocatedDeviceStatusDataMaxLength))
	}
	n := d.NetworkData
	if n == nil {
		return errs
	}
	at := path.Child("networkData")
	if len(n.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		errs = append(errs, field.TooLong(at.Child("interfaceName"), "", resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	errs = append(errs, tooMany(len(n.IPs), resourcev1.NetworkDeviceDataMaxIPs, at.Child("ips"))...)
	for i, ip := range n.IPs {
		errs = append(errs, validation.IsValidInterfaceAddress(at.Child("ips").Index(i), ip)...)
	}
	return errs
}
