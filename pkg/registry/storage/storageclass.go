package storage

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

// The annotations that make a class the default one.
const (
	defaultClassAnnotation     = "storageclass.kubernetes.io/is-default-class"
	betaDefaultClassAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
)

const (
	maxParameters     = 512
	maxParametersSize = 256 << 10
)

func storageClasses() *registry.Resource {
	doc := storagev1.StorageClass{}.SwaggerDoc()
	return registry.Define(registry.Kind[*storagev1.StorageClass]{
		Group: group, Version: version, Kind: "StorageClass",
		Resource: "storageclasses", ShortNames: []string{"sc"},
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Provisioner", doc["provisioner"]),
			columns.Text("ReclaimPolicy", doc["reclaimPolicy"]),
			columns.Text("VolumeBindingMode", doc["volumeBindingMode"]),
			columns.Text("AllowVolumeExpansion", doc["allowVolumeExpansion"]),
			columns.Age(),
		},
		Cells: storageClassCells,
		Default: func(c *storagev1.StorageClass) {
			fill.Pointer(&c.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
			fill.Pointer(&c.VolumeBindingMode, storagev1.VolumeBindingImmediate)
		},
		Validate:       validateStorageClass,
		ValidateUpdate: validateStorageClassUpdate,
		ReturnDeleted:  true,
	})
}

func storageClassCells(c *storagev1.StorageClass) []any {
	name := c.Name
	if c.Annotations[defaultClassAnnotation] == "true" || c.Annotations[betaDefaultClassAnnotation] == "true" {
		name += " (default)"
	}
	policy, mode := string(corev1.PersistentVolumeReclaimDelete), string(storagev1.VolumeBindingImmediate)
	if c.ReclaimPolicy != nil {
		policy = string(*c.ReclaimPolicy)
	}
	if c.VolumeBindingMode != nil {
		mode = string(*c.VolumeBindingMode)
	}
	expands := c.AllowVolumeExpansion != nil && *c.AllowVolumeExpansion
	return []any{name, c.Provisioner, policy, mode, expands, columns.Created(c)}
}

func validateStorageClass(c *storagev1.StorageClass) field.ErrorList {
	errs := validateProvisioner(c.Provisioner, field.NewPath("provisioner"))
	errs = append(errs, validateParameters(c.Parameters, field.NewPath("parameters"))...)
	if c.ReclaimPolicy != nil && *c.ReclaimPolicy != "" {
		errs = append(errs, corevalidation.OneOf(*c.ReclaimPolicy, field.NewPath("reclaimPolicy"),
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain)...)
	}
	mode := field.NewPath("volumeBindingMode")
	if c.VolumeBindingMode == nil {
		errs = append(errs, field.Required(mode, ""))
	} else {
		errs = append(errs, corevalidation.OneOf(*c.VolumeBindingMode, mode, storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	}
	return append(errs, validateTopologies(c.AllowedTopologies, field.NewPath("allowedTopologies"))...)
}

func validateProvisioner(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return check.Messages(path, name, validation.IsQualifiedName(strings.ToLower(name)))
}

// validateParameters checks what is handed to a driver unread: that it is not
// too much.
func validateParameters(parameters map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(parameters) > maxParameters {
		errs = append(errs, field.TooLong(path, "", maxParameters))
	}
	size := 0
	for _, k := range slices.Sorted(maps.Keys(parameters)) {
		if k == "" {
			errs = append(errs, field.Invalid(path, k, "field can not be empty."))
		}
		size += len(k) + len(parameters[k])
	}
	if size > maxParametersSize {
		errs = append(errs, field.TooLong(path, "", maxParametersSize))
	}
	return errs
}

func validateTopologies(terms []corev1.TopologySelectorTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range terms {
		at := path.Index(i).Child("matchLabelExpressions")
		keys := map[string]bool{}
		for k, r := range t.MatchLabelExpressions {
			errs = append(errs, validateTopologyRequirement(&r, at.Index(k))...)
			if keys[r.Key] {
				errs = append(errs, field.Duplicate(at.Index(k).Child("key"), r.Key))
			}
			keys[r.Key] = true
		}
		if slices.ContainsFunc(terms[:i], func(o corev1.TopologySelectorTerm) bool { return sameTerm(o, t) }) {
			errs = append(errs, field.Duplicate(at, ""))
		}
	}
	return errs
}

func validateTopologyRequirement(r *corev1.TopologySelectorLabelRequirement, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	values := path.Child("values")
	if len(r.Values) == 0 {
		errs = append(errs, field.Required(values, ""))
	}
	for i, v := range r.Values {
		if slices.Contains(r.Values[:i], v) {
			errs = append(errs, field.Duplicate(values.Index(i), v))
		}
	}
	return append(errs, metav1validation.ValidateLabelName(r.Key, path.Child("key"))...)
}

// sameTerm reports whether two terms select the same: the order of neither keys
// nor values counts.
func sameTerm(a, b corev1.TopologySelectorTerm) bool {
	return equality.Semantic.DeepEqual(termSets(a), termSets(b))
}

func termSets(t corev1.TopologySelectorTerm) map[string][]string {
	sets := make(map[string][]string, len(t.MatchLabelExpressions))
	for _, r := range t.MatchLabelExpressions {
		sets[r.Key] = slices.Sorted(slices.Values(r.Values))
	}
	return sets
}

// validateStorageClassUpdate keeps what volumes of the class were made by.
func validateStorageClassUpdate(obj, old *storagev1.StorageClass) field.ErrorList {
	var errs field.ErrorList
	if !equality.Semantic.DeepEqual(obj.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	if obj.Provisioner != old.Provisioner {
		errs = append(errs, field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden."))
	}
	if !equality.Semantic.DeepEqual(obj.ReclaimPolicy, old.ReclaimPolicy) {
		errs = append(errs, field.Forbidden(field.NewPath("reclaimPolicy"), "updates to reclaimPolicy are forbidden."))
	}
	return append(errs, check.Immutable(obj.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
}
