package check

import (
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// NotNegative says that a count may not be below zero.
func NotNegative[N ~int | ~int32 | ~int64](n N, path *field.Path) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(int64(n), path)
}

// NotNegativePointer is NotNegative for a count that may be left out.
func NotNegativePointer[N ~int | ~int32 | ~int64](n *N, path *field.Path) field.ErrorList {
	if n == nil {
		return nil
	}
	return NotNegative(*n, path)
}

// Immutable says that obj may not differ from old.
func Immutable(obj, old any, path *field.Path) field.ErrorList {
	if equality.Semantic.DeepEqual(obj, old) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, Shown(obj), apivalidation.FieldImmutableErrorMsg).WithOrigin("immutable")}
}

// Shown is a value as a message shows it: what is composed under the names of its
// Go fields, everything else as it is, label selectors too.
func Shown(v any) any {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct && t.Kind() != reflect.Slice || t == reflect.TypeFor[metav1.LabelSelector]() {
		return v
	}
	return podspec.Shown(v)
}

// IntOrPercent checks a count or a share of a whole: 3, "25%".
func IntOrPercent(v intstr.IntOrString, path *field.Path) field.ErrorList {
	switch v.Type {
	case intstr.String:
		return Messages(path, v, validation.IsValidPercent(v.StrVal))
	case intstr.Int:
		return NotNegative(v.IntVal, path)
	}
	return field.ErrorList{field.Invalid(path, v, "must be an integer or percentage (e.g '5%%')")}
}

// AtMostWhole says that a share may not be more than 100%.
func AtMostWhole(v intstr.IntOrString, path *field.Path) field.ErrorList {
	if p, ok := percent(v); ok && p > 100 {
		return field.ErrorList{field.Invalid(path, v, "must not be greater than 100%")}
	}
	return nil
}

// IntOrPercentValue is the number in a count or a share; 0 when it is neither.
func IntOrPercentValue(v intstr.IntOrString) int {
	if p, ok := percent(v); ok {
		return p
	}
	return v.IntValue()
}

func percent(v intstr.IntOrString) (int, bool) {
	if v.Type != intstr.String || len(validation.IsValidPercent(v.StrVal)) > 0 {
		return 0, false
	}
	p, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	return p, err == nil
}

// Messages turns what a check of k8s.io/apimachinery says about v into errors.
func Messages(path *field.Path, v any, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, m := range messages {
		errs = append(errs, field.Invalid(path, v, m))
	}
	return errs
}

// RequiredSubdomain checks the name of an object that must be there.
func RequiredSubdomain(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return corevalidation.DNSSubdomain(name, path)
}
