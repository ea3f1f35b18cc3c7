package core

import (
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// shownEndpoints is how many addresses a table shows.
const shownEndpoints = 3

// Endpoints is the Endpoints kind, which EndpointSlice replaces.
func Endpoints() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Endpoints]{
		Version: "v1", Kind: "Endpoints",
		Deprecated: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
		Resource:   "endpoints", ShortNames: []string{"ep"}, Namespaced: true,
		Prefix: "services/endpoints",
		Columns: []registry.Column{columns.Name(),
			columns.Text("Endpoints", corev1.Endpoints{}.SwaggerDoc()["subsets"]), columns.Age()},
		Cells:               endpointsCells,
		Default:             defaultEndpoints,
		Validate:            validateEndpoints,
		AllowCreateOnUpdate: true,
	})
}

func endpointsCells(e *corev1.Endpoints) []any {
	var all []string
	for _, s := range e.Subsets {
		if len(s.Ports) == 0 {
			for _, a := range s.Addresses {
				all = append(all, a.IP)
			}
		}
		for _, p := range s.Ports {
			for _, a := range s.Addresses {
				all = append(all, net.JoinHostPort(a.IP, strconv.Itoa(int(p.Port))))
			}
		}
	}
	return []any{e.Name, columns.Some(all, shownEndpoints), columns.Created(e)}
}

func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if p := &e.Subsets[i].Ports[j]; p.Protocol == "" {
				p.Protocol = corev1.ProtocolTCP
			}
		}
	}
}

func validateEndpoints(e *corev1.Endpoints) (errs field.ErrorList) {
	for i, s := range e.Subsets {
		path := field.NewPath("subsets").Index(i)
		if len(s.Addresses) == 0 && len(s.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(path, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j, a := range s.Addresses {
			errs = append(errs, endpointAddress(a, path.Child("addresses").Index(j))...)
		}
		for j, a := range s.NotReadyAddresses {
			errs = append(errs, endpointAddress(a, path.Child("notReadyAddresses").Index(j))...)
		}
		for j, p := range s.Ports {
			errs = append(errs, endpointPort(p, len(s.Ports) > 1, path.Child("ports").Index(j))...)
		}
	}
	return errs
}

func endpointAddress(a corev1.EndpointAddress, path *field.Path) field.ErrorList {
	errs := validation.IsValidIPForLegacyField(path.Child("ip"), a.IP, true, nil)
	if a.Hostname != "" {
		errs = append(errs, corevalidation.DNSLabel(a.Hostname, path.Child("hostname"))...)
	}
	if a.NodeName != nil {
		errs = append(errs, corevalidation.DNSSubdomain(*a.NodeName, path.Child("nodeName"))...)
	}
	return append(errs, corevalidation.NonSpecialIP(a.IP, path.Child("ip"))...)
}

func endpointPort(p corev1.EndpointPort, named bool, path *field.Path) (errs field.ErrorList) {
	switch {
	case p.Name != "":
		errs = append(errs, corevalidation.DNSLabel(p.Name, path.Child("name"))...)
	case named:
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	errs = append(errs, corevalidation.Port(p.Port, path.Child("port"))...)
	errs = append(errs, corevalidation.Protocol(p.Protocol, path.Child("protocol"))...)
	if p.AppProtocol != nil {
		errs = append(errs, corevalidation.QualifiedName(*p.AppProtocol, path.Child("appProtocol"))...)
	}
	return errs
}
