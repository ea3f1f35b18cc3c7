package podspec

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// allVolumes checks the volumes and remembers those that containers may mount.
func (c *checker) allVolumes(list *field.Path) {
	vs := c.spec.Volumes
	if len(vs) == 0 {
		return
	}
	c.volumes = make(map[string]*corev1.VolumeSource, len(vs))
	for i := range vs {
		v, at, before := &vs[i], list.Index(i), len(c.errs)
		c.volumeSource(v, at)
		if c.notEmpty(at, "name", v.Name) {
			c.label(at, "name", v.Name)
		}
		if c.volumes[v.Name] != nil {
			c.add(field.Duplicate(at.Child("name"), v.Name))
		}
		if len(c.errs) == before {
			c.volumes[v.Name] = &v.VolumeSource
		}
	}
}

// volumeCheck is how one type of volume source is recognised and checked.
type volumeCheck struct {
	field string
	set   func(*corev1.VolumeSource) bool
	check func(c *checker, v *corev1.Volume, at *field.Path)
}

// volumeChecks stand in the order in which a second type is noticed.
var volumeChecks = []volumeCheck{
	{"emptyDir", func(s *corev1.VolumeSource) bool { return s.EmptyDir != nil }, (*checker).emptyDir},
	{"hostPath", func(s *corev1.VolumeSource) bool { return s.HostPath != nil }, (*checker).hostPath},
	{"gitRepo", func(s *corev1.VolumeSource) bool { return s.GitRepo != nil }, (*checker).gitRepo},
	{"gcePersistentDisk", func(s *corev1.VolumeSource) bool { return s.GCEPersistentDisk != nil }, (*checker).gceDisk},
	{"awsElasticBlockStore", func(s *corev1.VolumeSource) bool { return s.AWSElasticBlockStore != nil }, (*checker).awsDisk},
	{"secret", func(s *corev1.VolumeSource) bool { return s.Secret != nil }, (*checker).secretVolume},
	{"nfs", func(s *corev1.VolumeSource) bool { return s.NFS != nil }, (*checker).nfs},
	{"iscsi", func(s *corev1.VolumeSource) bool { return s.ISCSI != nil }, (*checker).iscsi},
	{"glusterfs", func(s *corev1.VolumeSource) bool { return s.Glusterfs != nil }, (*checker).glusterfs},
	{"flocker", func(s *corev1.VolumeSource) bool { return s.Flocker != nil }, (*checker).flocker},
	{"persistentVolumeClaim", func(s *corev1.VolumeSource) bool { return s.PersistentVolumeClaim != nil }, (*checker).claimVolume},
	{"rbd", func(s *corev1.VolumeSource) bool { return s.RBD != nil }, (*checker).rbd},
	{"cinder", func(s *corev1.VolumeSource) bool { return s.Cinder != nil }, (*checker).cinder},
	{"cephfs", func(s *corev1.VolumeSource) bool { return s.CephFS != nil }, (*checker).cephFS},
	{"quobyte", func(s *corev1.VolumeSource) bool { return s.Quobyte != nil }, (*checker).quobyte},
	{"downwardAPI", func(s *corev1.VolumeSource) bool { return s.DownwardAPI != nil }, (*checker).downwardVolume},
	{"fc", func(s *corev1.VolumeSource) bool { return s.FC != nil }, (*checker).fc},
	{"flexVolume", func(s *corev1.VolumeSource) bool { return s.FlexVolume != nil }, (*checker).flexVolume},
	{"configMap", func(s *corev1.VolumeSource) bool { return s.ConfigMap != nil }, (*checker).configMapVolume},
	{"azureFile", func(s *corev1.VolumeSource) bool { return s.AzureFile != nil }, (*checker).azureFile},
	{"vsphereVolume", func(s *corev1.VolumeSource) bool { return s.VsphereVolume != nil }, (*checker).vsphere},
	{"photonPersistentDisk", func(s *corev1.VolumeSource) bool { return s.PhotonPersistentDisk != nil }, (*checker).photon},
	{"portworxVolume", func(s *corev1.VolumeSource) bool { return s.PortworxVolume != nil }, (*checker).portworx},
	{"azureDisk", func(s *corev1.VolumeSource) bool { return s.AzureDisk != nil }, (*checker).azureDisk},
	{"storageos", func(s *corev1.VolumeSource) bool { return s.StorageOS != nil }, (*checker).storageOS},
	{"projected", func(s *corev1.VolumeSource) bool { return s.Projected != nil }, (*checker).projected},
	{"scaleIO", func(s *corev1.VolumeSource) bool { return s.ScaleIO != nil }, (*checker).scaleIO},
	{"csi", func(s *corev1.VolumeSource) bool { return s.CSI != nil }, (*checker).csi},
	{"ephemeral", func(s *corev1.VolumeSource) bool { return s.Ephemeral != nil }, (*checker).ephemeral},
	{"image", func(s *corev1.VolumeSource) bool { return s.Image != nil }, (*checker).imageVolume},
}

// volumeSource checks that a volume has exactly one source, and that source.
func (c *checker) volumeSource(v *corev1.Volume, at *field.Path) {
	found := false
	for i := range volumeChecks {
		vc := &volumeChecks[i]
		switch {
		case !vc.set(&v.VolumeSource):
		case found:
			c.forbidden(at.Child(vc.field), "may not specify more than 1 volume type")
		default:
			found = true
			vc.check(c, v, at)
		}
	}
	if !found {
		c.required(at, "must specify a volume type")
	}
}

func (c *checker) emptyDir(v *corev1.Volume, at *field.Path) {
	if l := v.EmptyDir.SizeLimit; l != nil && l.Sign() < 0 {
		c.forbidden(at.Child("emptyDir", "sizeLimit"), "SizeLimit field must be a valid resource quantity")
	}
}

func (c *checker) hostPath(v *corev1.Volume, at *field.Path) {
	s, at := v.HostPath, at.Child("hostPath")
	if !c.notEmpty(at, "path", s.Path) {
		return
	}
	c.noBacksteps(at.Child("path"), s.Path)
	if s.Type != nil {
		oneOf(c, at, "type", *s.Type, corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev, corev1.HostPathDirectory,
			corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket)
	}
}

func (c *checker) gitRepo(v *corev1.Volume, at *field.Path) {
	at = at.Child("gitRepo")
	c.notEmpty(at, "repository", v.GitRepo.Repository)
	c.descending(at.Child("directory"), v.GitRepo.Directory)
}

const badMode = "must be a number between 0 and 0777 (octal), both inclusive"

func (c *checker) mode(at *field.Path, name string, mode *int32) {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		c.invalid(at.Child(name), *mode, badMode)
	}
}

func (c *checker) secretVolume(v *corev1.Volume, at *field.Path) {
	at = at.Child("secret")
	c.notEmpty(at, "secretName", v.Secret.SecretName)
	c.mode(at, "defaultMode", v.Secret.DefaultMode)
	c.items(v.Secret.Items, at, nil)
}

func (c *checker) configMapVolume(v *corev1.Volume, at *field.Path) {
	at = at.Child("configMap")
	c.notEmpty(at, "name", v.ConfigMap.Name)
	c.mode(at, "defaultMode", v.ConfigMap.DefaultMode)
	c.items(v.ConfigMap.Items, at, nil)
}

// items checks which keys go into which files; each is told of every path.
func (c *checker) items(items []corev1.KeyToPath, at *field.Path, each func(path string)) {
	for i := range items {
		k, at := &items[i], at.Child("items").Index(i)
		c.notEmpty(at, "key", k.Key)
		if c.notEmpty(at, "path", k.Path) {
			c.localPath(at.Child("path"), k.Path)
		}
		c.mode(at, "mode", k.Mode)
		if each != nil && k.Path != "" {
			each(k.Path)
		}
	}
}

func (c *checker) claimVolume(v *corev1.Volume, at *field.Path) {
	c.notEmpty(at.Child("persistentVolumeClaim"), "claimName", v.PersistentVolumeClaim.ClaimName)
}

func (c *checker) downwardVolume(v *corev1.Volume, at *field.Path) {
	at = at.Child("downwardAPI")
	c.mode(at, "defaultMode", v.DownwardAPI.DefaultMode)
	for i := range v.DownwardAPI.Items {
		c.downwardFile(&v.DownwardAPI.Items[i], at)
	}
}

// downwardFile checks a file that shows something of the pod. Its messages name
// the volume, not the file.
func (c *checker) downwardFile(f *corev1.DownwardAPIVolumeFile, at *field.Path) {
	if c.notEmpty(at, "path", f.Path) {
		c.localPath(at.Child("path"), f.Path)
	}
	switch {
	case f.FieldRef != nil:
		c.fieldRef(f.FieldRef, fileFields, at)
		if f.ResourceFieldRef != nil {
			c.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
		}
	case f.ResourceFieldRef != nil:
		c.resourceFieldRef(f.ResourceFieldRef, at, true)
	default:
		c.required(at, "one of fieldRef and resourceFieldRef is required")
	}
	c.mode(at, "mode", f.Mode)
}

const (
	minTokenSeconds = 10 * 60
	maxTokenSeconds = 1 << 32
)

func (c *checker) projected(v *corev1.Volume, at *field.Path) {
	at = at.Child("projected")
	c.mode(at, "defaultMode", v.Projected.DefaultMode)
	var taken names
	for i := range v.Projected.Sources {
		c.projection(&v.Projected.Sources[i], at, at.Child("sources").Index(i), &taken)
	}
}

// projection checks one source; taken are the paths of all of them.
func (c *checker) projection(s *corev1.VolumeProjection, volume, at *field.Path, taken *names) {
	n := 0
	first := func(name string) bool {
		if n++; n > 1 {
			c.forbidden(at.Child(name), "may not specify more than 1 volume type")
		}
		return n == 1
	}
	// A conflict names what projects the path, on the volume.
	claim := func(owner, path string) {
		if !taken.add(path) {
			c.invalid(volume, owner, "conflicting duplicate paths")
		}
	}
	if s.Secret != nil && first("secret") {
		at := at.Child("secret")
		c.notEmpty(at, "name", s.Secret.Name)
		c.items(s.Secret.Items, at, func(p string) { claim(s.Secret.Name, p) })
	}
	if s.ConfigMap != nil && first("configMap") {
		at := at.Child("configMap")
		c.notEmpty(at, "name", s.ConfigMap.Name)
		c.items(s.ConfigMap.Items, at, func(p string) { claim(s.ConfigMap.Name, p) })
	}
	if s.DownwardAPI != nil && first("downwardAPI") {
		for i := range s.DownwardAPI.Items {
			f := &s.DownwardAPI.Items[i]
			c.downwardFile(f, at.Child("downwardAPI"))
			if f.Path != "" {
				claim(f.Path, f.Path)
			}
		}
	}
	if t := s.ServiceAccountToken; t != nil && first("serviceAccountToken") {
		c.tokenSource(t, volume, at.Child("serviceAccountToken"))
		if t.Path != "" {
			claim(t.Path, t.Path)
		}
	}
	if t := s.ClusterTrustBundle; t != nil && first("clusterTrustBundle") {
		c.trustBundle(t, at.Child("clusterTrustBundle"))
		claim(t.Path, t.Path)
	}
}

func (c *checker) tokenSource(t *corev1.ServiceAccountTokenProjection, volume, at *field.Path) {
	if s := t.ExpirationSeconds; s != nil {
		switch {
		case *s < minTokenSeconds:
			c.invalid(at.Child("expirationSeconds"), *s, "may not specify a duration less than 10 minutes")
		case *s > maxTokenSeconds:
			c.invalid(at.Child("expirationSeconds"), *s, "may not specify a duration larger than 2^32 seconds")
		}
	}
	if c.notEmpty(volume, "path", t.Path) {
		c.localPath(volume.Child("path"), t.Path)
	}
}

func (c *checker) trustBundle(t *corev1.ClusterTrustBundleProjection, at *field.Path) {
	if (t.Name == nil) == (t.SignerName == nil) {
		c.invalid(at, goNames{t}, "exactly one of name and signerName must be specified")
	}
	if t.Name != nil && t.LabelSelector != nil {
		c.invalid(at.Child("labelSelector"), t.LabelSelector, "labelSelector must be unset if name is specified")
	}
	c.selector(at, "labelSelector", t.LabelSelector)
	if c.notEmpty(at, "path", t.Path) {
		c.localPath(at.Child("path"), t.Path)
	}
}

func (c *checker) csi(v *corev1.Volume, at *field.Path) {
	s, at := v.CSI, at.Child("csi")
	if c.notEmpty(at, "driver", s.Driver) {
		if len(s.Driver) > 63 {
			c.add(field.TooLong(at.Child("driver"), s.Driver, 63))
		}
		c.messages(at.Child("driver"), s.Driver, utilvalidation.IsDNS1123Subdomain(strings.ToLower(s.Driver)))
	}
	if r := s.NodePublishSecretRef; r != nil {
		c.requiredSubdomain(at.Child("nodePublishSecretRef"), "name", r.Name)
	}
}

func (c *checker) ephemeral(v *corev1.Volume, at *field.Path) {
	t, at := v.Ephemeral.VolumeClaimTemplate, at.Child("ephemeral", "volumeClaimTemplate")
	if t == nil {
		c.required(at, "")
		return
	}
	meta := at.Child("metadata")
	c.addAll(validation.ValidateAnnotations(t.Annotations, meta.Child("annotations")))
	c.labels(meta, "labels", t.Labels)
	c.claimSpec(&t.Spec, at.Child("spec"))
	if c.pod && c.meta != nil && c.meta.Name != "" && v.Name != "" {
		// The claim that is made will be called so.
		claim := c.meta.Name + "-" + v.Name
		for _, msg := range utilvalidation.IsDNS1123Subdomain(claim) {
			c.invalid(at.Child("name"), v.Name, "PVC name \""+claim+"\": "+msg)
		}
	}
}

// claimSpec checks what every claim needs.
func (c *checker) claimSpec(s *corev1.PersistentVolumeClaimSpec, at *field.Path) {
	if len(s.AccessModes) == 0 {
		c.required(at.Child("accessModes"), "at least 1 access mode is required")
	}
	for _, m := range s.AccessModes {
		oneOf(c, at, "accessModes", m, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)
	}
	c.selector(at, "selector", s.Selector)
	request, has := s.Resources.Requests[corev1.ResourceStorage]
	storage := at.Child("resources").Key(string(corev1.ResourceStorage))
	if !has {
		c.required(storage, "")
	} else if request.Sign() <= 0 {
		c.invalid(storage, request.String(), "must be greater than zero")
	}
	if n := s.StorageClassName; n != nil && *n != "" {
		c.subdomain(at, "storageClassName", *n)
	}
	if m := s.VolumeMode; m != nil {
		oneOf(c, at, "volumeMode", *m, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)
	}
}

func (c *checker) imageVolume(v *corev1.Volume, at *field.Path) {
	at = at.Child("image")
	// A template may leave the reference to whoever makes the pod.
	if c.pod {
		c.notEmpty(at, "reference", v.Image.Reference)
	}
	requiredOneOf(c, at, "pullPolicy", v.Image.PullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
}

func isAbsolute(p string) bool { return path.IsAbs(p) }
