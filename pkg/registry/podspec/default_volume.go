package podspec

import corev1 "k8s.io/api/core/v1"

func defaultVolume(v *corev1.Volume) {
	s := &v.VolumeSource
	switch {
	case s.ConfigMap != nil:
		defaultModeOf(&s.ConfigMap.DefaultMode)
	case s.Secret != nil:
		defaultModeOf(&s.Secret.DefaultMode)
	case s.DownwardAPI != nil:
		defaultModeOf(&s.DownwardAPI.DefaultMode)
		defaultDownwardItems(s.DownwardAPI.Items)
	case s.Projected != nil:
		defaultProjected(s.Projected)
	case s.HostPath != nil:
		if s.HostPath.Type == nil {
			s.HostPath.Type = new(corev1.HostPathUnset)
		}
	case s.Image != nil:
		if s.Image.PullPolicy == "" {
			s.Image.PullPolicy = pullPolicy(s.Image.Reference)
		}
	case s.Ephemeral != nil:
		if t := s.Ephemeral.VolumeClaimTemplate; t != nil {
			if t.Spec.VolumeMode == nil {
				t.Spec.VolumeMode = new(corev1.PersistentVolumeFilesystem)
			}
			roundUp(t.Spec.Resources.Limits)
			roundUp(t.Spec.Resources.Requests)
		}
	case s.ISCSI != nil:
		setDefault(&s.ISCSI.ISCSIInterface, "default")
	case s.RBD != nil:
		setDefault(&s.RBD.RBDPool, "rbd")
		setDefault(&s.RBD.RadosUser, "admin")
		setDefault(&s.RBD.Keyring, "/etc/ceph/keyring")
	case s.AzureDisk != nil:
		defaultAzureDisk(s.AzureDisk)
	case s.ScaleIO != nil:
		setDefault(&s.ScaleIO.StorageMode, "ThinProvisioned")
		setDefault(&s.ScaleIO.FSType, "xfs")
	case *s == corev1.VolumeSource{}:
		s.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
}

func defaultProjected(p *corev1.ProjectedVolumeSource) {
	defaultModeOf(&p.DefaultMode)
	for i := range p.Sources {
		s := &p.Sources[i]
		if s.DownwardAPI != nil {
			defaultDownwardItems(s.DownwardAPI.Items)
		}
		if t := s.ServiceAccountToken; t != nil && t.ExpirationSeconds == nil {
			t.ExpirationSeconds = new(defaultTokenExpiration)
		}
	}
}

func defaultDownwardItems(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		defaultFieldRef(items[i].FieldRef)
	}
}

func defaultAzureDisk(d *corev1.AzureDiskVolumeSource) {
	if d.CachingMode == nil {
		d.CachingMode = new(corev1.AzureDataDiskCachingReadWrite)
	}
	if d.Kind == nil {
		d.Kind = new(corev1.AzureSharedBlobDisk)
	}
	if d.FSType == nil {
		d.FSType = new("ext4")
	}
	if d.ReadOnly == nil {
		d.ReadOnly = new(false)
	}
}

func defaultModeOf(mode **int32) {
	if *mode == nil {
		*mode = new(defaultMode)
	}
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
