package podspec

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *checker) env(env []corev1.EnvVar, at *field.Path) {
	if len(env) == 0 {
		return
	}
	path := at.Child("env")
	for i := range env {
		e := &env[i]
		if e.Name == "" {
			c.required(path.Index(i).Child("name"), "")
		} else if !isEnvName(e.Name) {
			c.messages(path.Index(i).Child("name"), e.Name, validation.IsRelaxedEnvVarName(e.Name))
		}
		if e.ValueFrom != nil {
			c.envSource(e, path.Index(i).Child("valueFrom"))
		}
	}
}

func (c *checker) envSource(e *corev1.EnvVar, path *field.Path) {
	sources, v := 0, e.ValueFrom
	if v.FieldRef != nil {
		sources++
		c.fieldRef(v.FieldRef, envFields, path)
	}
	if v.ResourceFieldRef != nil {
		sources++
		c.resourceFieldRef(v.ResourceFieldRef, path, false)
	}
	if r := v.ConfigMapKeyRef; r != nil {
		sources++
		c.keyRef(path.Child("configMapKeyRef"), r.Name, r.Key)
	}
	if r := v.SecretKeyRef; r != nil {
		sources++
		c.keyRef(path.Child("secretKeyRef"), r.Name, r.Key)
	}
	if v.FileKeyRef != nil {
		sources++
		c.fileKeyRef(v.FileKeyRef, path.Child("fileKeyRef"))
	}
	switch {
	case sources == 0:
		c.invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`")
	case e.Value != "":
		c.invalid(path, "", "may not be specified when `value` is not empty")
	case sources > 1:
		c.invalid(path, "", "may not have more than one field specified at a time")
	}
}

func (c *checker) keyRef(path *field.Path, name, key string) {
	c.subdomain(path, "name", name)
	if c.notEmpty(path, "key", key) {
		c.messages(path.Child("key"), key, validation.IsConfigMapKey(key))
	}
}

func (c *checker) fileKeyRef(r *corev1.FileKeySelector, path *field.Path) {
	if c.notEmpty(path, "key", r.Key) {
		c.messages(path.Child("key"), r.Key, validation.IsRelaxedEnvVarName(r.Key))
	}
	if c.notEmpty(path, "path", r.Path) {
		c.localPath(path.Child("path"), r.Path)
	}
	if !c.notEmpty(path, "volumeName", r.VolumeName) {
		return
	}
	switch v := c.volumes[r.VolumeName]; {
	case v == nil:
		c.add(field.NotFound(path.Child("volumeName"), r.VolumeName))
	case v.EmptyDir == nil:
		c.invalid(path.Child("volumeName"), r.VolumeName, "referenced volume must be of type emptyDir")
	}
}

func (c *checker) envFrom(sources []corev1.EnvFromSource, at *field.Path) {
	for i := range sources {
		path, s := at.Child("envFrom"), &sources[i]
		if s.Prefix != "" && !isEnvName(s.Prefix) {
			c.messages(path.Index(i).Child("prefix"), s.Prefix, validation.IsRelaxedEnvVarName(s.Prefix))
		}
		n := 0
		if s.ConfigMapRef != nil {
			n++
			c.requiredSubdomain(path.Index(i).Child("configMapRef"), "name", s.ConfigMapRef.Name)
		}
		if s.SecretRef != nil {
			n++
			c.requiredSubdomain(path.Index(i).Child("secretRef"), "name", s.SecretRef.Name)
		}
		switch {
		case n == 0:
			c.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
		case n > 1:
			c.invalid(path, "", "may not have more than one field specified at a time")
		}
	}
}

func (c *checker) requiredSubdomain(path *field.Path, name, value string) {
	if c.notEmpty(path, name, value) {
		c.subdomain(path, name, value)
	}
}

// The fields of a pod that its environment and its files can show, in the order
// of messages.
var (
	envFields = []string{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
	fileFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
	// knownFields are the labels that mean a field of a pod at all.
	knownFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
		"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName",
		"status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
)

// fieldRef checks a reference to a field of the pod; path is that of the parent.
func (c *checker) fieldRef(r *corev1.ObjectFieldSelector, supported []string, path *field.Path) {
	path = path.Child("fieldRef")
	switch {
	case r.APIVersion == "":
		c.required(path.Child("apiVersion"), "")
		return
	case r.FieldPath == "":
		c.required(path.Child("fieldPath"), "")
		return
	case r.APIVersion != "v1":
		c.invalid(path.Child("fieldPath"), r.FieldPath, "error converting fieldPath: unsupported pod version: "+r.APIVersion)
		return
	}
	name, key, subscripted := subscript(r.FieldPath)
	if name == "spec.host" { // what it was called once
		name = "spec.nodeName"
	}
	switch {
	case !slices.Contains(knownFields, name) || subscripted && name != "metadata.annotations" && name != "metadata.labels":
		c.invalid(path.Child("fieldPath"), r.FieldPath, "error converting fieldPath: field label not supported: "+r.FieldPath)
	case subscripted:
		if name == "metadata.annotations" {
			key = strings.ToLower(key)
		}
		c.addAll(metav1validation.ValidateLabelName(key, path))
	case !slices.Contains(supported, name):
		c.add(field.NotSupported(path.Child("fieldPath"), name, supported))
	}
}

// subscript splits "metadata.labels['app']".
func subscript(s string) (name, key string, ok bool) {
	if body, end := strings.CutSuffix(s, "']"); end {
		if name, key, ok = strings.Cut(body, "['"); ok && name != "" {
			return name, key, true
		}
	}
	return s, "", false
}

var containerResources = []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory",
	"requests.cpu", "requests.ephemeral-storage", "requests.memory"}

// resourceFieldRef checks a reference to a container's resources; path is that of the parent.
func (c *checker) resourceFieldRef(r *corev1.ResourceFieldSelector, path *field.Path, volume bool) {
	path = path.Child("resourceFieldRef")
	hugePages := strings.HasPrefix(r.Resource, "limits."+corev1.ResourceHugePagesPrefix) ||
		strings.HasPrefix(r.Resource, "requests."+corev1.ResourceHugePagesPrefix)
	switch {
	case volume && r.ContainerName == "":
		c.required(path.Child("containerName"), "")
	case r.Resource == "":
		c.required(path.Child("resource"), "")
	case !hugePages && !slices.Contains(containerResources, r.Resource):
		c.add(field.NotSupported(path.Child("resource"), r.Resource, containerResources))
	}
	c.divisor(r, path.Child("divisor"))
}

const byteDivisors = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"

func (c *checker) divisor(r *corev1.ResourceFieldSelector, path *field.Path) {
	if r.Divisor.IsZero() {
		return
	}
	_, name, _ := strings.Cut(r.Resource, ".")
	what, divisors := "", byteDivisors
	switch {
	case name == "cpu":
		if !isDivisor(r.Divisor, "1m, 1") {
			c.invalid(path, r.Resource, "only divisor's values 1m and 1 are supported with the cpu resource")
		}
		return
	case name == "memory":
		what = "memory"
	case name == "ephemeral-storage":
		what = "local ephemeral storage"
	case strings.HasPrefix(name, corev1.ResourceHugePagesPrefix):
		what = "hugepages"
	default:
		return
	}
	if !isDivisor(r.Divisor, divisors) {
		c.invalid(path, r.Resource, fmt.Sprintf("only divisor's values %s are supported with the %s resource", divisors, what))
	}
}

func isDivisor(q resource.Quantity, list string) bool {
	return slices.Contains(strings.Split(list, ", "), q.String())
}
