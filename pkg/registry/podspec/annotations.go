package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Annotations that mean something to the API itself.
const (
	// MirrorAnnotation marks the image of a pod that a node runs by itself.
	MirrorAnnotation = corev1.MirrorPodAnnotationKey

	appArmorPrefix   = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix
	appArmorDefault  = corev1.DeprecatedAppArmorBetaProfileRuntimeDefault
	appArmorNone     = corev1.DeprecatedAppArmorBetaProfileNameUnconfined
	appArmorLocal    = corev1.DeprecatedAppArmorBetaProfileNamePrefix
	seccompPod       = corev1.SeccompPodAnnotationKey
	seccompContainer = corev1.SeccompContainerAnnotationKeyPrefix
)

func (c *checker) podAnnotations(path *field.Path) {
	if v, ok := c.meta.Annotations[MirrorAnnotation]; ok && c.spec.NodeName == "" {
		c.invalid(path.Key(MirrorAnnotation), v, "must set spec.nodeName if mirror pod annotation is set")
	}
	c.appArmorAnnotations(path)
}

// appArmorAnnotations checks the annotations that came before the field
// appArmorProfile: each names a container and a profile.
func (c *checker) appArmorAnnotations(path *field.Path) {
	if !hasPrefix(c.meta.Annotations, appArmorPrefix) {
		return
	}
	for _, k := range sortedKeys(c.meta.Annotations) {
		name, ok := strings.CutPrefix(k, appArmorPrefix)
		if !ok {
			continue
		}
		if !c.hasContainer(name) {
			c.invalid(path.Key(k), name, "container not found")
		}
		if v := c.meta.Annotations[k]; v != "" && appArmorProfile(v) == nil {
			c.invalid(path.Key(k), v, "invalid AppArmor profile name: \""+v+"\"")
		}
	}
}

func hasPrefix(set map[string]string, prefix string) bool {
	for k := range set {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

func (c *checker) hasContainer(name string) bool {
	for i := range c.spec.Containers {
		if c.spec.Containers[i].Name == name {
			return true
		}
	}
	for i := range c.spec.InitContainers {
		if c.spec.InitContainers[i].Name == name {
			return true
		}
	}
	for i := range c.spec.EphemeralContainers {
		if c.spec.EphemeralContainers[i].Name == name {
			return true
		}
	}
	return false
}

// appArmorProfile reads an annotation's value; nil for one that is none.
func appArmorProfile(v string) *corev1.AppArmorProfile {
	switch {
	case v == appArmorDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	case v == appArmorNone:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case strings.HasPrefix(v, appArmorLocal):
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: new(v[len(appArmorLocal):])}
	}
	return nil
}

// appArmorAgree checks that where a container has both the annotation and the
// field they say the same.
func (c *checker) appArmorAgree(path *field.Path) {
	if c.meta == nil || !hasPrefix(c.meta.Annotations, appArmorPrefix) {
		return
	}
	eachContainer(c.spec, path, func(ctr *corev1.Container, at *field.Path) {
		v, ok := c.meta.Annotations[appArmorPrefix+ctr.Name]
		if !ok || ctr.SecurityContext == nil || ctr.SecurityContext.AppArmorProfile == nil {
			return
		}
		have, want := ctr.SecurityContext.AppArmorProfile, appArmorProfile(v)
		at = at.Child("securityContext", "appArmorProfile")
		switch {
		case want == nil:
		case have.Type != want.Type:
			c.forbidden(at.Child("type"), "apparmor type in annotation and field must match")
		case want.LocalhostProfile != nil && (have.LocalhostProfile == nil || *have.LocalhostProfile != *want.LocalhostProfile):
			c.forbidden(at.Child("localhostProfile"), "apparmor profile in annotation and field must match")
		}
	})
}

// AdoptAppArmorAnnotations gives containers that have only the annotation the
// field of the same meaning, as a new pod is read by nodes that know the field alone.
func AdoptAppArmorAnnotations(p *corev1.Pod) {
	if !hasPrefix(p.Annotations, appArmorPrefix) || p.Spec.OS != nil && p.Spec.OS.Name == corev1.Windows {
		return
	}
	eachContainer(&p.Spec, nil, func(ctr *corev1.Container, _ *field.Path) {
		profile := appArmorProfile(p.Annotations[appArmorPrefix+ctr.Name])
		if profile == nil {
			return
		}
		if ctr.SecurityContext == nil {
			ctr.SecurityContext = &corev1.SecurityContext{}
		}
		if ctr.SecurityContext.AppArmorProfile == nil {
			ctr.SecurityContext.AppArmorProfile = profile
		}
	})
}

// eachContainer calls fn for every container of any sort; path may be nil.
func eachContainer(s *corev1.PodSpec, path *field.Path, fn func(*corev1.Container, *field.Path)) {
	at := func(list string, i int) *field.Path {
		if path == nil {
			return nil
		}
		return path.Child(list).Index(i)
	}
	for i := range s.InitContainers {
		fn(&s.InitContainers[i], at("initContainers", i))
	}
	for i := range s.Containers {
		fn(&s.Containers[i], at("containers", i))
	}
	for i := range s.EphemeralContainers {
		fn((*corev1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon), at("ephemeralContainers", i))
	}
}
