package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The values that kube-apiserver fills in.
const (
	defaultMode            int32 = 0o644
	defaultTokenExpiration int64 = 3600
	defaultGracePeriod     int64 = 30
)

// DefaultPodSpec fills in what was left out of the spec of a pod or of a pod
// template. It is idempotent.
func DefaultPodSpec(s *corev1.PodSpec) {
	if s.DNSPolicy == "" {
		s.DNSPolicy = corev1.DNSClusterFirst
	}
	if s.RestartPolicy == "" {
		s.RestartPolicy = corev1.RestartPolicyAlways
	}
	if s.SecurityContext == nil {
		s.SecurityContext = &corev1.PodSecurityContext{}
	}
	if s.TerminationGracePeriodSeconds == nil {
		s.TerminationGracePeriodSeconds = new(defaultGracePeriod)
	}
	if s.SchedulerName == "" {
		s.SchedulerName = corev1.DefaultSchedulerName
	}
	// serviceAccount is the old name of serviceAccountName, which wins.
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.DeprecatedServiceAccount
	}
	s.DeprecatedServiceAccount = s.ServiceAccountName

	for i := range s.Volumes {
		defaultVolume(&s.Volumes[i])
	}
	for i := range s.InitContainers {
		defaultContainer(&s.InitContainers[i])
	}
	for i := range s.Containers {
		defaultContainer(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		defaultContainer((*corev1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
	roundUp(s.Overhead)
	if r := s.Resources; r != nil {
		roundUp(r.Limits)
		roundUp(r.Requests)
	}
}

func defaultContainer(c *corev1.Container) {
	if c.ImagePullPolicy == "" {
		c.ImagePullPolicy = pullPolicy(c.Image)
	}
	if c.TerminationMessagePath == "" {
		c.TerminationMessagePath = corev1.TerminationMessagePathDefault
	}
	if c.TerminationMessagePolicy == "" {
		c.TerminationMessagePolicy = corev1.TerminationMessageReadFile
	}
	for i := range c.Ports {
		if c.Ports[i].Protocol == "" {
			c.Ports[i].Protocol = corev1.ProtocolTCP
		}
	}
	for i := range c.Env {
		if v := c.Env[i].ValueFrom; v != nil {
			defaultFieldRef(v.FieldRef)
			if k := v.FileKeyRef; k != nil && k.Optional == nil {
				k.Optional = new(false)
			}
		}
	}
	roundUp(c.Resources.Limits)
	roundUp(c.Resources.Requests)
	defaultProbe(c.LivenessProbe)
	defaultProbe(c.ReadinessProbe)
	defaultProbe(c.StartupProbe)
	if l := c.Lifecycle; l != nil {
		if l.PostStart != nil {
			defaultHTTPGet(l.PostStart.HTTPGet)
		}
		if l.PreStop != nil {
			defaultHTTPGet(l.PreStop.HTTPGet)
		}
	}
}

func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	if p.TimeoutSeconds == 0 {
		p.TimeoutSeconds = 1
	}
	if p.PeriodSeconds == 0 {
		p.PeriodSeconds = 10
	}
	if p.SuccessThreshold == 0 {
		p.SuccessThreshold = 1
	}
	if p.FailureThreshold == 0 {
		p.FailureThreshold = 3
	}
	defaultHTTPGet(p.HTTPGet)
	if p.GRPC != nil && p.GRPC.Service == nil {
		p.GRPC.Service = new("")
	}
}

func defaultHTTPGet(h *corev1.HTTPGetAction) {
	if h == nil {
		return
	}
	if h.Path == "" {
		h.Path = "/"
	}
	if h.Scheme == "" {
		h.Scheme = corev1.URISchemeHTTP
	}
}

func defaultFieldRef(f *corev1.ObjectFieldSelector) {
	if f != nil && f.APIVersion == "" {
		f.APIVersion = "v1"
	}
}

// roundUp rounds up to milli-units, the finest that resources are counted in.
func roundUp(l corev1.ResourceList) {
	for name, q := range l {
		if !q.RoundUp(resource.Milli) {
			l[name] = q
		}
	}
}

// DefaultPod fills in what was left out of a pod: DefaultPodSpec and what only
// pods, not templates, are given. It is idempotent.
func DefaultPod(p *corev1.Pod) {
	s := &p.Spec
	DefaultPodSpec(s)
	for i := range s.Containers {
		defaultRequests(&s.Containers[i])
	}
	for i := range s.InitContainers {
		defaultRequests(&s.InitContainers[i])
	}
	defaultPodRequests(p)
	if s.EnableServiceLinks == nil {
		s.EnableServiceLinks = new(corev1.DefaultEnableServiceLinks)
	}
	if s.HostNetwork {
		defaultHostPorts(s.Containers)
		defaultHostPorts(s.InitContainers)
	}
	defaultPodIPs(&p.Status)
}

// defaultRequests makes a limit without a request its own request.
func defaultRequests(c *corev1.Container) {
	r := &c.Resources
	for name, q := range r.Limits {
		if _, has := r.Requests[name]; has {
			continue
		}
		if r.Requests == nil {
			r.Requests = make(corev1.ResourceList, len(r.Limits))
		}
		r.Requests[name] = q.DeepCopy()
	}
}

func defaultHostPorts(cs []corev1.Container) {
	for i := range cs {
		for j := range cs[i].Ports {
			if p := &cs[i].Ports[j]; p.HostPort == 0 {
				p.HostPort = p.ContainerPort
			}
		}
	}
}

// defaultPodIPs keeps podIP, the older field, and podIPs in step.
func defaultPodIPs(st *corev1.PodStatus) {
	if st.PodIP == "" {
		if len(st.PodIPs) > 0 {
			st.PodIP = st.PodIPs[0].IP
		}
		return
	}
	if len(st.PodIPs) == 0 || st.PodIPs[0].IP != st.PodIP {
		st.PodIPs = []corev1.PodIP{{IP: st.PodIP}}
	}
}
