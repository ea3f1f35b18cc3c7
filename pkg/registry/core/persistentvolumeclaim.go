package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// PersistentVolumeClaims is the PersistentVolumeClaim kind.
func PersistentVolumeClaims() *registry.Resource {
	type pvc = corev1.PersistentVolumeClaim
	return registry.Define(registry.Kind[*pvc]{
		Version: "v1", Kind: "PersistentVolumeClaim",
		Resource: "persistentvolumeclaims", ShortNames: []string{"pvc"}, Namespaced: true,
		Fields:         []registry.Field[*pvc]{{Name: "name", Get: func(c *pvc) string { return c.Name }}},
		Columns:        persistentVolumeClaimColumns(),
		Cells:          persistentVolumeClaimCells,
		Default:        defaultPersistentVolumeClaim,
		Prepare:        preparePersistentVolumeClaim,
		PrepareUpdate:  preparePersistentVolumeClaimUpdate,
		Validate:       validatePersistentVolumeClaim,
		ValidateUpdate: validatePersistentVolumeClaimUpdate,
		Warnings:       persistentVolumeClaimWarnings,
		Status:         func(c *pvc) any { return &c.Status },
		ValidateStatus: validatePersistentVolumeClaimStatus,
		ReturnDeleted:  true,
	})
}

func persistentVolumeClaimColumns() []registry.Column {
	spec, status := corev1.PersistentVolumeClaimSpec{}.SwaggerDoc(), corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()
	return []registry.Column{columns.Name(),
		columns.Text("Status", status["phase"]),
		columns.Text("Volume", spec["volumeName"]),
		columns.Text("Capacity", status["capacity"]),
		columns.Text("Access Modes", status["accessModes"]),
		columns.Text("StorageClass", "StorageClass of the pvc"),
		columns.Text("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
		columns.Age(),
		columns.Wide(columns.Text("VolumeMode", spec["volumeMode"])),
	}
}

func persistentVolumeClaimCells(c *corev1.PersistentVolumeClaim) []any {
	phase := string(c.Status.Phase)
	if c.DeletionTimestamp != nil {
		phase = "Terminating"
	}
	capacity, modes := "", ""
	if c.Spec.VolumeName != "" {
		storage := c.Status.Capacity[corev1.ResourceStorage]
		capacity, modes = storage.String(), columns.AccessModes(c.Status.AccessModes)
	}
	return []any{c.Name, phase, c.Spec.VolumeName, capacity, modes, storageClass(c.Annotations, c.Spec.StorageClassName),
		orUnset(c.Spec.VolumeAttributesClassName), columns.Created(c), orUnset(c.Spec.VolumeMode)}
}

func defaultPersistentVolumeClaim(c *corev1.PersistentVolumeClaim) {
	if c.Status.Phase == "" {
		c.Status.Phase = corev1.ClaimPending
	}
	setDefault(&c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
}

func preparePersistentVolumeClaim(_ *registry.Request, c *corev1.PersistentVolumeClaim) {
	c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	dropForeignSource(&c.Spec)
	normalizeSources(&c.Spec)
}

func preparePersistentVolumeClaimUpdate(_ *registry.Request, c, old *corev1.PersistentVolumeClaim) {
	if old.Spec.DataSource == nil && old.Spec.DataSourceRef == nil {
		dropForeignSource(&c.Spec)
	}
	normalizeSources(&c.Spec)
}

// dropForeignSource drops what dataSource never took: anything but a claim or a
// snapshot, which is what dataSourceRef is for. A source in another namespace is
// not served.
func dropForeignSource(s *corev1.PersistentVolumeClaimSpec) {
	if d := s.DataSource; d != nil && !isClaimOrSnapshot(d) {
		s.DataSource = nil
	}
	if s.DataSourceRef != nil {
		s.DataSourceRef.Namespace = nil
	}
}

func isClaimOrSnapshot(d *corev1.TypedLocalObjectReference) bool {
	if d.APIGroup == nil || *d.APIGroup == "" {
		return d.Kind == "PersistentVolumeClaim"
	}
	return *d.APIGroup == "snapshot.storage.k8s.io" && d.Kind == "VolumeSnapshot"
}

// normalizeSources makes dataSource and dataSourceRef say the same when only one
// was given.
func normalizeSources(s *corev1.PersistentVolumeClaimSpec) {
	switch d, ref := s.DataSource, s.DataSourceRef; {
	case d != nil && ref == nil:
		c := d.DeepCopy()
		s.DataSourceRef = &corev1.TypedObjectReference{APIGroup: c.APIGroup, Kind: c.Kind, Name: c.Name}
	case ref != nil && d == nil && (ref.Namespace == nil || *ref.Namespace == ""):
		c := ref.DeepCopy()
		s.DataSource = &corev1.TypedLocalObjectReference{APIGroup: c.APIGroup, Kind: c.Kind, Name: c.Name}
	}
}

func persistentVolumeClaimWarnings(c *corev1.PersistentVolumeClaim) []string {
	if _, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; !ok {
		return nil
	}
	return []string{"metadata.annotations[" + corev1.BetaStorageClassAnnotation +
		`]: deprecated since v1.8; use "storageClassName" attribute instead`}
}
