package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// LimitRanges is the LimitRange kind.
func LimitRanges() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.LimitRange]{
		Version: "v1", Kind: "LimitRange",
		Resource: "limitranges", ShortNames: []string{"limits"}, Namespaced: true,
		Default:             defaultLimitRange,
		Prepare:             prepareLimitRange,
		Validate:            validateLimitRange,
		AllowCreateOnUpdate: true,
	})
}

// defaultLimitRange fills in what a container gets when only its bounds are
// given: a limit from the maximum, a request from the limit or the minimum.
func defaultLimitRange(l *corev1.LimitRange) {
	if len(l.Spec.Limits) == 0 {
		l.Spec.Limits = nil
	}
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		item.Default = fillIn(item.Default, item.Max)
		item.DefaultRequest = fillIn(fillIn(item.DefaultRequest, item.Default), item.Min)
	}
}

// fillIn adds to list what it lacks of from.
func fillIn(list, from corev1.ResourceList) corev1.ResourceList {
	for name, q := range from {
		if _, ok := list[name]; ok {
			continue
		}
		if list == nil {
			list = corev1.ResourceList{}
		}
		list[name] = q.DeepCopy()
	}
	return list
}

// prepareLimitRange names a limit range that has no name at all after its UID.
func prepareLimitRange(_ *registry.Request, l *corev1.LimitRange) {
	if l.Name == "" {
		l.Name = string(l.UID)
	}
}

func validateLimitRange(l *corev1.LimitRange) (errs field.ErrorList) {
	seen := map[corev1.LimitType]bool{}
	for i, item := range l.Spec.Limits {
		path := field.NewPath("spec", "limits").Index(i)
		errs = append(errs, limitType(item.Type, path.Child("type"))...)
		if seen[item.Type] {
			errs = append(errs, field.Duplicate(path.Child("type"), item.Type))
		}
		seen[item.Type] = true
		errs = append(errs, validateLimits(item, path)...)
	}
	return errs
}

func limitType(t corev1.LimitType, path *field.Path) field.ErrorList {
	errs := corevalidation.QualifiedName(string(t), path)
	if len(errs) > 0 || strings.Contains(string(t), "/") {
		return errs
	}
	switch t {
	case corev1.LimitTypePod, corev1.LimitTypeContainer, corev1.LimitTypePersistentVolumeClaim:
		return nil
	}
	return field.ErrorList{field.Invalid(path, t, "must be a standard limit type or fully qualified")}
}

func validateLimits(item corev1.LimitRangeItem, path *field.Path) (errs field.ErrorList) {
	names := map[corev1.ResourceName]bool{}
	check := func(list corev1.ResourceList, child string) {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			errs = append(errs, limitResource(item.Type, name, path.Child(child).Key(string(name)))...)
			names[name] = true
		}
	}
	check(item.Max, "max")
	check(item.Min, "min")
	if item.Type == corev1.LimitTypePod {
		for _, d := range []struct {
			list  corev1.ResourceList
			child string
		}{{item.Default, "default"}, {item.DefaultRequest, "defaultRequest"}} {
			if len(d.list) > 0 {
				errs = append(errs, field.Forbidden(path.Child(d.child), "may not be specified when `type` is 'Pod'"))
			}
		}
	} else {
		check(item.Default, "default")
		check(item.DefaultRequest, "defaultRequest")
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, min := item.Min[corev1.ResourceStorage]
		_, max := item.Max[corev1.ResourceStorage]
		if !min && !max {
			errs = append(errs, field.Required(path.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	check(item.MaxLimitRequestRatio, "maxLimitRequestRatio")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		errs = append(errs, compareLimits(item, name, path)...)
	}
	return errs
}

func limitResource(t corev1.LimitType, name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := corevalidation.QualifiedName(string(name), path)
	if len(errs) > 0 || strings.Contains(string(name), "/") {
		return errs
	}
	if t == corev1.LimitTypePod || t == corev1.LimitTypeContainer {
		switch name {
		case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
			return nil
		}
		if strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			return nil
		}
		return field.ErrorList{field.Invalid(path, name, "must be a standard resource for containers")}
	}
	if isStandardResource(name) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be a standard resource type or fully qualified")}
}

// bound is one of the values that a limit range gives for a resource.
type bound struct {
	resource.Quantity
	set bool
}

func (b bound) above(other bound) bool { return b.set && other.set && b.Cmp(other.Quantity) > 0 }

// compareLimits checks that the values for one resource do not contradict.
func compareLimits(item corev1.LimitRangeItem, name corev1.ResourceName, path *field.Path) (errs field.ErrorList) {
	get := func(l corev1.ResourceList) bound {
		q, ok := l[name]
		return bound{q, ok}
	}
	min, max, limit, request := get(item.Min), get(item.Max), get(item.Default), get(item.DefaultRequest)
	ratio := get(item.MaxLimitRequestRatio)
	for _, c := range []struct {
		high, low bound // it is wrong that high is above low
		child     string
		shown     bound
		format    string
	}{
		{min, max, "min", min, "min value %s is greater than max value %s"},
		{min, request, "defaultRequest", request, "min value %s is greater than default request value %s"},
		{request, max, "defaultRequest", request, "default request value %s is greater than max value %s"},
		{request, limit, "defaultRequest", request, "default request value %s is greater than default limit value %s"},
		{min, limit, "default", min, "min value %s is greater than default value %s"},
		{limit, max, "default", max, "default value %s is greater than max value %s"},
	} {
		if c.high.above(c.low) {
			errs = append(errs, field.Invalid(path.Child(c.child).Key(string(name)), c.shown.String(),
				fmt.Sprintf(c.format, c.high.String(), c.low.String())))
		}
	}
	errs = append(errs, compareRatio(ratio, min, max, path.Child("maxLimitRequestRatio").Key(string(name)))...)
	if limit.set && request.set && !mayOvercommit(name) && limit.Cmp(request.Quantity) != 0 {
		errs = append(errs, field.Invalid(path.Child("defaultRequest").Key(string(name)), request.String(),
			fmt.Sprintf("default value %s must equal to defaultRequest value %s in %s", limit.String(), request.String(), name)))
	}
	return errs
}

func compareRatio(ratio, min, max bound, path *field.Path) (errs field.ErrorList) {
	if !ratio.set {
		return nil
	}
	if ratio.Cmp(resource.MustParse("1")) < 0 {
		errs = append(errs, field.Invalid(path, ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	if !min.set || !max.set {
		return errs
	}
	if limit := max.AsApproximateFloat64() / min.AsApproximateFloat64(); ratio.AsApproximateFloat64() > limit {
		errs = append(errs, field.Invalid(path, ratio.String(), fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), limit)))
	}
	return errs
}

// mayOvercommit reports whether a container's limit for a resource may be above
// its request.
func mayOvercommit(name corev1.ResourceName) bool {
	return corevalidation.IsNativeResource(name) && !strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}
