package podspec

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *checker) podSecurity(path *field.Path) {
	s := c.spec.SecurityContext
	if s == nil {
		return
	}
	at := path.Child("securityContext")
	c.id(at, "fsGroup", s.FSGroup)
	c.id(at, "runAsUser", s.RunAsUser)
	c.id(at, "runAsGroup", s.RunAsGroup)
	for i, id := range s.SupplementalGroups {
		c.messages(at.Child("supplementalGroups").Index(i), id, validation.IsValidGroupID(id))
	}
	if p := s.SupplementalGroupsPolicy; p != nil {
		oneOf(c, at, "supplementalGroupsPolicy", *p, corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)
	}
	if share := c.spec.ShareProcessNamespace; share != nil && *share && c.spec.HostPID {
		c.invalid(at.Child("shareProcessNamespace"), *share, "ShareProcessNamespace and HostPID cannot both be enabled")
	}
	c.sysctls(at)
	if p := s.FSGroupChangePolicy; p != nil {
		oneOf(c, at, "fsGroupChangePolicy", *p, corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)
	}
	if p := s.SELinuxChangePolicy; p != nil {
		oneOf(c, at, "seLinuxChangePolicy", *p, corev1.SELinuxChangePolicyMountOption, corev1.SELinuxChangePolicyRecursive)
	}
	c.seccomp(s.SeccompProfile, at)
	c.windowsOptions(s.WindowsOptions, at)
	c.appArmor(s.AppArmorProfile, at)
}

// containerSecurity checks what a container may do on its node.
func (c *checker) containerSecurity(s *corev1.SecurityContext, at *field.Path) {
	if s == nil {
		return
	}
	at = at.Child("securityContext")
	c.id(at, "runAsUser", s.RunAsUser)
	c.id(at, "runAsGroup", s.RunAsGroup)
	if s.ProcMount != nil {
		oneOf(c, at, "procMount", *s.ProcMount, corev1.DefaultProcMount, corev1.UnmaskedProcMount)
		if *s.ProcMount == corev1.UnmaskedProcMount && (c.spec.HostUsers == nil || *c.spec.HostUsers) {
			c.invalid(at.Child("procMount"), *s.ProcMount, "`hostUsers` must be false to use `Unmasked`")
		}
	}
	c.seccomp(s.SeccompProfile, at)
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		if s.Privileged != nil && *s.Privileged {
			c.invalid(at, goNames{s}, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
		}
		if s.Capabilities != nil {
			for _, added := range s.Capabilities.Add {
				if added == "CAP_SYS_ADMIN" {
					c.invalid(at, goNames{s}, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
				}
			}
		}
	}
	c.windowsOptions(s.WindowsOptions, at)
	c.appArmor(s.AppArmorProfile, at)
}

func (c *checker) seccomp(p *corev1.SeccompProfile, at *field.Path) {
	if p == nil {
		return
	}
	at = at.Child("seccompProfile")
	switch p.Type {
	case corev1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile == nil {
			c.required(at.Child("localhostProfile"), "must be set when seccomp type is Localhost")
		} else {
			c.descending(at.Child("localhostProfile"), *p.LocalhostProfile)
		}
		return
	case corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined:
	case "":
		c.required(at.Child("type"), "type is required when seccompProfile is set")
		return
	default:
		oneOf(c, at, "type", p.Type, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)
		return
	}
	if p.LocalhostProfile != nil {
		c.invalid(at.Child("localhostProfile"), goNames{p}, "can only be set when seccomp type is Localhost")
	}
}

// maxProfileName is what the kernel takes as the name of an AppArmor profile.
const maxProfileName = 4095

func (c *checker) appArmor(p *corev1.AppArmorProfile, at *field.Path) {
	if p == nil {
		return
	}
	at = at.Child("appArmorProfile")
	local := at.Child("localhostProfile")
	switch p.Type {
	case corev1.AppArmorProfileTypeLocalhost:
		switch {
		case p.LocalhostProfile == nil:
			c.required(local, "must be set when AppArmor type is Localhost")
		case strings.TrimSpace(*p.LocalhostProfile) != *p.LocalhostProfile:
			c.invalid(local, *p.LocalhostProfile, "must not be padded with whitespace")
		case *p.LocalhostProfile == "":
			c.required(local, "must be set when AppArmor type is Localhost")
		case len(*p.LocalhostProfile) > maxProfileName:
			c.add(field.TooLong(local, *p.LocalhostProfile, maxProfileName))
		}
	case corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined:
		if p.LocalhostProfile != nil {
			c.invalid(local, *p.LocalhostProfile, "can only be set when AppArmor type is Localhost")
		}
	case "":
		c.required(at.Child("type"), "type is required when appArmorProfile is set")
	default:
		oneOf(c, at, "type", p.Type, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)
	}
}

// Limits of sysctl names.
const (
	maxSysctl    = 253
	sysctlFormat = `^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
)

var sysctlRegexp = regexp.MustCompile(sysctlFormat)

func (c *checker) sysctls(at *field.Path) {
	var taken names
	for i, s := range c.spec.SecurityContext.Sysctls {
		at := at.Child("sysctls").Index(i).Child("name")
		switch {
		case s.Name == "":
			c.required(at, "")
			continue
		case len(s.Name) > maxSysctl || !sysctlRegexp.MatchString(s.Name):
			c.invalid(at, s.Name, fmt.Sprintf("must have at most %d characters and match regex %s", maxSysctl, sysctlFormat))
		case !taken.add(s.Name):
			c.add(field.Duplicate(at, s.Name))
		}
		switch of := sysctlNamespace(s.Name); {
		case of == "net" && c.spec.HostNetwork:
			c.invalid(at, s.Name, "may not be specified when 'hostNetwork' is true")
		case of == "ipc" && c.spec.HostIPC:
			c.invalid(at, s.Name, "may not be specified when 'hostIPC' is true")
		}
	}
}

// sysctlNamespace is the kernel namespace that keeps a sysctl apart.
func sysctlNamespace(name string) string {
	name = strings.ReplaceAll(name, "/", ".")
	switch {
	case strings.HasPrefix(name, "net."):
		return "net"
	case name == "kernel.sem", strings.HasPrefix(name, "kernel.shm"), strings.HasPrefix(name, "kernel.msg"), strings.HasPrefix(name, "fs.mqueue."):
		return "ipc"
	}
	return ""
}

func (c *checker) hostUsers(path *field.Path) {
	s := c.spec
	if s.HostUsers == nil || *s.HostUsers {
		return
	}
	// hostPID and hostIPC stand in the messages by the names of Go fields.
	for _, f := range [...]struct {
		name string
		set  bool
	}{{"hostNetwork", s.HostNetwork}, {"HostPID", s.HostPID}, {"HostIPC", s.HostIPC}} {
		if f.set {
			c.forbidden(path.Child(f.name), "when `hostUsers` is false")
		}
	}
	eachContainer(s, path, func(ctr *corev1.Container, at *field.Path) {
		if len(ctr.VolumeDevices) > 0 {
			c.forbidden(at.Child("volumeDevices"), "when `hostUsers` is false, volumeDevices are not allowed")
		}
	})
}
