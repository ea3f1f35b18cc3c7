package networking

import (
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func serviceCIDRs() *registry.Resource {
	return registry.Define(registry.Kind[*networkingv1.ServiceCIDR]{
		Group: group, Version: version, Kind: "ServiceCIDR",
		Resource: "servicecidrs",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("CIDRs", networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"]),
			columns.Age(),
		},
		Cells: func(c *networkingv1.ServiceCIDR) []any {
			return []any{c.Name, strings.Join(c.Spec.CIDRs, ","), columns.Created(c)}
		},
		Validate:        validateServiceCIDR,
		ValidateUpdate:  validateServiceCIDRUpdate,
		Status:          func(c *networkingv1.ServiceCIDR) any { return &c.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *networkingv1.ServiceCIDR) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
	})
}

func validateServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	path, cidrs := field.NewPath("spec", "cidrs"), c.Spec.CIDRs
	switch n := len(cidrs); {
	case n == 0:
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	case n > 2:
		return field.ErrorList{field.Invalid(path, c.Spec, "may only hold up to 2 values")}
	}
	var errs field.ErrorList
	for i, s := range cidrs {
		errs = append(errs, validateCIDR(s, path.Index(i))...)
	}
	if len(errs) == 0 && len(cidrs) == 2 && strings.Contains(cidrs[0], ":") == strings.Contains(cidrs[1], ":") {
		errs = append(errs, field.Invalid(path, c.Spec, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"))
	}
	return errs
}

func validateCIDR(s string, path *field.Path) field.ErrorList {
	if errs := validation.IsValidCIDR(path, s); len(errs) > 0 {
		return errs
	}
	if p, err := netip.ParsePrefix(s); err == nil && p.Masked().String() != s {
		return field.ErrorList{field.Invalid(path, s, `must be in canonical form ("`+p.Masked().String()+`")`)}
	}
	return nil
}

// validateServiceCIDRUpdate lets a range of the other family be added, and
// nothing else.
func validateServiceCIDRUpdate(obj, old *networkingv1.ServiceCIDR) field.ErrorList {
	path := field.NewPath("spec", "cidrs")
	if len(old.Spec.CIDRs) == len(obj.Spec.CIDRs)-1 && len(obj.Spec.CIDRs) == 2 || slices.Equal(old.Spec.CIDRs, obj.Spec.CIDRs) {
		if len(old.Spec.CIDRs) == 0 {
			return nil
		}
		return check.Immutable(obj.Spec.CIDRs[0], old.Spec.CIDRs[0], path.Index(0))
	}
	if len(old.Spec.CIDRs) != len(obj.Spec.CIDRs) {
		return check.Immutable(obj.Spec.CIDRs, old.Spec.CIDRs, path)
	}
	var errs field.ErrorList
	for i := range obj.Spec.CIDRs {
		errs = append(errs, check.Immutable(obj.Spec.CIDRs[i], old.Spec.CIDRs[i], path.Index(i))...)
	}
	return errs
}
