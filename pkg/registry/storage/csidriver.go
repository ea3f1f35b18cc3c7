package storage

import (
	"slices"
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const (
	maxDriverName          = 63
	minTokenSeconds        = 10 * 60
	maxTokenSeconds        = 1 << 32
	minUpdatePeriodSeconds = 10
)

func csiDrivers() *registry.Resource {
	doc := storagev1.CSIDriverSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*storagev1.CSIDriver]{
		Group: group, Version: version, Kind: "CSIDriver",
		Resource: "csidrivers",
		Columns: []registry.Column{
			columns.Name(),
			columns.Boolean("AttachRequired", doc["attachRequired"]),
			columns.Boolean("PodInfoOnMount", doc["podInfoOnMount"]),
			columns.Boolean("StorageCapacity", doc["storageCapacity"]),
			columns.Text("TokenRequests", doc["tokenRequests"]),
			columns.Boolean("RequiresRepublish", doc["requiresRepublish"]),
			columns.Text("Modes", doc["volumeLifecycleModes"]),
			columns.Age(),
		},
		Cells:   csiDriverCells,
		Default: defaultCSIDriver,
		// The generation counts changes only: it starts where the client says,
		// unlike that of other kinds.
		PrepareUpdate: func(_ *registry.Request, obj, old *storagev1.CSIDriver) {
			obj.Generation = old.Generation
			if !equality.Semantic.DeepEqual(obj.Spec, old.Spec) {
				obj.Generation++
			}
		},
		Validate: validateCSIDriver,
		ValidateUpdate: func(obj, old *storagev1.CSIDriver) field.ErrorList {
			path := field.NewPath("spec")
			errs := check.Immutable(obj.Spec.AttachRequired, old.Spec.AttachRequired, path.Child("attachedRequired"))
			return append(errs, check.Immutable(obj.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes, path.Child("volumeLifecycleModes"))...)
		},
		Warnings: func(d *storagev1.CSIDriver) []string {
			if len(d.Spec.TokenRequests) > 0 && d.Spec.ServiceAccountTokenInSecrets == nil {
				return []string{"spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"}
			}
			return nil
		},
		ReturnDeleted:             true,
		RefuseUnconditionalUpdate: true,
	})
}

func defaultCSIDriver(d *storagev1.CSIDriver) {
	s := &d.Spec
	fill.Pointer(&s.AttachRequired, true)
	fill.Pointer(&s.PodInfoOnMount, false)
	fill.Pointer(&s.StorageCapacity, false)
	fill.Pointer(&s.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	if len(s.VolumeLifecycleModes) == 0 {
		s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
	fill.Pointer(&s.RequiresRepublish, false)
	fill.Pointer(&s.SELinuxMount, false)
}

func csiDriverCells(d *storagev1.CSIDriver) []any {
	modes := columns.None
	if len(d.Spec.VolumeLifecycleModes) > 0 {
		list := make([]string, len(d.Spec.VolumeLifecycleModes))
		for i, m := range d.Spec.VolumeLifecycleModes {
			list[i] = string(m)
		}
		modes = strings.Join(list, ",")
	}
	tokens := columns.Unset
	if d.Spec.TokenRequests != nil {
		audiences := make([]string, len(d.Spec.TokenRequests))
		for i, t := range d.Spec.TokenRequests {
			audiences[i] = t.Audience
		}
		tokens = strings.Join(audiences, ",")
	}
	attach := d.Spec.AttachRequired == nil || *d.Spec.AttachRequired
	return []any{d.Name, attach, isTrue(d.Spec.PodInfoOnMount), isTrue(d.Spec.StorageCapacity), tokens,
		isTrue(d.Spec.RequiresRepublish), modes, columns.Created(d)}
}

func isTrue(b *bool) bool { return b != nil && *b }

func validateCSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	path, s := field.NewPath("spec"), &d.Spec
	var errs field.ErrorList
	if len(d.Name) > maxDriverName {
		errs = append(errs, field.TooLong(field.NewPath("metadata", "name"), d.Name, maxDriverName))
	}
	if s.FSGroupPolicy != nil {
		errs = append(errs, corevalidation.OneOf(*s.FSGroupPolicy, path.Child("fsGroupPolicy"),
			storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)...)
	}
	errs = append(errs, validateTokenRequests(s.TokenRequests, path.Child("tokenRequests"))...)
	for i, m := range s.VolumeLifecycleModes {
		errs = append(errs, corevalidation.OneOf(m, path.Child("volumeLifecycleModes").Index(i),
			storagev1.VolumeLifecycleEphemeral, storagev1.VolumeLifecyclePersistent)...)
	}
	if p := s.NodeAllocatableUpdatePeriodSeconds; p != nil && *p < minUpdatePeriodSeconds {
		errs = append(errs, field.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), *p, "must be greater than or equal to 10 seconds"))
	}
	return errs
}

func validateTokenRequests(requests []storagev1.TokenRequest, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, r := range requests {
		at := path.Index(i)
		if slices.ContainsFunc(requests[:i], func(o storagev1.TokenRequest) bool { return o.Audience == r.Audience }) {
			errs = append(errs, field.Duplicate(at.Child("audience"), r.Audience))
		}
		if r.ExpirationSeconds == nil {
			continue
		}
		if *r.ExpirationSeconds < minTokenSeconds {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *r.ExpirationSeconds, "may not specify a duration less than 10 minutes"))
		}
		if *r.ExpirationSeconds > maxTokenSeconds {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *r.ExpirationSeconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return errs
}

// validateDriverName checks the name of a CSI driver.
func validateDriverName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(path, name, maxDriverName))
	}
	return append(errs, check.Messages(path, name, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}
