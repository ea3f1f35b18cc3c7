package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const maxControllerLength = 250

func ingressClasses() *registry.Resource {
	return registry.Define(registry.Kind[*networkingv1.IngressClass]{
		Group: group, Version: version, Kind: "IngressClass",
		Resource: "ingressclasses",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Controller", "Controller that is responsible for handling this class"),
			columns.Text("Parameters", "A reference to a resource with additional parameters"),
			columns.Age(),
		},
		Cells: func(c *networkingv1.IngressClass) []any {
			return []any{c.Name, c.Spec.Controller, parametersText(c.Spec.Parameters), columns.Created(c)}
		},
		Default: func(c *networkingv1.IngressClass) {
			if p := c.Spec.Parameters; p != nil {
				fill.Pointer(&p.Scope, networkingv1.IngressClassParametersReferenceScopeCluster)
			}
		},
		Validate: validateIngressClass,
		ValidateUpdate: func(obj, old *networkingv1.IngressClass) field.ErrorList {
			return check.Immutable(obj.Spec.Controller, old.Spec.Controller, field.NewPath("spec", "controller"))
		},
		Spec: func(c *networkingv1.IngressClass) any { return &c.Spec },
	})
}

func parametersText(p *networkingv1.IngressClassParametersReference) string {
	if p == nil {
		return columns.None
	}
	text := p.Kind
	if p.APIGroup != nil {
		text += "." + *p.APIGroup
	}
	return text + "/" + p.Name
}

func validateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	path, s := field.NewPath("spec"), &c.Spec
	var errs field.ErrorList
	if len(s.Controller) > maxControllerLength {
		errs = append(errs, field.TooLong(path.Child("controller"), s.Controller, maxControllerLength))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(path.Child("controller"), s.Controller)...)
	if s.Parameters != nil {
		errs = append(errs, validateParameters(s.Parameters, path.Child("parameters"))...)
	}
	return errs
}

func validateParameters(p *networkingv1.IngressClassParametersReference, path *field.Path) field.ErrorList {
	errs := validateLocalReference(p.APIGroup, p.Kind, p.Name, path)
	if p.Scope == nil {
		return append(errs, field.Required(path.Child("scope"), ""))
	}
	errs = append(errs, corevalidation.OneOf(*p.Scope, path.Child("scope"),
		networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace)...)
	switch *p.Scope {
	case networkingv1.IngressClassParametersReferenceScopeNamespace:
		if p.Namespace == nil {
			errs = append(errs, field.Required(path.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
		} else {
			errs = append(errs, corevalidation.DNSLabel(*p.Namespace, path.Child("namespace"))...)
		}
	case networkingv1.IngressClassParametersReferenceScopeCluster:
		if p.Namespace != nil {
			errs = append(errs, field.Forbidden(path.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
		}
	}
	return errs
}

// requiredSegment checks what becomes a segment of a URL.
func requiredSegment(s string, path *field.Path) field.ErrorList {
	if s == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return check.Messages(path, s, apipath.IsValidPathSegmentName(s))
}
