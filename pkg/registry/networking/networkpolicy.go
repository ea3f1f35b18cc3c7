package networking

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func networkPolicies() *registry.Resource {
	return registry.Define(registry.Kind[*networkingv1.NetworkPolicy]{
		Group: group, Version: version, Kind: "NetworkPolicy",
		Resource: "networkpolicies", ShortNames: []string{"netpol"}, Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Pod-Selector", networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"]),
			columns.Age(),
		},
		Cells: func(p *networkingv1.NetworkPolicy) []any {
			return []any{p.Name, columns.Selector(&p.Spec.PodSelector), columns.Created(p)}
		},
		Default:  defaultNetworkPolicy,
		Validate: validateNetworkPolicy,
		Spec:     func(p *networkingv1.NetworkPolicy) any { return &p.Spec },
	})
}

// defaultNetworkPolicy says which traffic a policy is about. A policy without
// egress rules is about ingress only: it was so before there were any.
func defaultNetworkPolicy(p *networkingv1.NetworkPolicy) {
	s := &p.Spec
	if len(s.PolicyTypes) == 0 {
		s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(s.Egress) > 0 {
			s.PolicyTypes = append(s.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	for i := range s.Ingress {
		defaultPolicyPorts(s.Ingress[i].Ports)
	}
	for i := range s.Egress {
		defaultPolicyPorts(s.Egress[i].Ports)
	}
}

func defaultPolicyPorts(ports []networkingv1.NetworkPolicyPort) {
	for i := range ports {
		fill.Pointer(&ports[i].Protocol, corev1.ProtocolTCP)
	}
}

func validateNetworkPolicy(p *networkingv1.NetworkPolicy) field.ErrorList {
	path, s := field.NewPath("spec"), &p.Spec
	errs := corevalidation.LabelSelector(&s.PodSelector, path.Child("podSelector"))
	for i := range s.Ingress {
		at := path.Child("ingress").Index(i)
		errs = append(errs, validatePolicyPorts(s.Ingress[i].Ports, at.Child("ports"))...)
		errs = append(errs, validatePeers(s.Ingress[i].From, at.Child("from"))...)
	}
	for i := range s.Egress {
		at := path.Child("egress").Index(i)
		errs = append(errs, validatePolicyPorts(s.Egress[i].Ports, at.Child("ports"))...)
		errs = append(errs, validatePeers(s.Egress[i].To, at.Child("to"))...)
	}
	types := path.Child("policyTypes")
	if len(s.PolicyTypes) > 2 {
		return append(errs, field.Invalid(types, &s.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range s.PolicyTypes {
		errs = append(errs, corevalidation.OneOf(t, types.Index(i), networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress)...)
	}
	return errs
}

func validatePolicyPorts(ports []networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range ports {
		at := path.Index(i)
		if p.Protocol != nil {
			errs = append(errs, corevalidation.OneOf(*p.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		}
		if p.Port != nil {
			errs = append(errs, corevalidation.PortNumberOrName(*p.Port, at.Child("port"))...)
		}
		if p.EndPort != nil {
			errs = append(errs, validateEndPort(&p, at.Child("endPort"))...)
		}
	}
	return errs
}

func validateEndPort(p *networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	switch {
	case p.Port == nil:
		return field.ErrorList{field.Required(path, "must be specified when `endPort` is specified")}
	case p.Port.Type == intstr.String:
		return field.ErrorList{field.Invalid(path, *p.EndPort, "may not be specified when `port` is non-numeric")}
	}
	var errs field.ErrorList
	if *p.EndPort < p.Port.IntVal {
		errs = append(errs, field.Invalid(path, *p.EndPort, "must be greater than or equal to `port`"))
	}
	return append(errs, corevalidation.Port(*p.EndPort, path)...)
}

func validatePeers(peers []networkingv1.NetworkPolicyPeer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range peers {
		p, at := &peers[i], path.Index(i)
		number := 0
		if p.PodSelector != nil {
			number++
			errs = append(errs, corevalidation.LabelSelector(p.PodSelector, at.Child("podSelector"))...)
		}
		if p.NamespaceSelector != nil {
			number++
			errs = append(errs, corevalidation.LabelSelector(p.NamespaceSelector, at.Child("namespaceSelector"))...)
		}
		if p.IPBlock != nil {
			if number > 0 {
				errs = append(errs, field.Forbidden(at, "may not specify both ipBlock and another peer"))
			}
			number++
			errs = append(errs, validateIPBlock(p.IPBlock, at.Child("ipBlock"))...)
		}
		if number == 0 {
			errs = append(errs, field.Required(at, "must specify a peer"))
		}
	}
	return errs
}

func validateIPBlock(b *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(path.Child("cidr"), "")}
	}
	errs := validation.IsValidCIDR(path.Child("cidr"), b.CIDR)
	block, blockErr := netip.ParsePrefix(b.CIDR)
	for i, s := range b.Except {
		at := path.Child("except").Index(i)
		errs = append(errs, validation.IsValidCIDR(at, s)...)
		except, err := netip.ParsePrefix(s)
		if blockErr == nil && err == nil && (!block.Contains(except.Addr()) || except.Bits() <= block.Bits()) {
			errs = append(errs, field.Invalid(at, s, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}
