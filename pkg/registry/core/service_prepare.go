package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

func prepareService(_ *registry.Request, s *corev1.Service) {
	if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	setFamilies(&s.Spec)
}

// setFamilies fills in the address families of a service that has addresses. The
// cluster's network is of one family, IPv4.
func setFamilies(spec *corev1.ServiceSpec) {
	if !hasAddress(spec) {
		return
	}
	if isHeadless(spec) && len(spec.Selector) == 0 {
		// Somebody else makes the endpoints, of whatever family.
		setDefault(&spec.IPFamilyPolicy, corev1.IPFamilyPolicyRequireDualStack)
		if len(spec.IPFamilies) == 0 {
			spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
		}
		if len(spec.IPFamilies) == 1 && *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack {
			other := corev1.IPv6Protocol
			if spec.IPFamilies[0] == corev1.IPv6Protocol {
				other = corev1.IPv4Protocol
			}
			spec.IPFamilies = append(spec.IPFamilies, other)
		}
		return
	}
	if spec.IPFamilyPolicy == nil && len(spec.IPFamilies) < 2 && len(spec.ClusterIPs) < 2 {
		setDefault(&spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
}

// prepareServiceUpdate keeps what was given to the service when the update does
// not say, and drops what its new type has no use for unless the update changes
// it, which is then an error.
func prepareServiceUpdate(_ *registry.Request, s, old *corev1.Service) {
	dropUnused(&s.Spec, &old.Spec)
	matchClusterIPs(&s.Spec, &old.Spec)
	keepGiven(&s.Spec, &old.Spec)
	setFamilies(&s.Spec)
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		s.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	}
}

func dropUnused(spec, old *corev1.ServiceSpec) {
	if hasAddress(old) && !hasAddress(spec) {
		if spec.ClusterIP == old.ClusterIP && slices.Equal(spec.ClusterIPs, old.ClusterIPs) {
			spec.ClusterIP, spec.ClusterIPs = "", nil
		}
		if slices.Equal(spec.IPFamilies, old.IPFamilies) {
			spec.IPFamilies = nil
		}
		dropSame(&spec.IPFamilyPolicy, old.IPFamilyPolicy)
		dropSame(&spec.InternalTrafficPolicy, old.InternalTrafficPolicy)
	}
	if hasNodePorts(old) && !hasNodePorts(spec) && sameNodePorts(spec.Ports, old.Ports) {
		for i := range spec.Ports {
			spec.Ports[i].NodePort = 0
		}
	}
	if hasHealthPort(old) && !hasHealthPort(spec) && spec.HealthCheckNodePort == old.HealthCheckNodePort {
		spec.HealthCheckNodePort = 0
	}
	if old.Type == corev1.ServiceTypeLoadBalancer && spec.Type != old.Type {
		dropSame(&spec.AllocateLoadBalancerNodePorts, old.AllocateLoadBalancerNodePorts)
		dropSame(&spec.LoadBalancerClass, old.LoadBalancerClass)
	}
	if isExternal(old) && !isExternal(spec) && spec.ExternalTrafficPolicy == old.ExternalTrafficPolicy {
		spec.ExternalTrafficPolicy = ""
	}
}

// dropSame sets *p to nil if it points to what old points to.
func dropSame[T any](p **T, old *T) {
	if equality.Semantic.DeepEqual(*p, old) {
		*p = nil
	}
}

func sameNodePorts(a, b []corev1.ServicePort) bool {
	set := func(ports []corev1.ServicePort) []int32 {
		var all []int32
		for _, p := range ports {
			if p.NodePort != 0 {
				all = append(all, p.NodePort)
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return slices.Equal(set(a), set(b))
}

// matchClusterIPs makes clusterIPs follow clusterIP when a client that knows
// only the latter changed it.
func matchClusterIPs(spec, old *corev1.ServiceSpec) {
	if !slices.Equal(spec.ClusterIPs, old.ClusterIPs) || spec.ClusterIP == old.ClusterIP {
		if spec.ClusterIP != "" && len(spec.ClusterIPs) == 0 && spec.ClusterIP != old.ClusterIP {
			spec.ClusterIPs = []string{spec.ClusterIP}
		}
		return
	}
	spec.ClusterIPs = nil
	if spec.ClusterIP != "" {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
}

func keepGiven(spec, old *corev1.ServiceSpec) {
	if hasAddress(spec) && hasAddress(old) {
		if spec.ClusterIP == "" && len(spec.ClusterIPs) == 0 {
			spec.ClusterIP = old.ClusterIP
		}
		if len(spec.ClusterIPs) == 0 && spec.ClusterIP == old.ClusterIP {
			spec.ClusterIPs = slices.Clone(old.ClusterIPs)
		}
		if spec.IPFamilyPolicy == nil {
			spec.IPFamilyPolicy = old.IPFamilyPolicy
		}
		if len(spec.IPFamilies) == 0 {
			spec.IPFamilies = slices.Clone(old.IPFamilies)
		}
	}
	if hasNodePorts(spec) && hasNodePorts(old) {
		keepNodePorts(spec.Ports, old.Ports)
	}
	if hasHealthPort(spec) && hasHealthPort(old) && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

// keepNodePorts gives ports without a node port the one that the same port had,
// unless another port of the service has taken it.
func keepNodePorts(ports, old []corev1.ServicePort) {
	for i := range ports {
		p := &ports[i]
		if p.NodePort != 0 {
			continue
		}
		for _, o := range old {
			if o.Port == p.Port && o.Protocol == p.Protocol && !slices.ContainsFunc(ports, func(q corev1.ServicePort) bool {
				return q.NodePort == o.NodePort && q.Protocol == o.Protocol
			}) {
				p.NodePort = o.NodePort
			}
		}
	}
}
