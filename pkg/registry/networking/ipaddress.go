package networking

import (
	"net/netip"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func ipAddresses() *registry.Resource {
	return registry.Define(registry.Kind[*networkingv1.IPAddress]{
		Group: group, Version: version, Kind: "IPAddress",
		Resource: "ipaddresses", ShortNames: []string{"ip"},
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("ParentRef", networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"]),
		},
		Cells: func(a *networkingv1.IPAddress) []any {
			// kube-apiserver's row has an age, though there is no column for it.
			return []any{a.Name, parentText(a.Spec.ParentRef), columns.Created(a)}
		},
		ValidateName: validAddressName,
		Validate: func(a *networkingv1.IPAddress) field.ErrorList {
			return validateParent(a.Spec.ParentRef, field.NewPath("spec", "parentRef"))
		},
		ValidateUpdate: func(obj, old *networkingv1.IPAddress) field.ErrorList {
			return check.Immutable(obj.Spec.ParentRef, old.Spec.ParentRef, field.NewPath("spec", "parentRef"))
		},
	})
}

// validAddressName checks a name that is an address, in the one form that makes
// it unique.
func validAddressName(name string, _ bool) []string {
	var messages []string
	for _, err := range validation.IsValidIP(nil, name) {
		messages = append(messages, err.Detail)
	}
	if len(messages) > 0 {
		return messages
	}
	if a, err := netip.ParseAddr(name); err == nil && a.String() != name {
		return []string{`must be in canonical form ("` + a.String() + `")`}
	}
	return nil
}

func parentText(p *networkingv1.ParentReference) string {
	if p == nil {
		return columns.None
	}
	text := strings.ToLower(schema.GroupResource{Group: p.Group, Resource: p.Resource}.String())
	if p.Namespace != "" {
		text += "/" + p.Namespace
	}
	return text + "/" + p.Name
}

func validateParent(p *networkingv1.ParentReference, path *field.Path) field.ErrorList {
	if p == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if p.Group != "" {
		errs = append(errs, corevalidation.DNSSubdomain(p.Group, path.Child("group"))...)
	}
	errs = append(errs, requiredSegment(p.Resource, path.Child("resource"))...)
	errs = append(errs, requiredSegment(p.Name, path.Child("name"))...)
	if p.Namespace != "" {
		errs = append(errs, check.Messages(path.Child("namespace"), p.Namespace, apipath.IsValidPathSegmentName(p.Namespace))...)
	}
	return errs
}
