package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// ResourceQuotas is the ResourceQuota kind.
func ResourceQuotas() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.ResourceQuota]{
		Version: "v1", Kind: "ResourceQuota",
		Resource: "resourcequotas", ShortNames: []string{"quota"}, Namespaced: true,
		Columns: []registry.Column{columns.Name(),
			columns.Text("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
			columns.Text("Limit", "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."),
			columns.Age()},
		Cells:          resourceQuotaCells,
		Validate:       validateResourceQuota,
		ValidateUpdate: validateResourceQuotaUpdate,
		Status:         func(q *corev1.ResourceQuota) any { return &q.Status },
		ValidateStatus: validateResourceQuotaStatus,
		ReturnDeleted:  true,
	})
}

func resourceQuotaCells(q *corev1.ResourceQuota) []any {
	var requests, limits []string
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		text := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits") {
			limits = append(limits, text)
		} else {
			requests = append(requests, text)
		}
	}
	return []any{q.Name, strings.Join(requests, ", "), strings.Join(limits, ", "), columns.Created(q)}
}

func validateResourceQuota(q *corev1.ResourceQuota) field.ErrorList {
	spec := field.NewPath("spec")
	errs := quotaAmounts(q.Spec.Hard, spec.Child("hard"))
	errs = append(errs, quotaScopes(q.Spec, spec.Child("scopes"))...)
	if q.Spec.ScopeSelector != nil {
		errs = append(errs, quotaScopeSelector(q.Spec, spec.Child("scopeSelector", "matchExpressions"))...)
	}
	return errs
}

func validateResourceQuotaUpdate(obj, old *corev1.ResourceQuota) field.ErrorList {
	now, was := slices.Sorted(slices.Values(obj.Spec.Scopes)), slices.Sorted(slices.Values(old.Spec.Scopes))
	if slices.Equal(slices.Compact(now), slices.Compact(was)) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec", "scopes"), obj.Spec.Scopes, "field is immutable")}
}

func validateResourceQuotaStatus(obj, _ *corev1.ResourceQuota) field.ErrorList {
	status := field.NewPath("status")
	return append(quotaAmounts(obj.Status.Hard, status.Child("hard")), quotaAmounts(obj.Status.Used, status.Child("used"))...)
}

func quotaAmounts(list corev1.ResourceList, path *field.Path) (errs field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		at := path.Key(string(name))
		errs = append(errs, quotaResource(name, at)...)
		errs = append(errs, corevalidation.ResourceQuantity(name, list[name], at)...)
	}
	return errs
}

func quotaResource(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := corevalidation.QualifiedName(string(name), path)
	if len(errs) > 0 || strings.Contains(string(name), "/") || isQuotaResource(name) {
		return errs
	}
	return field.ErrorList{field.Invalid(path, name, "must be a standard resource for quota")}
}

// isPodQuota reports whether a quota counts pods or what they compute with.
func isPodQuota(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, "count/pods", corev1.ResourceCPU, corev1.ResourceMemory,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory:
		return true
	}
	return false
}

// isQuotaResource reports whether a name without a domain can be limited.
func isQuotaResource(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceEphemeralStorage, corev1.ResourceRequestsEphemeralStorage, corev1.ResourceLimitsEphemeralStorage,
		corev1.ResourceRequestsStorage, corev1.ResourceQuotas, corev1.ResourceServices,
		corev1.ResourceReplicationControllers, corev1.ResourceSecrets, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceConfigMaps, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers:
		return true
	}
	s := strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return isPodQuota(name) || strings.HasPrefix(s, corev1.ResourceHugePagesPrefix)
}

// isStandardResource reports whether a name without a domain is one that the
// API knows for anything.
func isStandardResource(name corev1.ResourceName) bool {
	return isQuotaResource(name) || name == corev1.ResourceStorage
}

// scopeLimits reports whether a quota of a scope can limit a resource.
func scopeLimits(scope corev1.ResourceQuotaScope, name corev1.ResourceName) bool {
	if !isQuotaResource(name) {
		return true
	}
	switch scope {
	case corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort,
		corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return isPodQuota(name)
	case corev1.ResourceQuotaScopeBestEffort:
		return name == corev1.ResourcePods || name == "count/pods"
	case corev1.ResourceQuotaScopeVolumeAttributesClass:
		return name == corev1.ResourcePersistentVolumeClaims || name == corev1.ResourceRequestsStorage
	}
	return true
}

func isQuotaScope(s corev1.ResourceQuotaScope) bool {
	switch s {
	case corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeBestEffort,
		corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopePriorityClass,
		corev1.ResourceQuotaScopeCrossNamespacePodAffinity, corev1.ResourceQuotaScopeVolumeAttributesClass:
		return true
	}
	return false
}

func quotaScopes(spec corev1.ResourceQuotaSpec, path *field.Path) (errs field.ErrorList) {
	for _, s := range spec.Scopes {
		if !isQuotaScope(s) {
			errs = append(errs, field.Invalid(path, spec.Scopes, "unsupported scope"))
		}
		errs = append(errs, unlimited(s, spec, spec.Scopes, path)...)
	}
	return append(errs, scopeConflicts(spec.Scopes, spec.Scopes, path)...)
}

// unlimited reports the resources that a quota of a scope cannot limit.
func unlimited(s corev1.ResourceQuotaScope, spec corev1.ResourceQuotaSpec, shown any, path *field.Path) (errs field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(spec.Hard)) {
		if !scopeLimits(s, name) {
			errs = append(errs, field.Invalid(path, shown, "unsupported scope applied to resource"))
		}
	}
	return errs
}

func scopeConflicts(scopes []corev1.ResourceQuotaScope, shown any, path *field.Path) (errs field.ErrorList) {
	for _, pair := range [][2]corev1.ResourceQuotaScope{
		{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort},
		{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating},
	} {
		if slices.Contains(scopes, pair[0]) && slices.Contains(scopes, pair[1]) {
			errs = append(errs, field.Invalid(path, shown, "conflicting scopes"))
		}
	}
	return errs
}

func quotaScopeSelector(spec corev1.ResourceQuotaSpec, path *field.Path) (errs field.ErrorList) {
	var scopes []corev1.ResourceQuotaScope
	for _, r := range spec.ScopeSelector.MatchExpressions {
		if !isQuotaScope(r.ScopeName) {
			errs = append(errs, field.Invalid(path.Child("scopeName"), r.ScopeName, "unsupported scope"))
		}
		errs = append(errs, unlimited(r.ScopeName, spec, spec.ScopeSelector, path)...)
		errs = append(errs, scopeRequirement(r, path)...)
		scopes = append(scopes, r.ScopeName)
	}
	return append(errs, scopeConflicts(scopes, spec.ScopeSelector, path)...)
}

func scopeRequirement(r corev1.ScopedResourceSelectorRequirement, path *field.Path) (errs field.ErrorList) {
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeTerminating,
		corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		if r.Operator != corev1.ScopeSelectorOpExists {
			errs = append(errs, field.Invalid(path.Child("operator"), r.Operator,
				"must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
		}
	}
	switch r.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(r.Values) != 0 {
			errs = append(errs, field.Invalid(path.Child("values"), r.Values, "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	return errs
}
