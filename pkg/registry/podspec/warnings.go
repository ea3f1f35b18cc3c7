package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodWarnings are what a client should know of a pod that is accepted.
func PodWarnings(p *corev1.Pod) []string {
	var w warner
	w.spec(&p.Spec, &p.ObjectMeta, nil)
	if p.Name != "" && !isLabel(p.Name) {
		w.add("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v",
			validation.IsDNS1123Label(p.Name))
	}
	return w.list
}

// TemplateWarnings are the same for a pod template at path.
func TemplateWarnings(t *corev1.PodTemplateSpec, path *field.Path) []string {
	var w warner
	w.spec(&t.Spec, &t.ObjectMeta, path)
	if g := t.Spec.TerminationGracePeriodSeconds; g != nil && *g < 0 {
		w.add("%s: must be >= 0; negative values are invalid and will be treated as 1", path.Child("spec", "terminationGracePeriodSeconds"))
	}
	return w.list
}

type warner struct{ list []string }

func hasKey(set map[string]string, k string) bool {
	_, has := set[k]
	return has
}

func (w *warner) add(format string, args ...any) {
	w.list = append(w.list, fmt.Sprintf(format, args...))
}

// below extends path, which is nil at the top of a pod.
func below(path *field.Path, name string, more ...string) *field.Path {
	if path == nil {
		return field.NewPath(name, more...)
	}
	return path.Child(name, more...)
}

// renamedLabels are labels of nodes that go by other names now.
var renamedLabels = []struct{ old, since, now string }{
	{"beta.kubernetes.io/arch", "v1.14", corev1.LabelArchStable},
	{"beta.kubernetes.io/os", "v1.14", corev1.LabelOSStable},
	{corev1.LabelFailureDomainBetaRegion, "v1.17", corev1.LabelTopologyRegion},
	{corev1.LabelFailureDomainBetaZone, "v1.17", corev1.LabelTopologyZone},
	{corev1.LabelInstanceType, "v1.17", corev1.LabelInstanceTypeStable},
}

func (w *warner) nodeLabel(at *field.Path, key string) {
	for _, l := range renamedLabels {
		if key == l.old {
			w.add("%s: deprecated since %s; use %q instead", at, l.since, l.now)
		}
	}
}

// unsupportedVolumes are volume types that have lost their driver.
var unsupportedVolumes = []struct {
	field string
	set   func(*corev1.VolumeSource) bool
	text  string
}{
	{"photonPersistentDisk", func(s *corev1.VolumeSource) bool { return s.PhotonPersistentDisk != nil }, "deprecated in v1.11, non-functional in v1.16+"},
	{"gitRepo", func(s *corev1.VolumeSource) bool { return s.GitRepo != nil }, "deprecated in v1.11, and disabled by default in v1.33+"},
	{"scaleIO", func(s *corev1.VolumeSource) bool { return s.ScaleIO != nil }, "deprecated in v1.16, non-functional in v1.22+"},
	{"flocker", func(s *corev1.VolumeSource) bool { return s.Flocker != nil }, "deprecated in v1.22, non-functional in v1.25+"},
	{"storageOS", func(s *corev1.VolumeSource) bool { return s.StorageOS != nil }, "deprecated in v1.22, non-functional in v1.25+"},
	{"quobyte", func(s *corev1.VolumeSource) bool { return s.Quobyte != nil }, "deprecated in v1.22, non-functional in v1.25+"},
	{"glusterfs", func(s *corev1.VolumeSource) bool { return s.Glusterfs != nil }, "deprecated in v1.25, non-functional in v1.26+"},
	{"cephfs", func(s *corev1.VolumeSource) bool { return s.CephFS != nil }, "deprecated in v1.28, non-functional in v1.31+"},
	{"rbd", func(s *corev1.VolumeSource) bool { return s.RBD != nil }, "deprecated in v1.28, non-functional in v1.31+"},
}

func (w *warner) spec(s *corev1.PodSpec, meta *metav1.ObjectMeta, path *field.Path) {
	at := func(name string) *field.Path { return below(path, "spec", name) }
	for _, k := range sortedKeys(s.NodeSelector) {
		w.nodeLabel(at("nodeSelector").Key(k), k)
	}
	if s.Affinity != nil && s.Affinity.NodeAffinity != nil {
		w.nodeAffinity(s.Affinity.NodeAffinity, at("affinity").Child("nodeAffinity"))
	}
	for i := range s.TopologySpreadConstraints {
		c := &s.TopologySpreadConstraints[i]
		w.nodeLabel(at("topologySpreadConstraints").Index(i).Child("topologyKey"), c.TopologyKey)
		if c.LabelSelector == nil {
			w.add("%s: a null labelSelector results in matching no pod", at("topologySpreadConstraints").Index(i).Child("labelSelector"))
		}
	}
	w.annotations(s, meta, path)
	for i := range s.Volumes {
		w.volume(&s.Volumes[i], at("volumes").Index(i))
	}
	var aliases names
	for i, a := range s.HostAliases {
		if !aliases.add(a.IP) {
			w.add("%s: duplicate ip %q", at("hostAliases").Index(i).Child("ip"), a.IP)
		}
	}
	w.pullSecrets(s.ImagePullSecrets, path)
	eachContainer(s, below(path, "spec"), w.container)
	w.fractions(s.Overhead, below(path, "spec"), "overhead")
}

func (w *warner) nodeAffinity(a *corev1.NodeAffinity, at *field.Path) {
	term := func(t corev1.NodeSelectorTerm, at *field.Path) {
		for i, e := range t.MatchExpressions {
			w.nodeLabel(at.Child("matchExpressions").Index(i).Child("key"), e.Key)
		}
	}
	if r := a.RequiredDuringSchedulingIgnoredDuringExecution; r != nil {
		for i, t := range r.NodeSelectorTerms {
			term(t, at.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms").Index(i))
		}
	}
	for i, t := range a.PreferredDuringSchedulingIgnoredDuringExecution {
		term(t.Preference, at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("preference"))
	}
}

func (w *warner) annotations(s *corev1.PodSpec, meta *metav1.ObjectMeta, path *field.Path) {
	if !hasPrefix(meta.Annotations, appArmorPrefix) && !hasPrefix(meta.Annotations, seccompContainer) && !hasKey(meta.Annotations, seccompPod) {
		return
	}
	const seccomp = "%s: non-functional in v1.27+; use the \"seccompProfile\" field instead"
	at := below(path, "metadata", "annotations")
	if _, has := meta.Annotations[seccompPod]; has {
		w.add(seccomp, at.Key(seccompPod))
	}
	eachContainer(s, nil, func(c *corev1.Container, _ *field.Path) {
		if _, has := meta.Annotations[seccompContainer+c.Name]; has {
			w.add(seccomp, at.Key(seccompContainer+c.Name))
		}
		if _, has := meta.Annotations[appArmorPrefix+c.Name]; has {
			w.add("%s: deprecated since v1.30; use the \"appArmorProfile\" field instead", at.Key(appArmorPrefix+c.Name))
		}
	})
}

func (w *warner) volume(v *corev1.Volume, at *field.Path) {
	for _, u := range unsupportedVolumes {
		if u.set(&v.VolumeSource) {
			w.add("%s: %s", at.Child(u.field), u.text)
		}
	}
	if e := v.Ephemeral; e != nil && e.VolumeClaimTemplate != nil {
		w.fractions(e.VolumeClaimTemplate.Spec.Resources.Requests, at, "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests")
	}
	if e := v.EmptyDir; e != nil && e.SizeLimit != nil && e.SizeLimit.MilliValue()%1000 != 0 {
		w.add("%s: fractional byte value %q is invalid, must be an integer", at.Child("emptyDir", "sizeLimit"), e.SizeLimit.String())
	}
}

func (w *warner) pullSecrets(refs []corev1.LocalObjectReference, path *field.Path) {
	var taken names
	for i, r := range refs {
		at := below(path, "spec", "imagePullSecrets").Index(i)
		switch {
		case r.Name == "":
			w.add("%s: invalid empty name %q", at.Child("name"), r.Name)
		case !taken.add(r.Name):
			w.add("%s: duplicate name %q", at.Child("name"), r.Name)
		}
	}
}

func (w *warner) container(c *corev1.Container, at *field.Path) {
	var env names
	for i := range c.Env {
		if e := &c.Env[i]; !env.add(e.Name) {
			w.add("%s: hides previous definition of %q, which may be dropped when using apply", at.Child("env").Index(i), e.Name)
		}
	}
	if len(c.Ports) > 1 {
		w.samePorts(c.Ports, at.Child("ports"))
	}
	w.fractions(c.Resources.Limits, at, "resources", "limits")
	w.fractions(c.Resources.Requests, at, "resources", "requests")
}

// fractions warns of parts of bytes in the list at path and names.
func (w *warner) fractions(l corev1.ResourceList, path *field.Path, names ...string) {
	for _, name := range [...]corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceStorage, corev1.ResourceEphemeralStorage} {
		if q, has := l[name]; has && q.MilliValue()%1000 != 0 {
			w.add("%s: fractional byte value %q is invalid, must be an integer", path.Child(names[0], names[1:]...).Key(string(name)), q.String())
		}
	}
}

// samePorts warns of ports that are declared twice, which apply cannot tell apart.
func (w *warner) samePorts(ports []corev1.ContainerPort, at *field.Path) {
	type key struct {
		protocol corev1.Protocol
		hostIP   string
		port     int32
		hostPort int32
	}
	seen := make(map[key]int, len(ports))
	for i, p := range ports {
		k := key{p.Protocol, p.HostIP, p.ContainerPort, p.HostPort}
		if first, dup := seen[k]; dup {
			w.add("%s: duplicate port definition with %s", at.Index(i), at.Index(first))
		} else {
			seen[k] = i
		}
	}
}
