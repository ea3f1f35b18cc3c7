package corevalidation

import (
	"maps"
	"slices"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// invalid turns messages about value into errors at path.
func invalid(path *field.Path, value any, msgs []string) (errs field.ErrorList) {
	for _, msg := range msgs {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

// QualifiedName checks a name that may have a DNS prefix: "example.com/name".
func QualifiedName(value string, path *field.Path) field.ErrorList {
	return invalid(path, value, validation.IsQualifiedName(value))
}

// DNSLabel checks a lower-case RFC 1123 label.
func DNSLabel(value string, path *field.Path) field.ErrorList {
	return invalid(path, value, validation.IsDNS1123Label(value))
}

// DNSSubdomain checks a lower-case RFC 1123 subdomain, as most object names are.
func DNSSubdomain(value string, path *field.Path) field.ErrorList {
	return invalid(path, value, validation.IsDNS1123Subdomain(value))
}

// Labels checks keys and values of labels, or of a selector that is a set of them.
func Labels(labels map[string]string, path *field.Path) (errs field.ErrorList) {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		errs = append(errs, metav1validation.ValidateLabels(map[string]string{k: labels[k]}, path)...)
	}
	return errs
}

// OneOf checks that value is one of supported, which the message lists as given.
func OneOf[T ~string](value T, path *field.Path, supported ...T) field.ErrorList {
	if slices.Contains(supported, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, supported)}
}

// RequiredOneOf is OneOf for a value that must not be missing.
func RequiredOneOf[T ~string](value T, path *field.Path, supported ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return OneOf(value, path, supported...)
}
