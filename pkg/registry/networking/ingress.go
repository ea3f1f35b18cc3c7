package networking

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// classAnnotation named an ingress's class before the spec did.
const classAnnotation = "kubernetes.io/ingress.class"

func ingresses() *registry.Resource {
	return registry.Define(registry.Kind[*networkingv1.Ingress]{
		Group: group, Version: version, Kind: "Ingress",
		Resource: "ingresses", ShortNames: []string{"ing"}, Namespaced: true,
		Prefix: "ingress",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Class", "The name of the IngressClass resource that should be used for additional configuration"),
			columns.Text("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
			columns.Text("Address", "Address is a list containing ingress points for the load-balancer"),
			columns.Text("Ports", "Ports of TLS configurations that open"),
			columns.Age(),
		},
		Cells:    ingressCells,
		Validate: validateIngress,
		Warnings: func(i *networkingv1.Ingress) []string {
			if _, ok := i.Annotations[classAnnotation]; ok && i.Spec.IngressClassName == nil {
				return []string{`annotation "` + classAnnotation + `" is deprecated, please use 'spec.ingressClassName' instead`}
			}
			return nil
		},
		Spec:           func(i *networkingv1.Ingress) any { return &i.Spec },
		Status:         func(i *networkingv1.Ingress) any { return &i.Status },
		ValidateStatus: validateIngressStatus,
	})
}

func ingressCells(i *networkingv1.Ingress) []any {
	class := columns.None
	if i.Spec.IngressClassName != nil {
		class = *i.Spec.IngressClassName
	}
	ports := "80"
	if len(i.Spec.TLS) > 0 {
		ports = "80, 443"
	}
	return []any{i.Name, class, hostsText(i.Spec.Rules), addressText(&i.Status.LoadBalancer), ports, columns.Created(i)}
}

func hostsText(rules []networkingv1.IngressRule) string {
	const most = 3
	var hosts []string
	for _, r := range rules {
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
	}
	if len(hosts) == 0 {
		return "*"
	}
	return columns.Some(hosts, most)
}

// addressText lists the addresses of a load balancer, each once.
func addressText(s *networkingv1.IngressLoadBalancerStatus) string {
	var list []string
	for _, i := range s.Ingress {
		if i.IP != "" {
			list = append(list, i.IP)
		} else if i.Hostname != "" {
			list = append(list, i.Hostname)
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ",")
}

func validateIngress(i *networkingv1.Ingress) field.ErrorList {
	path, s := field.NewPath("spec"), &i.Spec
	var errs field.ErrorList
	annotation, annotated := i.Annotations[classAnnotation]
	if annotated && s.IngressClassName != nil && annotation != *s.IngressClassName {
		errs = append(errs, field.Invalid(field.NewPath("annotations").Child(classAnnotation), annotation, "must match `ingressClassName` when both are specified"))
	}
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(path, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, validateBackend(s.DefaultBackend, path.Child("defaultBackend"))...)
	}
	for k := range s.Rules {
		errs = append(errs, validateIngressRule(&s.Rules[k], path.Child("rules").Index(k))...)
	}
	for k := range s.TLS {
		errs = append(errs, validateIngressTLS(&s.TLS[k], path.Child("tls").Index(k))...)
	}
	if s.IngressClassName != nil {
		errs = append(errs, corevalidation.DNSSubdomain(*s.IngressClassName, path.Child("ingressClassName"))...)
	}
	return errs
}

func validateIngressTLS(t *networkingv1.IngressTLS, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, host := range t.Hosts {
		errs = append(errs, validateHost(host, path.Child("hosts").Index(i))...)
	}
	if t.SecretName != "" {
		errs = append(errs, corevalidation.DNSSubdomain(t.SecretName, path.Child("secretName"))...)
	}
	return errs
}

// validateHost checks a host name, which may stand for all of a domain.
func validateHost(host string, path *field.Path) field.ErrorList {
	messages := validation.IsDNS1123Subdomain(host)
	if strings.Contains(host, "*") {
		messages = validation.IsWildcardDNS1123Subdomain(host)
	}
	var errs field.ErrorList
	for _, m := range messages {
		errs = append(errs, field.Invalid(path, host, m))
	}
	return errs
}

func validateIngressRule(r *networkingv1.IngressRule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Host != "" {
		if isIP(r.Host) {
			errs = append(errs, field.Invalid(path.Child("host"), r.Host, "must be a DNS name, not an IP address"))
		}
		errs = append(errs, validateHost(r.Host, path.Child("host"))...)
	}
	if r.HTTP == nil {
		return errs
	}
	paths := path.Child("http", "paths")
	if len(r.HTTP.Paths) == 0 {
		errs = append(errs, field.Required(paths, ""))
	}
	for i := range r.HTTP.Paths {
		errs = append(errs, validateHTTPPath(&r.HTTP.Paths[i], paths.Index(i))...)
	}
	return errs
}

func isIP(s string) bool { return len(validation.IsValidIP(nil, s)) == 0 }

// Sequences that proxies and servers read differently, anywhere and at the end.
var (
	invalidPathParts = []string{"//", "/./", "/../", "%2f", "%2F"}
	invalidPathEnds  = []string{"/..", "/."}
)

func validateHTTPPath(p *networkingv1.HTTPIngressPath, path *field.Path) field.ErrorList {
	if p.PathType == nil {
		return field.ErrorList{field.Required(path.Child("pathType"), "pathType must be specified")}
	}
	at := path.Child("path")
	var errs field.ErrorList
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at, p.Path, "must be an absolute path"))
		}
		if p.Path == "" {
			break
		}
		for _, part := range invalidPathParts {
			if strings.Contains(p.Path, part) {
				errs = append(errs, field.Invalid(at, p.Path, "must not contain '"+part+"'"))
			}
		}
		for _, end := range invalidPathEnds {
			if strings.HasSuffix(p.Path, end) {
				errs = append(errs, field.Invalid(at, p.Path, "cannot end with '"+end+"'"))
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at, p.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("pathType"), *p.PathType, []networkingv1.PathType{
			networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, validateBackend(&p.Backend, path.Child("backend"))...)
}

func validateBackend(b *networkingv1.IngressBackend, path *field.Path) field.ErrorList {
	switch {
	case b.Service != nil && b.Resource != nil:
		return field.ErrorList{field.Invalid(path, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return validateLocalReference(b.Resource.APIGroup, b.Resource.Kind, b.Resource.Name, path.Child("resource"))
	case b.Service == nil:
		return field.ErrorList{field.Invalid(path, "", "resource or service backend is required")}
	}
	var errs field.ErrorList
	name, port := path.Child("service", "name"), path.Child("service", "port")
	if b.Service.Name == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		errs = append(errs, corevalidation.DNSLabel(b.Service.Name, name)...)
	}
	switch p := b.Service.Port; {
	case p.Name != "" && p.Number != 0:
		errs = append(errs, field.Invalid(path, "", "cannot set both port name & port number"))
	case p.Name != "":
		for _, m := range validation.IsValidPortName(p.Name) {
			errs = append(errs, field.Invalid(port.Child("name"), p.Name, m))
		}
	case p.Number != 0:
		errs = append(errs, corevalidation.Port(p.Number, port.Child("number"))...)
	default:
		errs = append(errs, field.Required(path, "port name or number is required"))
	}
	return errs
}

// validateLocalReference checks a reference to an object of any kind in the same
// namespace.
func validateLocalReference(apiGroup *string, kind, name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if apiGroup != nil && *apiGroup != "" {
		errs = append(errs, corevalidation.DNSSubdomain(*apiGroup, path.Child("apiGroup"))...)
	}
	errs = append(errs, requiredSegment(kind, path.Child("kind"))...)
	return append(errs, requiredSegment(name, path.Child("name"))...)
}

func validateIngressStatus(obj, _ *networkingv1.Ingress) field.ErrorList {
	path := field.NewPath("status", "loadBalancer", "ingress")
	var errs field.ErrorList
	for i, in := range obj.Status.LoadBalancer.Ingress {
		at := path.Index(i)
		if in.IP != "" {
			errs = append(errs, validation.IsValidIP(at.Child("ip"), in.IP)...)
		}
		if in.Hostname != "" {
			errs = append(errs, corevalidation.DNSSubdomain(in.Hostname, at.Child("hostname"))...)
			if isIP(in.Hostname) {
				errs = append(errs, field.Invalid(at.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}
