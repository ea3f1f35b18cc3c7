package podspec

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Volume sources of particular storage systems: what each needs.

func (c *checker) gceDisk(v *corev1.Volume, at *field.Path) {
	at = at.Child("persistentDisk") // messages keep the field's first name
	c.notEmpty(at, "pdName", v.GCEPersistentDisk.PDName)
	c.partition(at, v.GCEPersistentDisk.Partition)
}

func (c *checker) awsDisk(v *corev1.Volume, at *field.Path) {
	at = at.Child("awsElasticBlockStore")
	c.notEmpty(at, "volumeID", v.AWSElasticBlockStore.VolumeID)
	c.partition(at, v.AWSElasticBlockStore.Partition)
}

// partition: 0 stands for none.
func (c *checker) partition(at *field.Path, n int32) {
	if n < 0 || n > 255 {
		c.invalid(at.Child("partition"), n, validation.InclusiveRangeError(1, 255))
	}
}

func (c *checker) nfs(v *corev1.Volume, at *field.Path) {
	at = at.Child("nfs")
	c.notEmpty(at, "server", v.NFS.Server)
	c.notEmpty(at, "path", v.NFS.Path)
	if !isAbsolute(v.NFS.Path) {
		c.invalid(at.Child("path"), v.NFS.Path, "must be an absolute path")
	}
}

var (
	iqnFormat = regexp.MustCompile(`^iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$`)
	euiFormat = regexp.MustCompile(`^eui.[[:xdigit:]]{16}$`)
	naaFormat = regexp.MustCompile(`^naa.[[:xdigit:]]{32}$`)
)

func (c *checker) iscsi(v *corev1.Volume, at *field.Path) {
	s, at := v.ISCSI, at.Child("iscsi")
	c.notEmpty(at, "targetPortal", s.TargetPortal)
	if c.notEmpty(at, "iqn", s.IQN) {
		c.iqn(at.Child("iqn"), s.IQN)
	}
	if s.Lun < 0 || s.Lun > 255 {
		c.invalid(at.Child("lun"), s.Lun, validation.InclusiveRangeError(0, 255))
	}
	if (s.DiscoveryCHAPAuth || s.SessionCHAPAuth) && s.SecretRef == nil {
		c.required(at.Child("secretRef"), "")
	}
	if s.SecretRef != nil {
		c.notEmpty(at.Child("secretRef"), "name", s.SecretRef.Name)
	}
	if s.InitiatorName != nil {
		c.iqn(at.Child("initiatorname"), *s.InitiatorName)
	}
}

func (c *checker) iqn(at *field.Path, name string) {
	var format *regexp.Regexp
	switch {
	case strings.HasPrefix(name, "iqn"):
		format = iqnFormat
	case strings.HasPrefix(name, "eui"):
		format = euiFormat
	case strings.HasPrefix(name, "naa"):
		format = naaFormat
	default:
		c.invalid(at, name, "must be valid format starting with iqn, eui, or naa")
		return
	}
	if !format.MatchString(name) {
		c.invalid(at, name, "must be valid format")
	}
}

func (c *checker) fc(v *corev1.Volume, at *field.Path) {
	const either = "must specify either targetWWNs or wwids, but not both"
	s, at := v.FC, at.Child("fc")
	if len(s.TargetWWNs) == 0 && len(s.WWIDs) == 0 {
		c.required(at.Child("targetWWNs"), either)
	}
	if len(s.TargetWWNs) == 0 {
		return
	}
	if len(s.WWIDs) > 0 {
		c.invalid(at.Child("targetWWNs"), s.TargetWWNs, either)
	}
	if s.Lun == nil {
		c.required(at.Child("lun"), "lun is required if targetWWNs is specified")
	} else if *s.Lun < 0 || *s.Lun > 255 {
		c.invalid(at.Child("lun"), s.Lun, validation.InclusiveRangeError(0, 255))
	}
}

func (c *checker) glusterfs(v *corev1.Volume, at *field.Path) {
	at = at.Child("glusterfs")
	c.notEmpty(at, "endpoints", v.Glusterfs.EndpointsName)
	c.notEmpty(at, "path", v.Glusterfs.Path)
}

func (c *checker) flocker(v *corev1.Volume, at *field.Path) {
	s, at := v.Flocker, at.Child("flocker")
	switch {
	case s.DatasetName == "" && s.DatasetUUID == "":
		c.required(at, "one of datasetName and datasetUUID is required")
	case s.DatasetName != "" && s.DatasetUUID != "":
		c.invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously")
	case strings.Contains(s.DatasetName, "/"):
		c.invalid(at.Child("datasetName"), s.DatasetName, "must not contain '/'")
	}
}

func (c *checker) rbd(v *corev1.Volume, at *field.Path) {
	at = at.Child("rbd")
	if len(v.RBD.CephMonitors) == 0 {
		c.required(at.Child("monitors"), "")
	}
	c.notEmpty(at, "image", v.RBD.RBDImage)
}

func (c *checker) cinder(v *corev1.Volume, at *field.Path) {
	at = at.Child("cinder")
	c.notEmpty(at, "volumeID", v.Cinder.VolumeID)
	if r := v.Cinder.SecretRef; r != nil {
		c.notEmpty(at.Child("secretRef"), "name", r.Name)
	}
}

func (c *checker) cephFS(v *corev1.Volume, at *field.Path) {
	if len(v.CephFS.Monitors) == 0 {
		c.required(at.Child("cephfs", "monitors"), "")
	}
}

func (c *checker) quobyte(v *corev1.Volume, at *field.Path) {
	s, at := v.Quobyte, at.Child("quobyte")
	if s.Registry == "" {
		c.required(at.Child("registry"), "must be a host:port pair or multiple pairs separated by commas")
	} else {
		for pair := range strings.SplitSeq(s.Registry, ",") {
			if host, port, ok := strings.Cut(pair, ":"); !ok || host == "" || port == "" {
				c.invalid(at.Child("registry"), s.Registry, "must be a host:port pair or multiple pairs separated by commas")
			}
		}
	}
	if len(s.Tenant) > 65 {
		c.required(at.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters")
	}
	c.notEmpty(at, "volume", s.Volume)
}

func (c *checker) flexVolume(v *corev1.Volume, at *field.Path) {
	at = at.Child("flexVolume")
	c.notEmpty(at, "driver", v.FlexVolume.Driver)
	for _, k := range sortedKeys(v.FlexVolume.Options) {
		domain, _, _ := strings.Cut(k, "/")
		if d := "." + strings.ToLower(domain); strings.HasSuffix(d, ".kubernetes.io") || strings.HasSuffix(d, ".k8s.io") {
			c.invalid(at.Child("options").Key(k), k, "kubernetes.io and k8s.io namespaces are reserved")
		}
	}
}

func (c *checker) azureFile(v *corev1.Volume, at *field.Path) {
	at = at.Child("azureFile")
	c.notEmpty(at, "secretName", v.AzureFile.SecretName)
	c.notEmpty(at, "shareName", v.AzureFile.ShareName)
}

func (c *checker) azureDisk(v *corev1.Volume, at *field.Path) {
	s, at := v.AzureDisk, at.Child("azureDisk")
	c.notEmpty(at, "diskName", s.DiskName)
	c.notEmpty(at, "diskURI", s.DataDiskURI)
	if s.CachingMode != nil {
		oneOf(c, at, "cachingMode", *s.CachingMode,
			corev1.AzureDataDiskCachingNone, corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite)
	}
	if s.Kind == nil {
		return
	}
	oneOf(c, at, "kind", *s.Kind, corev1.AzureDedicatedBlobDisk, corev1.AzureManagedDisk, corev1.AzureSharedBlobDisk)
	managed := *s.Kind == corev1.AzureManagedDisk
	switch {
	case managed && !strings.HasPrefix(s.DataDiskURI, "/subscriptions"):
		c.add(field.NotSupported(at.Child("diskURI"), s.DataDiskURI,
			[]string{"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"}))
	case !managed && !strings.HasPrefix(s.DataDiskURI, "https://"):
		c.add(field.NotSupported(at.Child("diskURI"), s.DataDiskURI,
			[]string{"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"}))
	}
}

func (c *checker) vsphere(v *corev1.Volume, at *field.Path) {
	c.notEmpty(at.Child("vsphereVolume"), "volumePath", v.VsphereVolume.VolumePath)
}

func (c *checker) photon(v *corev1.Volume, at *field.Path) {
	c.notEmpty(at.Child("photonPersistentDisk"), "pdID", v.PhotonPersistentDisk.PdID)
}

func (c *checker) portworx(v *corev1.Volume, at *field.Path) {
	c.notEmpty(at.Child("portworxVolume"), "volumeID", v.PortworxVolume.VolumeID)
}

func (c *checker) storageOS(v *corev1.Volume, at *field.Path) {
	s, at := v.StorageOS, at.Child("storageos")
	if s.VolumeName != "" {
		c.label(at, "volumeName", s.VolumeName)
	}
	if s.VolumeNamespace != "" {
		c.label(at, "volumeNamespace", s.VolumeNamespace)
	}
	if s.SecretRef != nil {
		c.notEmpty(at.Child("secretRef"), "name", s.SecretRef.Name)
	}
}

func (c *checker) scaleIO(v *corev1.Volume, at *field.Path) {
	at = at.Child("scaleIO")
	c.notEmpty(at, "gateway", v.ScaleIO.Gateway)
	c.notEmpty(at, "system", v.ScaleIO.System)
	c.notEmpty(at, "volumeName", v.ScaleIO.VolumeName)
}
