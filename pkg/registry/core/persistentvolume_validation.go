package core

import (
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// maxDriverName is how long the name of a CSI driver may be.
const maxDriverName = 63

func validatePersistentVolume(v *corev1.PersistentVolume) (errs field.ErrorList) {
	s, spec := &v.Spec, field.NewPath("spec")
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(spec.Child("accessModes"), ""))
	}
	errs = append(errs, corevalidation.AccessModes(s.AccessModes, spec.Child("accessModes"))...)
	errs = append(errs, volumeCapacity(s.Capacity, spec.Child("capacity"))...)
	if p := s.PersistentVolumeReclaimPolicy; p != "" {
		errs = append(errs, corevalidation.OneOf(p, spec.Child("persistentVolumeReclaimPolicy"),
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	}
	if s.NodeAffinity != nil {
		errs = append(errs, volumeAffinity(s.NodeAffinity, spec.Child("nodeAffinity"))...)
	}
	errs = append(errs, volumeSource(s, spec)...)
	if s.HostPath != nil && path.Clean(s.HostPath.Path) == "/" && s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(spec.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		errs = append(errs, corevalidation.DNSSubdomain(s.StorageClassName, spec.Child("storageClassName"))...)
	}
	errs = append(errs, volumeMode(s.VolumeMode, spec.Child("volumeMode"))...)
	if c := s.VolumeAttributesClassName; c != nil {
		at := spec.Child("volumeAttributesClassName")
		if *c == "" {
			errs = append(errs, field.Required(at, "an empty string is disallowed"))
		} else {
			errs = append(errs, corevalidation.DNSSubdomain(*c, at)...)
		}
		if s.CSI == nil {
			errs = append(errs, field.Required(spec.Child("csi"), "has to be specified when using volumeAttributesClassName"))
		}
	}
	return errs
}

// volumeCapacity: storage and nothing else.
func volumeCapacity(list corev1.ResourceList, path *field.Path) (errs field.ErrorList) {
	if len(list) == 0 {
		errs = append(errs, field.Required(path, ""))
	}
	if _, ok := list[corev1.ResourceStorage]; !ok || len(list) > 1 {
		errs = append(errs, field.NotSupported(path, list, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		errs = append(errs, corevalidation.PositiveQuantity(list[name], path.Key(string(name)))...)
	}
	return errs
}

func volumeMode(m *corev1.PersistentVolumeMode, path *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	return corevalidation.OneOf(*m, path, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)
}

func volumeAffinity(a *corev1.VolumeNodeAffinity, path *field.Path) field.ErrorList {
	if a.Required == nil {
		return field.ErrorList{field.Required(path.Child("required"), "must specify required node constraints")}
	}
	return corevalidation.NodeSelector(a.Required, path.Child("required"))
}

// volumeSource checks that there is exactly one source, and what it needs.
func volumeSource(s *corev1.PersistentVolumeSpec, spec *field.Path) (errs field.ErrorList) {
	source := reflect.ValueOf(s.PersistentVolumeSource)
	found := false
	for i := range source.NumField() {
		if source.Field(i).IsNil() {
			continue
		}
		name, _, _ := strings.Cut(source.Type().Field(i).Tag.Get("json"), ",")
		if found {
			errs = append(errs, field.Forbidden(spec.Child(name), "may not specify more than 1 volume type"))
			continue
		}
		found = true
		errs = append(errs, sourceFields(s, spec.Child(name))...)
	}
	if !found {
		errs = append(errs, field.Required(spec, "must specify a volume type"))
	}
	if s.Local != nil && s.NodeAffinity == nil {
		errs = append(errs, field.Required(spec.Child("nodeAffinity"), "Local volume requires node affinity"))
	}
	return errs
}

// sourceFields checks the fields of the source, which stands at path.
func sourceFields(s *corev1.PersistentVolumeSpec, path *field.Path) (errs field.ErrorList) {
	required := func(value, child string) {
		if value == "" {
			errs = append(errs, field.Required(path.Child(child), ""))
		}
	}
	switch {
	case s.HostPath != nil:
		required(s.HostPath.Path, "path")
		errs = append(errs, noBackSteps(s.HostPath.Path, path.Child("path"))...)
		errs = append(errs, hostPathType(s.HostPath.Type, path.Child("type"))...)
	case s.Local != nil:
		required(s.Local.Path, "path")
		errs = append(errs, noBackSteps(s.Local.Path, path.Child("path"))...)
	case s.NFS != nil:
		required(s.NFS.Server, "server")
		required(s.NFS.Path, "path")
		if s.NFS.Path != "" && !strings.HasPrefix(s.NFS.Path, "/") {
			errs = append(errs, field.Invalid(path.Child("path"), s.NFS.Path, "must be an absolute path"))
		}
	case s.CSI != nil:
		errs = append(errs, csiSource(s.CSI, path)...)
	case s.GCEPersistentDisk != nil:
		required(s.GCEPersistentDisk.PDName, "pdName")
	case s.AWSElasticBlockStore != nil:
		required(s.AWSElasticBlockStore.VolumeID, "volumeID")
	case s.Cinder != nil:
		required(s.Cinder.VolumeID, "volumeID")
	case s.Glusterfs != nil:
		required(s.Glusterfs.EndpointsName, "endpoints")
		required(s.Glusterfs.Path, "path")
	case s.RBD != nil:
		if len(s.RBD.CephMonitors) == 0 {
			errs = append(errs, field.Required(path.Child("monitors"), ""))
		}
		required(s.RBD.RBDImage, "image")
	case s.CephFS != nil:
		if len(s.CephFS.Monitors) == 0 {
			errs = append(errs, field.Required(path.Child("monitors"), ""))
		}
	case s.ISCSI != nil:
		required(s.ISCSI.TargetPortal, "targetPortal")
		required(s.ISCSI.IQN, "iqn")
	case s.FlexVolume != nil:
		required(s.FlexVolume.Driver, "driver")
	case s.Flocker != nil:
		required(s.Flocker.DatasetName+s.Flocker.DatasetUUID, "datasetName")
	case s.AzureFile != nil:
		required(s.AzureFile.SecretName, "secretName")
		required(s.AzureFile.ShareName, "shareName")
	case s.AzureDisk != nil:
		required(s.AzureDisk.DiskName, "diskName")
		required(s.AzureDisk.DataDiskURI, "diskURI")
	case s.VsphereVolume != nil:
		required(s.VsphereVolume.VolumePath, "volumePath")
	case s.PhotonPersistentDisk != nil:
		required(s.PhotonPersistentDisk.PdID, "pdID")
	case s.PortworxVolume != nil:
		required(s.PortworxVolume.VolumeID, "volumeID")
	case s.ScaleIO != nil:
		required(s.ScaleIO.Gateway, "gateway")
		required(s.ScaleIO.System, "system")
		required(s.ScaleIO.VolumeName, "volumeName")
	case s.StorageOS != nil:
		required(s.StorageOS.VolumeName, "volumeName")
	case s.Quobyte != nil:
		required(s.Quobyte.Registry, "registry")
		required(s.Quobyte.Volume, "volume")
	}
	return errs
}

func noBackSteps(p string, path *field.Path) field.ErrorList {
	if !slices.Contains(strings.Split(p, "/"), "..") {
		return nil
	}
	return field.ErrorList{field.Invalid(path, p, "must not contain '..'")}
}

func hostPathType(t *corev1.HostPathType, path *field.Path) field.ErrorList {
	if t == nil {
		return nil
	}
	return corevalidation.OneOf(*t, path, corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev,
		corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate,
		corev1.HostPathSocket)
}

func csiSource(c *corev1.CSIPersistentVolumeSource, path *field.Path) (errs field.ErrorList) {
	driver := path.Child("driver")
	switch {
	case c.Driver == "":
		errs = append(errs, field.Required(driver, ""))
	case len(c.Driver) > maxDriverName:
		errs = append(errs, field.TooLong(driver, "", maxDriverName))
	}
	if c.Driver != "" {
		for _, e := range corevalidation.DNSSubdomain(strings.ToLower(c.Driver), driver) {
			e.BadValue = c.Driver
			errs = append(errs, e)
		}
	}
	if c.VolumeHandle == "" {
		errs = append(errs, field.Required(path.Child("volumeHandle"), ""))
	}
	for _, r := range []struct {
		name string
		ref  *corev1.SecretReference
	}{
		{"controllerPublishSecretRef", c.ControllerPublishSecretRef},
		{"controllerExpandSecretRef", c.ControllerExpandSecretRef},
		{"nodeStageSecretRef", c.NodeStageSecretRef},
		{"nodePublishSecretRef", c.NodePublishSecretRef},
		{"nodeExpandSecretRef", c.NodeExpandSecretRef},
	} {
		if r.ref == nil {
			continue
		}
		if r.ref.Name == "" {
			errs = append(errs, field.Required(path.Child(r.name, "name"), ""))
		}
		if r.ref.Namespace == "" {
			errs = append(errs, field.Required(path.Child(r.name, "namespace"), ""))
		}
	}
	return errs
}

func validatePersistentVolumeUpdate(obj, old *corev1.PersistentVolume) (errs field.ErrorList) {
	if now, was := &obj.Spec.PersistentVolumeSource, &old.Spec.PersistentVolumeSource; !equality.Semantic.DeepEqual(now, was) {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "persistentvolumesource"),
			"spec.persistentvolumesource is immutable after creation\n"+podspec.Diff(was, now)))
	}
	errs = append(errs, validation.ValidateImmutableField(obj.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if old.Spec.NodeAffinity != nil {
		errs = append(errs, validation.ValidateImmutableField(obj.Spec.NodeAffinity, old.Spec.NodeAffinity, field.NewPath("nodeAffinity"))...)
	}
	return errs
}
