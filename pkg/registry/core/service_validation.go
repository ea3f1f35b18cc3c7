package core

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

const (
	// maxAffinitySeconds is how long clients may stick to a pod: a day.
	maxAffinitySeconds = 86400
	// kubeletPort must not be reachable from outside.
	kubeletPort = 10250
	// Node ports are between these.
	minNodePort, maxNodePort = 30000, 32767
)

func validateService(s *corev1.Service) field.ErrorList {
	spec, path := &s.Spec, field.NewPath("spec")
	errs := serviceType(spec, path)
	errs = append(errs, servicePortsOf(spec, path.Child("ports"))...)
	errs = append(errs, corevalidation.Labels(spec.Selector, path.Child("selector"))...)
	errs = append(errs, sessionAffinity(spec, path)...)
	errs = append(errs, clusterIPs(spec, path)...)
	for i, ip := range spec.ExternalIPs {
		at := path.Child("externalIPs").Index(i)
		if bad := validation.IsValidIPForLegacyField(at, ip, true, nil); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		errs = append(errs, corevalidation.NonSpecialIP(ip, at)...)
	}
	errs = append(errs, corevalidation.RequiredOneOf(spec.Type, path.Child("type"), corev1.ServiceTypeClusterIP,
		corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	errs = append(errs, repeatedPorts(spec, path.Child("ports"))...)
	if s.ResourceVersion == "" { // a create; an update may keep what is there
		errs = append(errs, nodePortRange(spec, nil, path.Child("ports"))...)
	}
	errs = append(errs, loadBalancerFields(spec, path)...)
	errs = append(errs, trafficPolicies(spec, path)...)
	if len(errs) > 0 {
		return errs
	}
	return networkFamilies(spec, path)
}

// serviceType checks what the type demands and forbids.
func serviceType(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if len(spec.Ports) == 0 && !isHeadless(spec) && spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(path.Child("ports"), ""))
	}
	switch spec.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		for i, p := range spec.Ports {
			if spec.Type == corev1.ServiceTypeLoadBalancer && p.Port == kubeletPort {
				errs = append(errs, field.Invalid(path.Child("ports").Index(i), p.Port,
					fmt.Sprintf("may not expose port %d externally since it is used by kubelet", kubeletPort)))
			}
		}
		if isHeadless(spec) {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), spec.ClusterIPs[0],
				fmt.Sprintf("may not be set to 'None' for %s services", spec.Type)))
		}
	case corev1.ServiceTypeExternalName:
		const none = "may not be set for ExternalName services"
		if len(spec.ClusterIPs) > 0 {
			errs = append(errs, field.Forbidden(path.Child("clusterIPs"), none))
		}
		if len(spec.IPFamilies) > 0 {
			errs = append(errs, field.Forbidden(path.Child("ipFamilies"), none))
		}
		if spec.IPFamilyPolicy != nil {
			errs = append(errs, field.Forbidden(path.Child("ipFamilyPolicy"), none))
		}
		// A trailing dot says that the name is complete.
		if name := strings.TrimSuffix(spec.ExternalName, "."); name == "" {
			errs = append(errs, field.Required(path.Child("externalName"), ""))
		} else {
			errs = append(errs, corevalidation.DNSSubdomain(name, path.Child("externalName"))...)
		}
	}
	return errs
}

func servicePortsOf(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	names := map[string]bool{}
	for i, p := range spec.Ports {
		at := path.Index(i)
		switch {
		case p.Name == "":
			if len(spec.Ports) > 1 {
				errs = append(errs, field.Required(at.Child("name"), ""))
			}
		default:
			errs = append(errs, corevalidation.DNSLabel(p.Name, at.Child("name"))...)
			if names[p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names[p.Name] = true
		}
		errs = append(errs, corevalidation.Port(p.Port, at.Child("port"))...)
		errs = append(errs, corevalidation.Protocol(p.Protocol, at.Child("protocol"))...)
		errs = append(errs, corevalidation.PortNumberOrName(p.TargetPort, at.Child("targetPort"))...)
		if p.AppProtocol != nil {
			errs = append(errs, corevalidation.QualifiedName(*p.AppProtocol, at.Child("appProtocol"))...)
		}
	}
	return errs
}

func sessionAffinity(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	errs := corevalidation.RequiredOneOf(spec.SessionAffinity, path.Child("sessionAffinity"),
		corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)
	config := path.Child("sessionAffinityConfig")
	c := spec.SessionAffinityConfig
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityClientIP:
		if c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			return append(errs, field.Required(config, fmt.Sprintf("when session affinity type is %s", spec.SessionAffinity)))
		}
		if n := *c.ClientIP.TimeoutSeconds; n <= 0 || n > maxAffinitySeconds {
			errs = append(errs, field.Invalid(config.Child("clientIP", "timeoutSeconds"), n,
				fmt.Sprintf("must be greater than 0 and less than %d", maxAffinitySeconds)))
		}
	case corev1.ServiceAffinityNone:
		if c != nil {
			errs = append(errs, field.Forbidden(config, fmt.Sprintf("must not be set when session affinity is %s", spec.SessionAffinity)))
		}
	}
	return errs
}

// clusterIPs checks addresses and families of a service, each by itself.
func clusterIPs(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	ips := path.Child("clusterIPs")
	switch {
	case len(spec.ClusterIPs) == 0 && spec.ClusterIP != "":
		errs = append(errs, field.Required(ips, ""))
	case len(spec.ClusterIPs) > 0 && spec.ClusterIP == "":
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	case len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != spec.ClusterIP:
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "first value must match `clusterIP`"))
	}
	for i, f := range spec.IPFamilies {
		at := path.Child("ipFamilies").Index(i)
		errs = append(errs, corevalidation.OneOf(f, at, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if slices.Contains(spec.IPFamilies[:i], f) {
			errs = append(errs, field.Duplicate(at, f))
		}
	}
	if p := spec.IPFamilyPolicy; p != nil {
		errs = append(errs, corevalidation.OneOf(*p, path.Child("ipFamilyPolicy"), corev1.IPFamilyPolicyPreferDualStack,
			corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)
	}
	if isHeadless(spec) {
		if len(spec.ClusterIPs) > 1 {
			errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "'None' must be the first and only value"))
		}
		return errs
	}
	bad := false
	for i, ip := range spec.ClusterIPs {
		e := validation.IsValidIPForLegacyField(ips.Index(i), ip, true, nil)
		bad = bad || len(e) > 0
		errs = append(errs, e...)
	}
	if len(spec.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "may only hold up to 2 values"))
	}
	if !bad && !oneOfEachFamily(spec.ClusterIPs) {
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "may specify no more than one IP for each IP family"))
	}
	return errs
}

// networkFamilies checks a sound service against the cluster's network, which
// has IPv4 only.
func networkFamilies(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if !hasAddress(spec) || isHeadless(spec) && len(spec.Selector) == 0 {
		return nil
	}
	families, policy := path.Child("ipFamilies"), path.Child("ipFamilyPolicy")
	if p := spec.IPFamilyPolicy; len(spec.IPFamilies) > 1 && (p == nil || *p == corev1.IPFamilyPolicySingleStack) {
		return field.ErrorList{field.Invalid(policy, p, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified")}
	}
	if p := spec.IPFamilyPolicy; p != nil && *p == corev1.IPFamilyPolicyRequireDualStack {
		errs = append(errs, field.Invalid(policy, p, "this cluster is not configured for dual-stack services"))
	}
	if !isHeadless(spec) {
		for i, ip := range spec.ClusterIPs {
			if a, err := netip.ParseAddr(ip); err == nil && a.Is6() {
				return append(errs, field.Invalid(path.Child("clusterIPs").Index(i), spec.ClusterIPs, "IPv6 is not configured on this cluster"))
			}
		}
	}
	for i, f := range spec.IPFamilies {
		if f != corev1.IPv4Protocol {
			errs = append(errs, field.Invalid(families.Index(i), f, "not configured on this cluster"))
		}
	}
	return errs
}

func repeatedPorts(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	for i, p := range spec.Ports {
		if spec.Type == corev1.ServiceTypeClusterIP && p.NodePort != 0 {
			errs = append(errs, field.Forbidden(path.Index(i).Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
		}
		for _, q := range spec.Ports[:i] {
			if p.Protocol != q.Protocol {
				continue
			}
			if p.NodePort != 0 && p.NodePort == q.NodePort {
				errs = append(errs, field.Invalid(path.Index(i).Child("nodePort"), p.NodePort, "provided port is already allocated"))
			}
			if p.Port == q.Port {
				errs = append(errs, field.Duplicate(path.Index(i), corev1.ServicePort{Protocol: p.Protocol, Port: p.Port}))
			}
		}
	}
	return errs
}

// nodePortRange checks the node ports that the old ports do not have.
func nodePortRange(spec *corev1.ServiceSpec, old []corev1.ServicePort, path *field.Path) (errs field.ErrorList) {
	for i, p := range spec.Ports {
		if p.NodePort == 0 || p.NodePort >= minNodePort && p.NodePort <= maxNodePort || !hasNodePorts(spec) ||
			slices.ContainsFunc(old, func(o corev1.ServicePort) bool { return o.NodePort == p.NodePort }) {
			continue
		}
		errs = append(errs, field.Invalid(path.Index(i).Child("nodePort"), p.NodePort,
			fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", minNodePort, maxNodePort)))
	}
	return errs
}

func loadBalancerFields(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	const only = "may only be used when `type` is 'LoadBalancer'"
	is := spec.Type == corev1.ServiceTypeLoadBalancer
	if ranges := path.Child("LoadBalancerSourceRanges"); len(spec.LoadBalancerSourceRanges) > 0 {
		if !is {
			errs = append(errs, field.Forbidden(ranges, only))
		}
		for i, r := range spec.LoadBalancerSourceRanges {
			errs = append(errs, validation.IsValidCIDRForLegacyField(ranges.Index(i), strings.TrimSpace(r), true, nil)...)
		}
	}
	if spec.AllocateLoadBalancerNodePorts != nil && !is {
		errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), only))
	}
	if c := spec.LoadBalancerClass; c != nil {
		if !is {
			return append(errs, field.Forbidden(path.Child("loadBalancerClass"), only))
		}
		errs = append(errs, corevalidation.QualifiedName(*c, path.Child("loadBalancerClass"))...)
	}
	return errs
}

func trafficPolicies(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	external, health := path.Child("externalTrafficPolicy"), path.Child("healthCheckNodePort")
	switch {
	case isExternal(spec):
		errs = append(errs, corevalidation.RequiredOneOf(spec.ExternalTrafficPolicy, external,
			corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	case spec.ExternalTrafficPolicy != "":
		errs = append(errs, field.Invalid(external, spec.ExternalTrafficPolicy, "may only be set for externally-accessible services"))
	}
	switch n := spec.HealthCheckNodePort; {
	case n != 0 && !hasHealthPort(spec):
		errs = append(errs, field.Invalid(health, n, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	case n != 0:
		errs = append(errs, corevalidation.Port(n, health)...)
	}
	if p := spec.InternalTrafficPolicy; p != nil {
		errs = append(errs, corevalidation.OneOf(*p, path.Child("internalTrafficPolicy"),
			corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	}
	if d := spec.TrafficDistribution; d != nil {
		errs = append(errs, corevalidation.OneOf(*d, path.Child("trafficDistribution"), corev1.ServiceTrafficDistributionPreferClose,
			corev1.ServiceTrafficDistributionPreferSameNode, corev1.ServiceTrafficDistributionPreferSameZone)...)
	}
	return errs
}

func validateServiceUpdate(obj, old *corev1.Service) (errs field.ErrorList) {
	spec, was, path := &obj.Spec, &old.Spec, field.NewPath("spec")
	const set = "may not change once set"
	if hasAddress(spec) && hasAddress(was) {
		if len(was.ClusterIPs) > 0 && (len(spec.ClusterIPs) == 0 || spec.ClusterIPs[0] != was.ClusterIPs[0]) {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), spec.ClusterIPs, set))
		}
		if len(was.IPFamilies) > 0 && (len(spec.IPFamilies) == 0 || spec.IPFamilies[0] != was.IPFamilies[0]) {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(0), spec.IPFamilies, set))
		}
	}
	errs = append(errs, nodePortRange(spec, was.Ports, path.Child("ports"))...)
	if spec.Type == corev1.ServiceTypeLoadBalancer && was.Type == spec.Type {
		if a, b := spec.LoadBalancerClass, was.LoadBalancerClass; (a == nil) != (b == nil) || a != nil && *a != *b {
			errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), a, set))
		}
	}
	if hasHealthPort(spec) && hasHealthPort(was) && was.HealthCheckNodePort != 0 && spec.HealthCheckNodePort != was.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), "field is immutable"))
	}
	return errs
}

func validateServiceStatus(obj, _ *corev1.Service) (errs field.ErrorList) {
	path := field.NewPath("status", "loadBalancer", "ingress")
	in := obj.Status.LoadBalancer.Ingress
	if len(in) > 0 && obj.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return field.ErrorList{field.Forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")}
	}
	for i := range in {
		errs = append(errs, ingressPoint(&in[i], path.Index(i))...)
	}
	return errs
}

func ingressPoint(in *corev1.LoadBalancerIngress, path *field.Path) (errs field.ErrorList) {
	mode := path.Child("ipMode")
	if in.IP != "" {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Child("ip"), in.IP, true, nil)...)
	}
	switch {
	case in.IP != "" && in.IPMode == nil:
		errs = append(errs, field.Required(mode, "must be specified when `ip` is set"))
	case in.IP == "" && in.IPMode != nil:
		errs = append(errs, field.Forbidden(mode, "may not be specified when `ip` is not set"))
	case in.IPMode != nil:
		errs = append(errs, corevalidation.OneOf(*in.IPMode, mode, corev1.LoadBalancerIPModeProxy, corev1.LoadBalancerIPModeVIP)...)
	}
	if in.Hostname != "" {
		errs = append(errs, corevalidation.DNSSubdomain(in.Hostname, path.Child("hostname"))...)
		if _, err := netip.ParseAddr(in.Hostname); err == nil {
			errs = append(errs, field.Invalid(path.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
		}
	}
	return errs
}
