package podspec

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *checker) containers(path *field.Path) {
	cs := c.spec.Containers
	if len(cs) == 0 {
		c.required(path, "")
		return
	}
	var taken names
	for i := range cs {
		at := path.Index(i)
		c.container(&cs[i], at)
		if !taken.add(cs[i].Name) {
			c.add(field.Duplicate(at.Child("name"), cs[i].Name))
		}
		c.handlers(&cs[i], at)
		c.containerRestart(&cs[i], at)
		if c.spec.HostNetwork {
			c.samePorts(cs[i].Ports, at)
		}
	}
	c.hostPortConflicts(cs, path)
}

func (c *checker) initContainers(path *field.Path) {
	cs := c.spec.InitContainers
	if len(cs) == 0 {
		return
	}
	path = path.Child("initContainers")
	taken := c.containerNames(false)
	for i := range cs {
		ctr, at := &cs[i], path.Index(i)
		c.container(ctr, at)
		c.containerRestart(ctr, at)
		if ctr.Name != "" && !taken.add(ctr.Name) {
			c.add(field.Duplicate(at.Child("name"), ctr.Name))
		}
		// Init containers run one after the other: each for itself.
		c.hostPortConflicts(cs[i:i+1], path)
		if isSidecar(ctr) {
			c.handlers(ctr, at)
			continue
		}
		c.neverReady(ctr, at)
	}
}

// neverReady refuses what an init container that ends has no use for.
func (c *checker) neverReady(ctr *corev1.Container, at *field.Path) {
	const detail = "may not be set for init containers without restartPolicy=Always"
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"lifecycle", ctr.Lifecycle != nil},
		{"livenessProbe", ctr.LivenessProbe != nil},
		{"readinessProbe", ctr.ReadinessProbe != nil},
		{"startupProbe", ctr.StartupProbe != nil},
	} {
		if f.set {
			c.forbidden(at.Child(f.name), detail)
		}
	}
	if len(ctr.ResizePolicy) > 0 {
		c.invalid(at.Child("resizePolicy"), goNames{ctr.ResizePolicy}, "must not be set for init containers")
	}
}

// ephemeralContainers are for looking into a pod: nothing depends on them, and
// nothing of what others depend on may be set.
func (c *checker) ephemeralContainers(path *field.Path) {
	cs := c.spec.EphemeralContainers
	if len(cs) == 0 {
		return
	}
	path = path.Child("ephemeralContainers")
	taken, others := c.containerNames(true), c.containerNames(true)
	for i := range cs {
		at := path.Index(i)
		ctr := (*corev1.Container)(&cs[i].EphemeralContainerCommon)
		c.container(ctr, at)
		if !taken.add(ctr.Name) {
			c.add(field.Duplicate(at.Child("name"), ctr.Name))
		}
		if t := cs[i].TargetContainerName; t != "" && !others.has(t) {
			c.add(field.NotFound(at.Child("targetContainerName"), t))
		}
		c.onlyLooking(ctr, at)
	}
}

func (c *checker) onlyLooking(ctr *corev1.Container, at *field.Path) {
	const detail = "cannot be set for an Ephemeral Container"
	r := &ctr.Resources
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"ports", len(ctr.Ports) > 0},
		{"resources", len(r.Limits) > 0 || len(r.Requests) > 0 || len(r.Claims) > 0},
		{"resizePolicy", len(ctr.ResizePolicy) > 0},
		{"restartPolicy", ctr.RestartPolicy != nil},
		{"restartPolicyRules", len(ctr.RestartPolicyRules) > 0},
		{"livenessProbe", ctr.LivenessProbe != nil},
		{"readinessProbe", ctr.ReadinessProbe != nil},
		{"startupProbe", ctr.StartupProbe != nil},
		{"lifecycle", ctr.Lifecycle != nil},
	} {
		if f.set {
			c.forbidden(at.Child(f.name), detail)
		}
	}
	for j := range ctr.VolumeMounts {
		if m := &ctr.VolumeMounts[j]; m.SubPath != "" {
			c.forbidden(at.Child("volumeMounts").Index(j).Child("subPath"), detail)
		} else if m.SubPathExpr != "" {
			c.forbidden(at.Child("volumeMounts").Index(j).Child("subPathExpr"), detail)
		}
	}
}

// containerNames is the set of the names of containers and, if asked, init containers.
func (c *checker) containerNames(withInit bool) *names {
	n := &names{}
	for i := range c.spec.Containers {
		n.add(c.spec.Containers[i].Name)
	}
	for i := range c.spec.InitContainers {
		if withInit {
			n.add(c.spec.InitContainers[i].Name)
		}
	}
	return n
}

// container checks what all sorts of containers have in common.
func (c *checker) container(ctr *corev1.Container, at *field.Path) {
	if c.notEmpty(at, "name", ctr.Name) {
		c.label(at, "name", ctr.Name)
	}
	c.notEmpty(at, "image", ctr.Image)
	requiredOneOf(c, at, "terminationMessagePolicy", ctr.TerminationMessagePolicy,
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)
	c.ports(ctr.Ports, at)
	c.env(ctr.Env, at)
	c.envFrom(ctr.EnvFrom, at)
	c.mounts(ctr, at)
	c.devices(ctr, at)
	requiredOneOf(c, at, "imagePullPolicy", ctr.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
	c.resources(&ctr.Resources, at)
	c.resizePolicy(ctr.ResizePolicy, at)
	c.containerSecurity(ctr.SecurityContext, at)
}

func (c *checker) containerRestart(ctr *corev1.Container, at *field.Path) {
	if p := ctr.RestartPolicy; p != nil {
		oneOf(c, at, "restartPolicy", *p,
			corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)
	}
	if len(ctr.RestartPolicyRules) == 0 {
		return
	}
	if ctr.RestartPolicy == nil {
		c.required(at.Child("restartPolicy"), "must specify restartPolicy when restart rules are used")
	}
	rules := at.Child("restartPolicyRules")
	if n := len(ctr.RestartPolicyRules); n > maxRestartRules {
		c.add(field.TooMany(rules, n, maxRestartRules))
	}
	for i, r := range ctr.RestartPolicyRules {
		rule := rules.Index(i)
		oneOf(c, rule, "action", r.Action, corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)
		if r.ExitCodes == nil {
			c.required(rule.Child("exitCodes"), "must be specified")
			continue
		}
		codes := rule.Child("exitCodes")
		oneOf(c, codes, "operator", r.ExitCodes.Operator,
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)
		if n := len(r.ExitCodes.Values); n > maxExitCodes {
			c.add(field.TooMany(codes.Child("values"), n, maxExitCodes))
		}
	}
}

const (
	maxRestartRules = 20
	maxExitCodes    = 255
)

func (c *checker) ports(ports []corev1.ContainerPort, at *field.Path) {
	if len(ports) == 0 {
		return
	}
	var taken names
	path := at.Child("ports")
	for i := range ports {
		p, at := &ports[i], path.Index(i)
		if p.Name != "" {
			if msgs := validation.IsValidPortName(p.Name); len(msgs) > 0 {
				c.messages(at.Child("name"), p.Name, msgs)
			} else if !taken.add(p.Name) {
				c.add(field.Duplicate(at.Child("name"), p.Name))
			}
		}
		if p.ContainerPort == 0 {
			c.required(at.Child("containerPort"), "")
		} else {
			c.portNumber(at, "containerPort", p.ContainerPort)
		}
		if p.HostPort != 0 {
			c.portNumber(at, "hostPort", p.HostPort)
		}
		requiredOneOf(c, at, "protocol", p.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
	}
}

func (c *checker) portNumber(at *field.Path, name string, n int32) {
	if n < 1 || n > 65535 {
		c.messages(at.Child(name), n, validation.IsValidPortNum(int(n)))
	}
}

// samePorts: a container in the node's network listens where it listens.
func (c *checker) samePorts(ports []corev1.ContainerPort, at *field.Path) {
	for i := range ports {
		if p := &ports[i]; p.HostPort != p.ContainerPort && (c.pod || p.HostPort != 0) {
			c.invalid(at.Child("ports").Index(i).Child("hostPort"), p.HostPort, "must match `containerPort` when `hostNetwork` is true")
		}
	}
}

// hostPortConflicts: two containers cannot have the same port of the node.
func (c *checker) hostPortConflicts(cs []corev1.Container, path *field.Path) {
	var taken names
	for i := range cs {
		for j := range cs[i].Ports {
			p := &cs[i].Ports[j]
			if p.HostPort == 0 {
				continue
			}
			id := string(p.Protocol) + "/" + p.HostIP + "/" + strconv.Itoa(int(p.HostPort))
			if !taken.add(id) {
				c.add(field.Duplicate(path.Index(i).Child("ports").Index(j).Child("hostPort"), id))
			}
		}
	}
}

func (c *checker) resizePolicy(policies []corev1.ContainerResizePolicy, at *field.Path) {
	var taken names
	for i, p := range policies {
		path := at.Child("resizePolicy")
		if !taken.add(string(p.ResourceName)) {
			c.add(field.Duplicate(path.Index(i), p.ResourceName))
		}
		requiredOneOf(c, at, "resizePolicy", p.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)
		requiredOneOf(c, at, "resizePolicy", p.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)
		if c.spec.RestartPolicy == corev1.RestartPolicyNever && p.RestartPolicy != corev1.NotRequired {
			c.invalid(path, p.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'")
		}
	}
}
