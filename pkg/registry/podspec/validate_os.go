package podspec

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// os checks that a pod which names its operating system asks for nothing that
// the other one has.
func (c *checker) os(path *field.Path) {
	o := c.spec.OS
	if o == nil {
		return
	}
	switch o.Name {
	case "":
		c.required(path.Child("os", "name"), "cannot be empty")
	case corev1.Linux:
		c.linux(path)
	case corev1.Windows:
		c.windows(path)
	default:
		oneOf(c, path, "os", o.Name, corev1.Linux, corev1.Windows)
	}
}

func (c *checker) linux(path *field.Path) {
	const detail = "windows options cannot be set for a linux pod"
	if s := c.spec.SecurityContext; s != nil && s.WindowsOptions != nil {
		c.forbidden(path.Child("securityContext", "windowsOptions"), detail)
	}
	eachContainer(c.spec, path, func(ctr *corev1.Container, at *field.Path) {
		if s := ctr.SecurityContext; s != nil && s.WindowsOptions != nil {
			c.forbidden(at.Child("securityContext", "windowsOptions"), detail)
		}
	})
}

type presence struct {
	path *field.Path
	set  bool
}

func (c *checker) windows(path *field.Path) {
	spec, s := c.spec, c.spec.SecurityContext
	if s == nil {
		s = &corev1.PodSecurityContext{}
	}
	in := path.Child("securityContext")
	c.notOnWindows([]presence{
		{path.Child("hostPID"), spec.HostPID},
		{path.Child("hostIPC"), spec.HostIPC},
		{path.Child("hostUsers"), spec.HostUsers != nil},
		{in.Child("appArmorProfile"), s.AppArmorProfile != nil},
		{in.Child("seLinuxOptions"), s.SELinuxOptions != nil},
		{in.Child("seccompProfile"), s.SeccompProfile != nil},
		{in.Child("fsGroup"), s.FSGroup != nil},
		{in.Child("fsGroupChangePolicy"), s.FSGroupChangePolicy != nil},
		{in.Child("seLinuxChangePolicy"), s.SELinuxChangePolicy != nil},
		{in.Child("sysctls"), len(s.Sysctls) > 0},
		{path.Child("shareProcessNamespace"), spec.ShareProcessNamespace != nil},
		{in.Child("runAsUser"), s.RunAsUser != nil},
		{in.Child("runAsGroup"), s.RunAsGroup != nil},
		{in.Child("supplementalGroups"), s.SupplementalGroups != nil},
		{in.Child("supplementalGroupsPolicy"), s.SupplementalGroupsPolicy != nil},
	})
	eachContainer(spec, path, func(ctr *corev1.Container, at *field.Path) {
		s := ctr.SecurityContext
		if s == nil {
			return
		}
		at = at.Child("securityContext")
		c.notOnWindows([]presence{
			{at.Child("appArmorProfile"), s.AppArmorProfile != nil},
			{at.Child("seLinuxOptions"), s.SELinuxOptions != nil},
			{at.Child("seccompProfile"), s.SeccompProfile != nil},
			{at.Child("capabilities"), s.Capabilities != nil},
			{at.Child("readOnlyRootFilesystem"), s.ReadOnlyRootFilesystem != nil},
			{at.Child("privileged"), s.Privileged != nil},
			{at.Child("allowPrivilegeEscalation"), s.AllowPrivilegeEscalation != nil},
			{at.Child("procMount"), s.ProcMount != nil},
			{at.Child("runAsUser"), s.RunAsUser != nil},
			{at.Child("runAsGroup"), s.RunAsGroup != nil},
		})
	})
}

func (c *checker) notOnWindows(fields []presence) {
	for _, f := range fields {
		if f.set {
			c.forbidden(f.path, "cannot be set for a windows pod")
		}
	}
}

// Limits of Windows' security options.
const (
	maxCredentialSpec = 64 * 1024
	maxUserDomain     = 256
	maxUserName       = 104
)

var controlCharacters = regexp.MustCompile(`[[:cntrl:]]+`)

func (c *checker) windowsOptions(o *corev1.WindowsSecurityContextOptions, at *field.Path) {
	if o == nil {
		return
	}
	at = at.Child("windowsOptions")
	if n := o.GMSACredentialSpecName; n != nil {
		c.messages(at.Child("gmsaCredentialSpecName"), *n, validation.IsDNS1123Subdomain(*n))
	}
	if s := o.GMSACredentialSpec; s != nil {
		switch {
		case *s == "":
			c.invalid(at.Child("gmsaCredentialSpec"), *s, "gmsaCredentialSpec cannot be an empty string")
		case len(*s) > maxCredentialSpec:
			c.invalid(at.Child("gmsaCredentialSpec"), *s, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", maxCredentialSpec/1024))
		}
	}
	if n := o.RunAsUserName; n != nil {
		c.windowsUser(at.Child("runAsUserName"), *n)
	}
}

func (c *checker) windowsUser(at *field.Path, name string) {
	parts := strings.Split(name, `\`)
	switch {
	case name == "":
		c.invalid(at, name, "runAsUserName cannot be an empty string")
		return
	case controlCharacters.MatchString(name):
		c.invalid(at, name, "runAsUserName cannot contain control characters")
		return
	case len(parts) > 2:
		c.invalid(at, name, "runAsUserName cannot contain more than one backslash")
		return
	}
	user := parts[len(parts)-1]
	if len(parts) == 2 {
		if domain := parts[0]; len(domain) >= maxUserDomain {
			c.invalid(at, name, fmt.Sprintf("runAsUserName's Domain length must be under %d characters", maxUserDomain))
		} else if domain == "" {
			c.invalid(at, name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format")
		}
	}
	switch {
	case user == "":
		c.invalid(at, name, "runAsUserName's User cannot be empty")
	case len(user) > maxUserName:
		c.invalid(at, name, fmt.Sprintf("runAsUserName's User length must not be longer than %d characters", maxUserName))
	case strings.Trim(user, ". ") == "":
		c.invalid(at, name, "runAsUserName's User cannot contain only periods or spaces")
	case strings.ContainsAny(user, `"/\[]:;|=,+*?<>@`):
		c.invalid(at, name, "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
	}
}

// hostProcess: containers that run as processes of a Windows node are all or
// none of a pod's, and are in its network.
func (c *checker) hostProcess(path *field.Path) {
	var whole *bool
	if s := c.spec.SecurityContext; s != nil && s.WindowsOptions != nil {
		whole = s.WindowsOptions.HostProcess
	}
	all, host := 0, 0
	eachContainer(c.spec, nil, func(ctr *corev1.Container, _ *field.Path) {
		all++
		own := whole
		if s := ctr.SecurityContext; s != nil && s.WindowsOptions != nil && s.WindowsOptions.HostProcess != nil {
			own = s.WindowsOptions.HostProcess
		}
		if own != nil && *own {
			host++
		}
	})
	if whole != nil {
		eachContainer(c.spec, path, func(ctr *corev1.Container, at *field.Path) {
			s := ctr.SecurityContext
			if s == nil || s.WindowsOptions == nil || s.WindowsOptions.HostProcess == nil || *s.WindowsOptions.HostProcess == *whole {
				return
			}
			c.invalid(at.Child("securityContext", "windowsOptions", "hostProcess"), *s.WindowsOptions.HostProcess,
				fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *whole))
		})
	}
	if host == 0 {
		return
	}
	if all != host {
		c.invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers")
	}
	if !c.spec.HostNetwork {
		c.invalid(path.Child("hostNetwork"), c.spec.HostNetwork, "hostNetwork must be true if pod contains any hostProcess containers")
	}
}
