package podspec

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// ValidatePodTemplate returns what is wrong with the template of a workload.
func ValidatePodTemplate(t *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	c := &checker{spec: &t.Spec, meta: &t.ObjectMeta}
	c.labels(path, "labels", t.Labels)
	if len(t.Annotations) > 0 {
		at := path.Child("annotations")
		c.addAll(validation.ValidateAnnotations(t.Annotations, at))
		c.appArmorAnnotations(at)
	}
	spec := path.Child("spec")
	c.check(spec)
	if len(t.Spec.EphemeralContainers) > 0 {
		c.forbidden(spec.Child("ephemeralContainers"), "ephemeral containers not allowed in pod template")
	}
	return c.errs
}

// ValidatePod returns what is wrong with a pod. Its object metadata has been
// checked already. create says that the pod is new.
func ValidatePod(p *corev1.Pod, create bool) field.ErrorList {
	c := &checker{spec: &p.Spec, meta: &p.ObjectMeta, pod: true}
	if len(p.Annotations) > 0 {
		c.podAnnotations(field.NewPath("metadata", "annotations"))
	}
	spec := field.NewPath("spec")
	c.check(spec)
	c.onlyPods(spec)
	if create {
		c.onlyNew(spec)
	}
	return c.errs
}

// onlyPods: rules that pods have kept to for as long as they exist, and that
// templates were never asked to.
func (c *checker) onlyPods(path *field.Path) {
	if c.spec.ServiceAccountName == "" {
		c.noTokens(path.Child("volumes"))
	}
	c.imagesTrimmed(path, "containers", c.spec.Containers)
	c.imagesTrimmed(path, "initContainers", c.spec.InitContainers)
	c.appArmorAgree(path)
}

// noTokens refuses token projections of a pod without a service account.
func (c *checker) noTokens(path *field.Path) {
	for i := range c.spec.Volumes {
		p := c.spec.Volumes[i].Projected
		if p == nil {
			continue
		}
		for j := range p.Sources {
			if p.Sources[j].ServiceAccountToken != nil {
				c.forbidden(path.Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
					"must not be specified when serviceAccountName is not set")
			}
		}
	}
}

func (c *checker) imagesTrimmed(path *field.Path, list string, cs []corev1.Container) {
	for i := range cs {
		if image := cs[i].Image; strings.TrimSpace(image) != image {
			c.invalid(path.Child(list).Index(i).Child("image"), image, "must not have leading or trailing whitespace")
		}
	}
}

func (c *checker) onlyNew(path *field.Path) {
	if len(c.spec.EphemeralContainers) > 0 {
		c.forbidden(path.Child("ephemeralContainers"), "cannot be set on create")
	}
	if len(c.spec.SchedulingGates) > 0 && c.spec.NodeName != "" {
		c.forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared")
	}
}

// check runs the rules that pods and templates share, in the order in which
// kube-apiserver reports them.
func (c *checker) check(path *field.Path) {
	s := c.spec
	c.allVolumes(path.Child("volumes"))
	c.resourceClaims(path)
	c.containers(path.Child("containers"))
	c.initContainers(path)
	c.ephemeralContainers(path)
	c.podResources(path)
	c.restartPolicy(path)
	c.dnsPolicy(path)
	c.labels(path, "nodeSelector", s.NodeSelector)
	c.podSecurity(path)
	c.affinity(path)
	c.dnsConfig(path)
	for i, g := range s.ReadinessGates {
		c.labelName(path.Child("readinessGates").Index(i).Child("conditionType"), string(g.ConditionType))
	}
	c.schedulingGates(path)
	c.spread(path)
	c.hostProcess(path)
	c.hostUsers(path)
	c.identity(path)
	c.tolerations(path)
	c.hostAliases(path)
	c.classes(path)
	c.os(path)
	c.hostnameOverride(path)
}

func (c *checker) restartPolicy(path *field.Path) {
	switch c.spec.RestartPolicy {
	case corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever:
		return
	}
	requiredOneOf(c, path, "restartPolicy", c.spec.RestartPolicy,
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
}

func (c *checker) dnsPolicy(path *field.Path) {
	if c.spec.DNSPolicy != corev1.DNSClusterFirst {
		requiredOneOf(c, path, "dnsPolicy", c.spec.DNSPolicy,
			corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)
	}
}

// identity checks the names that a pod goes by or refers to.
func (c *checker) identity(path *field.Path) {
	s := c.spec
	if s.ServiceAccountName != "" {
		c.subdomain(path, "serviceAccountName", s.ServiceAccountName)
	}
	if s.NodeName != "" {
		c.subdomain(path, "nodeName", s.NodeName)
	}
	if d := s.ActiveDeadlineSeconds; d != nil && (*d < 1 || *d > math.MaxInt32) {
		c.invalid(path.Child("activeDeadlineSeconds"), *d, utilvalidation.InclusiveRangeError(1, math.MaxInt32))
	}
	if s.Hostname != "" {
		c.label(path, "hostname", s.Hostname)
	}
	if s.Subdomain != "" {
		c.label(path, "subdomain", s.Subdomain)
	}
}

func (c *checker) hostAliases(path *field.Path) {
	for i, a := range c.spec.HostAliases {
		at := path.Child("hostAliases").Index(i)
		c.addAll(utilvalidation.IsValidIPForLegacyField(at.Child("ip"), a.IP, false, nil))
		for j, h := range a.Hostnames {
			if !isSubdomain(h) {
				c.messages(at.Child("hostnames").Index(j), h, utilvalidation.IsDNS1123Subdomain(h))
			}
		}
	}
}

func (c *checker) classes(path *field.Path) {
	s := c.spec
	if s.PriorityClassName != "" {
		c.subdomain(path, "priorityClassName", s.PriorityClassName)
	}
	if s.RuntimeClassName != nil {
		c.subdomain(path, "runtimeClassName", *s.RuntimeClassName)
	}
	if s.PreemptionPolicy != nil {
		requiredOneOf(c, path, "preemptionPolicy", *s.PreemptionPolicy, corev1.PreemptNever, corev1.PreemptLowerPriority)
	}
	if len(s.Overhead) > 0 {
		at := path.Child("overhead")
		for _, name := range sortedKeys(s.Overhead) {
			c.containerResourceName(at.Key(string(name)), name)
			c.addAll(corevalidation.ResourceQuantity(name, s.Overhead[name], at.Key(string(name))))
		}
	}
}

func (c *checker) hostnameOverride(path *field.Path) {
	h := c.spec.HostnameOverride
	if h == nil {
		return
	}
	c.subdomain(path, "hostnameOverride", *h)
	if len(*h) > 64 {
		c.add(field.TooLongMaxLength(path.Child("hostnameOverride"), *h, 64))
	}
	if c.spec.HostNetwork {
		c.forbidden(path.Child("hostnameOverride"), "may not be specified when hostNetwork is true")
	}
	if c.spec.SetHostnameAsFQDN != nil && *c.spec.SetHostnameAsFQDN {
		c.forbidden(path.Child("hostnameOverride"), "may not be specified when setHostnameAsFQDN is true")
	}
}

// The limits of resolv.conf that pods may use.
const (
	maxNameservers  = 3
	maxSearchPaths  = 32
	maxSearchLength = 2048
)

func (c *checker) dnsConfig(path *field.Path) {
	d := c.spec.DNSConfig
	if c.spec.DNSPolicy == corev1.DNSNone {
		if d == nil {
			c.required(path.Child("dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None")
			return
		}
		if len(d.Nameservers) == 0 {
			c.required(path.Child("dnsConfig", "nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None")
			return
		}
	}
	if d == nil {
		return
	}
	path = path.Child("dnsConfig")
	if len(d.Nameservers) > maxNameservers {
		c.invalid(path.Child("nameservers"), d.Nameservers, fmt.Sprintf("must not have more than %d nameservers", maxNameservers))
	}
	for i, ip := range d.Nameservers {
		c.addAll(utilvalidation.IsValidIPForLegacyField(path.Child("nameservers").Index(i), ip, false, nil))
	}
	if len(d.Searches) > maxSearchPaths {
		c.invalid(path.Child("searches"), d.Searches, fmt.Sprintf("must not have more than %d search paths", maxSearchPaths))
	}
	if len(strings.Join(d.Searches, " ")) > maxSearchLength {
		c.invalid(path.Child("searches"), d.Searches,
			fmt.Sprintf("must not have more than %d characters (including spaces) in the search list", maxSearchLength))
	}
	for i, s := range d.Searches {
		if s == "." {
			continue
		}
		s = strings.TrimSuffix(s, ".")
		c.messages(path.Child("searches").Index(i), s, utilvalidation.IsDNS1123SubdomainWithUnderscore(s))
	}
	for i, o := range d.Options {
		if o.Name == "" {
			c.required(path.Child("options").Index(i), "must not be empty")
		}
	}
}
