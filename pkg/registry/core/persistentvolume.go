package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// PersistentVolumes is the PersistentVolume kind.
func PersistentVolumes() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.PersistentVolume]{
		Version: "v1", Kind: "PersistentVolume",
		Resource: "persistentvolumes", ShortNames: []string{"pv"},
		Fields: []registry.Field[*corev1.PersistentVolume]{
			{Name: "name", Get: func(v *corev1.PersistentVolume) string { return v.Name }},
		},
		Columns:        persistentVolumeColumns(),
		Cells:          persistentVolumeCells,
		Default:        defaultPersistentVolume,
		Prepare:        preparePersistentVolume,
		Validate:       validatePersistentVolume,
		ValidateUpdate: validatePersistentVolumeUpdate,
		Warnings:       persistentVolumeWarnings,
		Status:         func(v *corev1.PersistentVolume) any { return &v.Status },
		PrepareStatus:  preparePersistentVolumeStatus,
		ReturnDeleted:  true,
	})
}

func persistentVolumeColumns() []registry.Column {
	spec, status := corev1.PersistentVolumeSpec{}.SwaggerDoc(), corev1.PersistentVolumeStatus{}.SwaggerDoc()
	return []registry.Column{columns.Name(),
		columns.Text("Capacity", spec["capacity"]),
		columns.Text("Access Modes", spec["accessModes"]),
		columns.Text("Reclaim Policy", spec["persistentVolumeReclaimPolicy"]),
		columns.Text("Status", status["phase"]),
		columns.Text("Claim", spec["claimRef"]),
		columns.Text("StorageClass", "StorageClass of the pv"),
		columns.Text("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
		columns.Text("Reason", status["reason"]),
		columns.Age(),
		columns.Wide(columns.Text("VolumeMode", spec["volumeMode"])),
	}
}

func persistentVolumeCells(v *corev1.PersistentVolume) []any {
	claim := ""
	if ref := v.Spec.ClaimRef; ref != nil {
		claim = ref.Namespace + "/" + ref.Name
	}
	phase := string(v.Status.Phase)
	if v.DeletionTimestamp != nil {
		phase = "Terminating"
	}
	capacity := v.Spec.Capacity[corev1.ResourceStorage]
	return []any{v.Name, capacity.String(), columns.AccessModes(v.Spec.AccessModes), string(v.Spec.PersistentVolumeReclaimPolicy),
		phase, claim, storageClass(v.Annotations, &v.Spec.StorageClassName), orUnset(v.Spec.VolumeAttributesClassName),
		v.Status.Reason, columns.Created(v), orUnset(v.Spec.VolumeMode)}
}

// storageClass is the name of a volume's or claim's class; the annotation is
// older than the field and wins.
func storageClass(annotations map[string]string, class *string) string {
	if old, ok := annotations[corev1.BetaStorageClassAnnotation]; ok {
		return old
	}
	if class == nil {
		return ""
	}
	return *class
}

func orUnset[T ~string](p *T) string {
	if p == nil {
		return columns.Unset
	}
	return string(*p)
}

func defaultPersistentVolume(v *corev1.PersistentVolume) {
	if v.Status.Phase == "" {
		v.Status.Phase = corev1.VolumePending
	}
	if v.Spec.PersistentVolumeReclaimPolicy == "" {
		v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	}
	setDefault(&v.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	defaultVolumeSource(&v.Spec.PersistentVolumeSource)
}

func defaultVolumeSource(s *corev1.PersistentVolumeSource) {
	if s.HostPath != nil {
		setDefault(&s.HostPath.Type, corev1.HostPathUnset)
	}
	if s.ISCSI != nil {
		setEmpty(&s.ISCSI.ISCSIInterface, "default")
	}
	if s.RBD != nil {
		setEmpty(&s.RBD.RBDPool, "rbd")
		setEmpty(&s.RBD.RadosUser, "admin")
		setEmpty(&s.RBD.Keyring, "/etc/ceph/keyring")
	}
	if d := s.AzureDisk; d != nil {
		setDefault(&d.CachingMode, corev1.AzureDataDiskCachingReadWrite)
		setDefault(&d.Kind, corev1.AzureSharedBlobDisk)
		setDefault(&d.FSType, "ext4")
		setDefault(&d.ReadOnly, false)
	}
	if s.ScaleIO != nil {
		setEmpty(&s.ScaleIO.StorageMode, "ThinProvisioned")
		setEmpty(&s.ScaleIO.FSType, "xfs")
	}
}

// setDefault sets *p to a pointer to value if it is nil.
func setDefault[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

// setEmpty sets *p to value if it is empty.
func setEmpty(p *string, value string) {
	if *p == "" {
		*p = value
	}
}

func preparePersistentVolume(r *registry.Request, v *corev1.PersistentVolume) {
	now := r.Now
	v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending, LastPhaseTransitionTime: &now}
}

// preparePersistentVolumeStatus notes when the phase changed.
func preparePersistentVolumeStatus(r *registry.Request, v, old *corev1.PersistentVolume) {
	given := v.Status.LastPhaseTransitionTime
	switch {
	case v.Status.Phase == old.Status.Phase && given == nil:
		v.Status.LastPhaseTransitionTime = old.Status.LastPhaseTransitionTime
	case v.Status.Phase != old.Status.Phase && (given == nil || given.Equal(old.Status.LastPhaseTransitionTime)):
		now := r.Now
		v.Status.LastPhaseTransitionTime = &now
	}
}

func persistentVolumeWarnings(v *corev1.PersistentVolume) (warnings []string) {
	if _, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		warnings = append(warnings, "metadata.annotations["+corev1.BetaStorageClassAnnotation+
			`]: deprecated since v1.8; use "storageClassName" attribute instead`)
	}
	if _, ok := v.Annotations[corev1.MountOptionAnnotation]; ok {
		warnings = append(warnings, "metadata.annotations["+corev1.MountOptionAnnotation+
			`]: deprecated since v1.31; use "mountOptions" attribute instead`)
	}
	if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		warnings = append(warnings, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "+
			"Instead, the recommended approach is to use dynamic provisioning.")
	}
	return warnings
}
