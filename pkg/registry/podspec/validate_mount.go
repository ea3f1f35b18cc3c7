package podspec

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *checker) mounts(ctr *corev1.Container, at *field.Path) {
	if len(ctr.VolumeMounts) == 0 {
		return
	}
	var taken, devices, devicePaths names
	for i := range ctr.VolumeDevices {
		devices.add(ctr.VolumeDevices[i].Name)
		devicePaths.add(ctr.VolumeDevices[i].DevicePath)
	}
	list := at.Child("volumeMounts")
	for i := range ctr.VolumeMounts {
		m, at := &ctr.VolumeMounts[i], list.Index(i)
		c.notEmpty(at, "name", m.Name)
		if c.volumes[m.Name] == nil {
			c.add(field.NotFound(at.Child("name"), m.Name))
		}
		c.notEmpty(at, "mountPath", m.MountPath)
		if !taken.add(m.MountPath) {
			c.invalid(at.Child("mountPath"), m.MountPath, "must be unique")
		}
		if devices.has(m.Name) {
			c.invalid(at.Child("name"), m.Name, "must not already exist in volumeDevices")
		}
		if devicePaths.has(m.MountPath) {
			c.invalid(at.Child("mountPath"), m.MountPath, "must not already exist as a path in volumeDevices")
		}
		// From here on messages name the list, not the mount.
		if m.SubPath != "" {
			c.descending(list.Child("subPath"), m.SubPath)
		}
		if m.SubPathExpr != "" {
			if m.SubPath != "" {
				c.invalid(at.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive")
			}
			c.descending(list.Child("subPathExpr"), m.SubPathExpr)
		}
		c.propagation(ctr, m, list)
		c.recursiveReadOnly(m, list)
	}
}

func (c *checker) propagation(ctr *corev1.Container, m *corev1.VolumeMount, list *field.Path) {
	p := m.MountPropagation
	if p == nil {
		return
	}
	oneOf(c, list, "mountPropagation", *p,
		corev1.MountPropagationBidirectional, corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)
	if *p == corev1.MountPropagationBidirectional && !isPrivileged(ctr) {
		c.forbidden(list.Child("mountPropagation"), "Bidirectional mount propagation is available only to privileged containers")
	}
}

func isPrivileged(ctr *corev1.Container) bool {
	s := ctr.SecurityContext
	return s != nil && s.Privileged != nil && *s.Privileged
}

func (c *checker) recursiveReadOnly(m *corev1.VolumeMount, list *field.Path) {
	r := m.RecursiveReadOnly
	if r == nil || *r == corev1.RecursiveReadOnlyDisabled {
		return
	}
	at := list.Child("recursiveReadOnly")
	if *r != corev1.RecursiveReadOnlyEnabled && *r != corev1.RecursiveReadOnlyIfPossible {
		oneOf(c, list, "recursiveReadOnly", *r,
			corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyEnabled, corev1.RecursiveReadOnlyIfPossible)
		return
	}
	if !m.ReadOnly {
		c.forbidden(at, "may only be specified when readOnly is true")
	}
	if m.MountPropagation != nil && *m.MountPropagation != corev1.MountPropagationNone {
		c.forbidden(at, "may only be specified when mountPropagation is None or not specified")
	}
}

// devices: volumes that a container sees as block devices.
func (c *checker) devices(ctr *corev1.Container, at *field.Path) {
	if len(ctr.VolumeDevices) == 0 {
		return
	}
	var taken, paths, mounts, mountPaths names
	for i := range ctr.VolumeMounts {
		mounts.add(ctr.VolumeMounts[i].Name)
		mountPaths.add(ctr.VolumeMounts[i].MountPath)
	}
	list := at.Child("volumeDevices")
	for i := range ctr.VolumeDevices {
		d, at := &ctr.VolumeDevices[i], list.Index(i)
		v := c.volumes[d.Name]
		c.notEmpty(at, "name", d.Name)
		if taken.has(d.Name) {
			c.invalid(at.Child("name"), d.Name, "must be unique")
		}
		switch {
		case v == nil:
			c.add(field.NotFound(at.Child("name"), d.Name))
		case v.PersistentVolumeClaim == nil && v.Ephemeral == nil:
			c.invalid(at.Child("name"), d.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode")
		}
		c.notEmpty(at, "devicePath", d.DevicePath)
		if paths.has(d.DevicePath) {
			c.invalid(at.Child("devicePath"), d.DevicePath, "must be unique")
		}
		if hasBackstep(d.DevicePath) {
			c.invalid(at.Child("devicePath"), d.DevicePath, "can not contain backsteps ('..')")
		} else {
			paths.add(d.DevicePath)
		}
		if mounts.has(d.Name) {
			c.invalid(at.Child("name"), d.Name, "must not already exist in volumeMounts")
		}
		if mountPaths.has(d.DevicePath) {
			c.invalid(at.Child("devicePath"), d.DevicePath, "must not already exist as a path in volumeMounts")
		}
		if d.Name != "" {
			taken.add(d.Name)
		}
	}
}

func hasBackstep(p string) bool {
	return strings.Contains(p, "..") && slices.Contains(strings.Split(p, "/"), "..")
}

// noBacksteps refuses paths that lead upwards.
func (c *checker) noBacksteps(at *field.Path, p string) {
	if hasBackstep(p) {
		c.invalid(at, p, "must not contain '..'")
	}
}

// descending checks a path that stays below where it starts.
func (c *checker) descending(at *field.Path, p string) {
	if path.IsAbs(p) {
		c.invalid(at, p, "must be a relative path")
	}
	c.noBacksteps(at, p)
}

// localPath checks the path of a file that the kubelet writes, which keeps names
// that start with ".." for itself.
func (c *checker) localPath(at *field.Path, p string) {
	c.descending(at, p)
	if strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../") {
		c.invalid(at, p, "must not start with '..'")
	}
}
