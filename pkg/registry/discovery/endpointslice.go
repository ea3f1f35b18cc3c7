package discovery

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

type slice = discoveryv1.EndpointSlice

const (
	maxEndpoints = 1000
	maxAddresses = 100
	maxPorts     = 20000
	maxHints     = 8
)

func endpointSlices() *registry.Resource {
	return registry.Define(registry.Kind[*slice]{
		Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice",
		Resource: "endpointslices", Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("AddressType", slice{}.SwaggerDoc()["addressType"]),
			columns.Text("Ports", slice{}.SwaggerDoc()["ports"]),
			columns.Text("Endpoints", slice{}.SwaggerDoc()["endpoints"]),
			columns.Age(),
		},
		Cells: func(s *slice) []any {
			return []any{s.Name, string(s.AddressType), portsText(s.Ports), endpointsText(s.Endpoints), columns.Created(s)}
		},
		Default:       defaultSlice,
		Prepare:       func(_ *registry.Request, s *slice) { dropTopology(s, nil) },
		PrepareUpdate: func(_ *registry.Request, obj, old *slice) { dropTopology(obj, old) },
		Validate:      validateSlice,
		ValidateUpdate: func(obj, old *slice) field.ErrorList {
			return check.Immutable(obj.AddressType, old.AddressType, field.NewPath("addressType"))
		},
		Warnings: func(s *slice) []string {
			if s.AddressType == discoveryv1.AddressTypeFQDN {
				return []string{"spec.addressType: FQDN endpoints are deprecated"}
			}
			return nil
		},
		// It has no spec: all but its metadata is one, and the labels say whose
		// endpoints these are.
		Spec: func(s *slice) any {
			return sliceSpec{s.AddressType, s.Endpoints, s.Ports, s.Labels}
		},
	})
}

// sliceSpec is what moves the generation of an EndpointSlice.
type sliceSpec struct {
	AddressType discoveryv1.AddressType
	Endpoints   []discoveryv1.Endpoint
	Ports       []discoveryv1.EndpointPort
	Labels      map[string]string
}

func defaultSlice(s *slice) {
	fill.NoEmpty(&s.Endpoints)
	fill.NoEmpty(&s.Ports)
	for i := range s.Ports {
		fill.Pointer(&s.Ports[i].Name, "")
		fill.Pointer(&s.Ports[i].Protocol, corev1.ProtocolTCP)
	}
}

// dropTopology removes what only objects of v1beta1 may have. They keep it as
// long as nobody touches their endpoints.
func dropTopology(obj, old *slice) {
	for i := range obj.Endpoints {
		e := &obj.Endpoints[i]
		if old != nil && i < len(old.Endpoints) && len(old.Endpoints[i].DeprecatedTopology) > 0 && len(old.Endpoints) == len(obj.Endpoints) {
			e.DeprecatedTopology = old.Endpoints[i].DeprecatedTopology
			continue
		}
		e.DeprecatedTopology = nil
	}
}

func validateSlice(s *slice) field.ErrorList {
	path := field.NewPath("addressType")
	var errs field.ErrorList
	if s.AddressType == "" {
		errs = append(errs, field.Required(path, ""))
	} else {
		errs = append(errs, corevalidation.OneOf(s.AddressType, path,
			discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)...)
	}
	errs = append(errs, validateEndpoints(s, field.NewPath("endpoints"))...)
	return append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
}

func validateEndpoints(s *slice, path *field.Path) field.ErrorList {
	if n := len(s.Endpoints); n > maxEndpoints {
		return field.ErrorList{field.TooMany(path, n, maxEndpoints)}
	}
	var errs field.ErrorList
	for i := range s.Endpoints {
		errs = append(errs, validateEndpoint(&s.Endpoints[i], s.AddressType, path.Index(i))...)
	}
	return errs
}

func validateEndpoint(e *discoveryv1.Endpoint, t discoveryv1.AddressType, path *field.Path) field.ErrorList {
	addresses := path.Child("addresses")
	var errs field.ErrorList
	switch n := len(e.Addresses); {
	case n == 0:
		errs = append(errs, field.Required(addresses, "must contain at least 1 address"))
	case n > maxAddresses:
		errs = append(errs, field.TooMany(addresses, n, maxAddresses))
	}
	for i, a := range e.Addresses {
		errs = append(errs, validateAddress(a, t, addresses, i)...)
	}
	if e.NodeName != nil {
		errs = append(errs, corevalidation.DNSSubdomain(*e.NodeName, path.Child("nodeName"))...)
	}
	if e.Zone != nil {
		errs = append(errs, check.Messages(path.Child("zone"), *e.Zone, validation.IsValidLabelValue(*e.Zone))...)
	}
	if e.Hostname != nil {
		errs = append(errs, corevalidation.DNSLabel(*e.Hostname, path.Child("hostname"))...)
	}
	if e.Hints != nil {
		errs = append(errs, validateHints(e.Hints, path.Child("hints"))...)
	}
	return errs
}

// validateAddress checks one of the addresses at path. That it is of the wrong
// family is said of the list, as clients have learned.
func validateAddress(a string, t discoveryv1.AddressType, path *field.Path, i int) field.ErrorList {
	switch t {
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(path.Index(i), a)
	case discoveryv1.AddressTypeIPv4:
		if !isFamily(a, false) {
			return field.ErrorList{field.Invalid(path, a, "must be an IPv4 address")}
		}
	case discoveryv1.AddressTypeIPv6:
		if !isFamily(a, true) {
			return field.ErrorList{field.Invalid(path, a, "must be an IPv6 address")}
		}
	default:
		return nil
	}
	return corevalidation.NonSpecialIP(a, path.Index(i))
}

func validateHints(h *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	zones := make([]string, len(h.ForZones))
	for i, z := range h.ForZones {
		zones[i] = z.Name
	}
	nodes := make([]string, len(h.ForNodes))
	for i, n := range h.ForNodes {
		nodes[i] = n.Name
	}
	errs := validateHintNames(zones, path.Child("forZones"), func(name string, at *field.Path) field.ErrorList {
		return check.Messages(at, name, validation.IsValidLabelValue(name))
	})
	return append(errs, validateHintNames(nodes, path.Child("forNodes"), corevalidation.DNSSubdomain)...)
}

func validateHintNames(names []string, path *field.Path, valid func(string, *field.Path) field.ErrorList) field.ErrorList {
	if len(names) > maxHints {
		return field.ErrorList{field.TooMany(path, len(names), maxHints)}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, name := range names {
		at := path.Index(i).Child("name")
		if seen[name] {
			errs = append(errs, field.Duplicate(at, name))
		}
		seen[name] = true
		errs = append(errs, valid(name, at)...)
	}
	return errs
}

func validatePorts(ports []discoveryv1.EndpointPort, path *field.Path) field.ErrorList {
	if n := len(ports); n > maxPorts {
		return field.ErrorList{field.TooMany(path, n, maxPorts)}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, p := range ports {
		at := path.Index(i)
		if p.Name != nil && *p.Name != "" {
			errs = append(errs, corevalidation.DNSLabel(*p.Name, at.Child("name"))...)
		}
		if p.Name != nil {
			if seen[*p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), *p.Name))
			}
			seen[*p.Name] = true
		}
		if p.Protocol == nil {
			errs = append(errs, field.Required(at.Child("protocol"), ""))
		} else {
			errs = append(errs, corevalidation.OneOf(*p.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		}
		if p.AppProtocol != nil {
			errs = append(errs, corevalidation.QualifiedName(*p.AppProtocol, at.Child("appProtocol"))...)
		}
	}
	return errs
}

// maxShown is how many ports, or addresses, a cell shows.
const maxShown = 3

func portsText(ports []discoveryv1.EndpointPort) string {
	list := make([]string, len(ports))
	for i, p := range ports {
		switch {
		case p.Port != nil:
			list[i] = strconv.Itoa(int(*p.Port))
		case p.Name != nil && *p.Name != "":
			list[i] = *p.Name
		default:
			list[i] = "*"
		}
	}
	return someOrUnset(list)
}

func endpointsText(endpoints []discoveryv1.Endpoint) string {
	var list []string
	for i := range endpoints {
		list = append(list, endpoints[i].Addresses...)
	}
	return someOrUnset(list)
}

func someOrUnset(list []string) string {
	if len(list) == 0 {
		return columns.Unset
	}
	return columns.Some(list, maxShown)
}

func isFamily(address string, six bool) bool {
	return len(validation.IsValidIP(nil, address)) == 0 && strings.Contains(address, ":") == six
}
