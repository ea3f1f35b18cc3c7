package core

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// Services is the Service kind. Addresses and node ports are not allocated: a
// service has those that its client gave it.
func Services() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Service]{
		Version: "v1", Kind: "Service",
		Resource: "services", ShortNames: []string{"svc"}, Categories: []string{"all"}, Namespaced: true,
		Prefix: "services/specs",
		Fields: []registry.Field[*corev1.Service]{
			{Name: "spec.clusterIP", Get: func(s *corev1.Service) string { return s.Spec.ClusterIP }},
			{Name: "spec.type", Get: func(s *corev1.Service) string { return string(s.Spec.Type) }},
		},
		Columns:             serviceColumns(),
		Cells:               serviceCells,
		Default:             defaultService,
		Prepare:             prepareService,
		PrepareUpdate:       prepareServiceUpdate,
		Validate:            validateService,
		ValidateUpdate:      validateServiceUpdate,
		ValidateName:        validation.NameIsDNSLabel,
		Warnings:            serviceWarnings,
		Status:              func(s *corev1.Service) any { return &s.Status },
		ValidateStatus:      validateServiceStatus,
		AllowCreateOnUpdate: true,
		ReturnDeleted:       true,
		Connects: []registry.Connect{{
			Name: "proxy", Kind: schema.GroupVersionKind{Version: "v1", Kind: "ServiceProxyOptions"},
			Verbs: proxyVerbs(), WithPath: true,
		}},
	})
}

func serviceColumns() []registry.Column {
	spec := corev1.ServiceSpec{}.SwaggerDoc()
	return []registry.Column{columns.Name(),
		columns.Text("Type", spec["type"]),
		columns.Text("Cluster-IP", spec["clusterIP"]),
		columns.Text("External-IP", spec["externalIPs"]),
		columns.Text("Port(s)", spec["ports"]),
		columns.Age(),
		columns.Wide(columns.Text("Selector", spec["selector"])),
	}
}

func serviceCells(s *corev1.Service) []any {
	ip := columns.None
	if len(s.Spec.ClusterIPs) > 0 {
		ip = s.Spec.ClusterIPs[0]
	}
	return []any{s.Name, string(s.Spec.Type), ip, externalAddress(s), servicePorts(s.Spec.Ports),
		columns.Created(s), columns.Labels(s.Spec.Selector)}
}

func externalAddress(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return columns.OrNone(strings.Join(s.Spec.ExternalIPs, ","))
	case corev1.ServiceTypeLoadBalancer:
		all := append(loadBalancerAddresses(s), s.Spec.ExternalIPs...)
		if len(all) == 0 {
			return "<pending>"
		}
		return strings.Join(all, ",")
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	}
	return columns.Unknown
}

func loadBalancerAddresses(s *corev1.Service) []string {
	var all []string
	for _, in := range s.Status.LoadBalancer.Ingress {
		if a := firstOf(in.IP, in.Hostname); a != "" {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func servicePorts(ports []corev1.ServicePort) string {
	all := make([]string, len(ports))
	for i, p := range ports {
		all[i] = strconv.Itoa(int(p.Port))
		if p.NodePort > 0 {
			all[i] += ":" + strconv.Itoa(int(p.NodePort))
		}
		all[i] += "/" + string(p.Protocol)
	}
	return columns.OrNone(strings.Join(all, ","))
}

func defaultService(s *corev1.Service) {
	spec := &s.Spec
	if spec.SessionAffinity == "" {
		spec.SessionAffinity = corev1.ServiceAffinityNone
	}
	defaultAffinityConfig(spec)
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range spec.Ports {
		p := &spec.Ports[i]
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	if isExternal(spec) && spec.ExternalTrafficPolicy == "" {
		spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	if hasAddress(spec) {
		setDefault(&spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	}
	if spec.Type != corev1.ServiceTypeLoadBalancer {
		return
	}
	setDefault(&spec.AllocateLoadBalancerNodePorts, true)
	for i := range s.Status.LoadBalancer.Ingress {
		if in := &s.Status.LoadBalancer.Ingress[i]; in.IP != "" {
			setDefault(&in.IPMode, corev1.LoadBalancerIPModeVIP)
		}
	}
}

func defaultAffinityConfig(spec *corev1.ServiceSpec) {
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if c := spec.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			timeout := corev1.DefaultClientIPServiceAffinitySeconds
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &timeout}}
		}
	}
}

// hasAddress reports whether a service has an address in the cluster, None
// included: all but names of something outside.
func hasAddress(spec *corev1.ServiceSpec) bool {
	switch spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		return true
	}
	return false
}

// isExternal reports whether a service can be reached from outside the cluster.
func isExternal(spec *corev1.ServiceSpec) bool {
	switch spec.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		return true
	case corev1.ServiceTypeClusterIP:
		return len(spec.ExternalIPs) > 0
	}
	return false
}

// isHeadless reports whether a service is its pods' addresses and has none itself.
func isHeadless(spec *corev1.ServiceSpec) bool {
	return len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] == corev1.ClusterIPNone
}

// hasNodePorts reports whether a service listens on every node.
func hasNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer
}

// hasHealthPort reports whether nodes answer on a port whether they have a pod
// of the service.
func hasHealthPort(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeLoadBalancer && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func serviceWarnings(s *corev1.Service) (warnings []string) {
	spec := &s.Spec
	if isHeadless(spec) {
		if spec.LoadBalancerIP != "" {
			warnings = append(warnings, "spec.loadBalancerIP is ignored for headless services")
		}
		if len(spec.ExternalIPs) > 0 {
			warnings = append(warnings, "spec.externalIPs is ignored for headless services")
		}
		if spec.SessionAffinity != corev1.ServiceAffinityNone {
			warnings = append(warnings, "spec.SessionAffinity is ignored for headless services")
		}
	}
	if len(spec.ExternalIPs) > 0 {
		warnings = append(warnings, "spec.externalIPs is deprecated and may no longer be implemented in some clusters")
	}
	if spec.Type != corev1.ServiceTypeExternalName && spec.ExternalName != "" {
		warnings = append(warnings, `spec.externalName is ignored when spec.type is not "ExternalName"`)
	}
	if d := spec.TrafficDistribution; d != nil && *d == corev1.ServiceTrafficDistributionPreferClose {
		warnings = append(warnings, `spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"`)
	}
	return warnings
}
