package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// handlers checks what runs besides a container's own process.
func (c *checker) handlers(ctr *corev1.Container, at *field.Path) {
	if l := ctr.Lifecycle; l != nil {
		path := at.Child("lifecycle")
		if l.PostStart != nil {
			c.handler(lifecycleHandler(l.PostStart), path.Child("postStart"))
		}
		if l.PreStop != nil {
			c.handler(lifecycleHandler(l.PreStop), path.Child("preStop"))
		}
	}
	if p := ctr.LivenessProbe; p != nil {
		c.probe(p, at.Child("livenessProbe"))
		c.successOnce(p, at.Child("livenessProbe"))
	}
	if p := ctr.ReadinessProbe; p != nil {
		path := at.Child("readinessProbe")
		c.probe(p, path)
		if p.TerminationGracePeriodSeconds != nil {
			c.invalid(path.Child("terminationGracePeriodSeconds"), *p.TerminationGracePeriodSeconds, "must not be set for readinessProbes")
		}
	}
	if p := ctr.StartupProbe; p != nil {
		c.probe(p, at.Child("startupProbe"))
		c.successOnce(p, at.Child("startupProbe"))
	}
}

func (c *checker) successOnce(p *corev1.Probe, path *field.Path) {
	if p.SuccessThreshold != 1 {
		c.invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1")
	}
}

func (c *checker) probe(p *corev1.Probe, path *field.Path) {
	c.handler(handler{exec: p.Exec, http: p.HTTPGet, tcp: p.TCPSocket, grpc: p.GRPC}, path)
	c.notNegative(path, "initialDelaySeconds", int64(p.InitialDelaySeconds))
	c.notNegative(path, "timeoutSeconds", int64(p.TimeoutSeconds))
	c.notNegative(path, "periodSeconds", int64(p.PeriodSeconds))
	c.notNegative(path, "successThreshold", int64(p.SuccessThreshold))
	c.notNegative(path, "failureThreshold", int64(p.FailureThreshold))
	if t := p.TerminationGracePeriodSeconds; t != nil && *t <= 0 {
		c.invalid(path.Child("terminationGracePeriodSeconds"), *t, "must be greater than 0")
	}
}

// handler is what probes and lifecycle hooks have in common.
type handler struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func lifecycleHandler(h *corev1.LifecycleHandler) handler {
	return handler{exec: h.Exec, http: h.HTTPGet, tcp: h.TCPSocket, sleep: h.Sleep}
}

// handler checks that there is exactly one, and that it makes sense.
func (c *checker) handler(h handler, path *field.Path) {
	n := 0
	first := func(name string) bool {
		if n++; n > 1 {
			c.forbidden(path.Child(name), "may not specify more than 1 handler type")
		}
		return n == 1
	}
	if h.exec != nil && first("exec") && len(h.exec.Command) == 0 {
		c.required(path.Child("exec", "command"), "")
	}
	if h.http != nil && first("httpGet") {
		c.httpGet(h.http, path.Child("httpGet"))
	}
	if h.tcp != nil && first("tcpSocket") {
		c.portOrName(h.tcp.Port, path.Child("tcpSocket"))
	}
	if h.grpc != nil && first("grpc") {
		c.portOrName(intstr.FromInt32(h.grpc.Port), path.Child("grpc"))
	}
	if h.sleep != nil && first("sleep") {
		c.sleep(h.sleep, path.Child("sleep"))
	}
	if n == 0 {
		c.required(path, "must specify a handler type")
	}
}

func (c *checker) httpGet(h *corev1.HTTPGetAction, path *field.Path) {
	c.notEmpty(path, "path", h.Path)
	c.portOrName(h.Port, path)
	oneOf(c, path, "scheme", h.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)
	for _, header := range h.HTTPHeaders {
		c.messages(path.Child("httpHeaders"), header.Name, validation.IsHTTPHeaderName(header.Name))
	}
}

// portOrName checks the port below path.
func (c *checker) portOrName(port intstr.IntOrString, path *field.Path) {
	switch port.Type {
	case intstr.Int:
		if port.IntVal < 1 || port.IntVal > 65535 {
			c.messages(path.Child("port"), int(port.IntVal), validation.IsValidPortNum(int(port.IntVal)))
		}
	case intstr.String:
		c.messages(path.Child("port"), port.StrVal, validation.IsValidPortName(port.StrVal))
	default:
		c.add(field.InternalError(path.Child("port"), fmt.Errorf("unknown type: %v", port.Type)))
	}
}

func (c *checker) sleep(s *corev1.SleepAction, path *field.Path) {
	grace := c.spec.TerminationGracePeriodSeconds
	if s.Seconds < 0 || grace != nil && s.Seconds > *grace {
		g := defaultGracePeriod
		if grace != nil {
			g = *grace
		}
		c.invalid(path, s.Seconds, fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", g))
	}
}
