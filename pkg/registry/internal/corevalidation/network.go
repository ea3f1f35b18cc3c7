package corevalidation

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Port checks a port number.
func Port(port int32, path *field.Path) field.ErrorList {
	return invalid(path, port, validation.IsValidPortNum(int(port)))
}

// PortNumberOrName checks a port that is a number, or the name of one.
func PortNumberOrName(port intstr.IntOrString, path *field.Path) field.ErrorList {
	if port.Type == intstr.String {
		return invalid(path, port.StrVal, validation.IsValidPortName(port.StrVal))
	}
	return Port(port.IntVal, path)
}

// Protocol checks a required transport protocol.
func Protocol(p corev1.Protocol, path *field.Path) field.ErrorList {
	return RequiredOneOf(p, path, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

// NonSpecialIP checks that an address is one that endpoints may have: not
// unspecified, loopback or link-local.
func NonSpecialIP(ip string, path *field.Path) (errs field.ErrorList) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return field.ErrorList{field.Invalid(path, ip, "must be a valid IP address")}
	}
	addr = addr.Unmap()
	if addr.IsUnspecified() {
		errs = append(errs, field.Invalid(path, ip, "may not be unspecified ("+ip+")"))
	}
	if addr.IsLoopback() {
		errs = append(errs, field.Invalid(path, ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
	}
	if addr.IsLinkLocalUnicast() {
		errs = append(errs, field.Invalid(path, ip, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
	}
	if addr.IsLinkLocalMulticast() {
		errs = append(errs, field.Invalid(path, ip, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))
	}
	return errs
}
