package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func clusterRoles() *registry.Resource {
	return registry.Define(registry.Kind[*rbacv1.ClusterRole]{
		Group: rbacv1.GroupName, Version: version, Kind: "ClusterRole",
		Resource:            "clusterroles",
		ValidateName:        apipath.ValidatePathSegmentName,
		Default:             func(r *rbacv1.ClusterRole) { fill.NoEmpty(&r.Rules) },
		Validate:            validateClusterRole,
		AllowCreateOnUpdate: true,
	})
}

func validateClusterRole(r *rbacv1.ClusterRole) field.ErrorList {
	errs := validateRules(r.Rules, false)
	if r.AggregationRule == nil {
		return errs
	}
	path := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
		errs = append(errs, field.Required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range r.AggregationRule.ClusterRoleSelectors {
		s := &r.AggregationRule.ClusterRoleSelectors[i]
		errs = append(errs, corevalidation.LabelSelector(s, path.Index(i))...)
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			errs = append(errs, field.Invalid(path.Index(i), nil, "invalid label selector."))
		}
	}
	return errs
}
