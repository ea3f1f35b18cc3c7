package core

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// immutableMessage answers a change of a ConfigMap or Secret that was frozen.
const immutableMessage = "field is immutable when `immutable` is set"

// ConfigMaps is the ConfigMap kind.
func ConfigMaps() *registry.Resource {
	doc := corev1.ConfigMap{}.SwaggerDoc()
	return registry.Define(registry.Kind[*corev1.ConfigMap]{
		Version: "v1", Kind: "ConfigMap",
		Resource: "configmaps", ShortNames: []string{"cm"}, Namespaced: true,
		Columns:        []registry.Column{columns.Name(), columns.Text("Data", doc["data"]), columns.Age()},
		Cells:          configMapCells,
		Validate:       validateConfigMap,
		ValidateUpdate: validateConfigMapUpdate,
	})
}

func configMapCells(c *corev1.ConfigMap) []any {
	return []any{c.Name, int64(len(c.Data) + len(c.BinaryData)), columns.Created(c)}
}

func validateConfigMap(c *corev1.ConfigMap) (errs field.ErrorList) {
	size := 0
	for _, k := range slices.Sorted(maps.Keys(c.Data)) {
		errs = append(errs, dataKey(k, field.NewPath("data"))...)
		if _, twice := c.BinaryData[k]; twice {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k, "duplicate of key present in binaryData"))
		}
		size += len(c.Data[k])
	}
	for _, k := range slices.Sorted(maps.Keys(c.BinaryData)) {
		errs = append(errs, dataKey(k, field.NewPath("binaryData"))...)
		size += len(c.BinaryData[k])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return errs
}

// dataKey checks a key of a ConfigMap's or Secret's data: it may become a file.
func dataKey(key string, path *field.Path) (errs field.ErrorList) {
	for _, msg := range validation.IsConfigMapKey(key) {
		errs = append(errs, field.Invalid(path.Key(key), key, msg))
	}
	return errs
}

func validateConfigMapUpdate(obj, old *corev1.ConfigMap) (errs field.ErrorList) {
	if !isTrue(old.Immutable) {
		return nil
	}
	if !isTrue(obj.Immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableMessage))
	}
	if !equality.Semantic.DeepEqual(obj.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), immutableMessage))
	}
	if !equality.Semantic.DeepEqual(obj.BinaryData, old.BinaryData) {
		errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableMessage))
	}
	return errs
}

func isTrue(b *bool) bool { return b != nil && *b }
