package scheduling

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const (
	group = "scheduling.k8s.io"

	systemPrefix          = "system-"
	highestUserPriority   = int32(1_000_000_000)
	systemPriority        = 2 * highestUserPriority
	systemClusterCritical = "system-cluster-critical"
	systemNodeCritical    = "system-node-critical"
)

// errSystemClass is why a class of the system is not deleted.
var errSystemClass = errors.New("this is a system priority class and cannot be deleted")

// systemClass tells the classes that the cluster itself needs, with their values.
func systemClass(name string) (value int32, ok bool) {
	switch name {
	case systemClusterCritical:
		return systemPriority, true
	case systemNodeCritical:
		return systemPriority + 1000, true
	}
	return 0, false
}

func priorityClasses() *registry.Resource {
	doc := schedulingv1.PriorityClass{}.SwaggerDoc()
	return registry.Define(registry.Kind[*schedulingv1.PriorityClass]{
		Group: group, Version: "v1", Kind: "PriorityClass",
		Resource: "priorityclasses", ShortNames: []string{"pc"},
		Columns: []registry.Column{
			columns.Name(),
			columns.Integer("Value", doc["value"]),
			columns.Boolean("Global-Default", doc["globalDefault"]),
			columns.Age(),
			columns.Text("PreemptionPolicy", doc["preemptionPolicy"]),
		},
		Cells: func(c *schedulingv1.PriorityClass) []any {
			policy := ""
			if c.PreemptionPolicy != nil {
				policy = string(*c.PreemptionPolicy)
			}
			return []any{c.Name, int64(c.Value), c.GlobalDefault, columns.Created(c), policy}
		},
		Default: func(c *schedulingv1.PriorityClass) {
			fill.Pointer(&c.PreemptionPolicy, corev1.PreemptLowerPriority)
		},
		Validate: validatePriorityClass,
		ValidateUpdate: func(obj, old *schedulingv1.PriorityClass) field.ErrorList {
			var errs field.ErrorList
			if obj.Value != old.Value {
				errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
			}
			return append(errs, check.Immutable(obj.PreemptionPolicy, old.PreemptionPolicy, field.NewPath("preemptionPolicy"))...)
		},
		// The value is what a class is; it never changes, and so the generation
		// stays 1.
		Spec: func(c *schedulingv1.PriorityClass) any { return c.Value },
		BeforeDelete: func(_ *registry.Request, c *schedulingv1.PriorityClass) error {
			if _, ok := systemClass(c.Name); ok {
				return apierrors.NewForbidden(schema.GroupResource{Group: group, Resource: "priorityclasses"}, c.Name,
					errSystemClass)
			}
			return nil
		},
	})
}

func validatePriorityClass(c *schedulingv1.PriorityClass) field.ErrorList {
	var errs field.ErrorList
	value, system := systemClass(c.Name)
	switch {
	case !system && strings.HasPrefix(c.Name, systemPrefix):
		errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"),
			"priority class names with '"+systemPrefix+"' prefix are reserved for system use only. error: "+c.Name+" is not a known system priority class"))
	case system && c.Value != value:
		errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"),
			"priority class names with '"+systemPrefix+"' prefix are reserved for system use only. error: "+fmt.Sprintf("value in class %s should be %d", c.Name, value)))
	case !system && c.Value > highestUserPriority:
		errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %d", highestUserPriority)))
	}
	if c.PreemptionPolicy != nil {
		errs = append(errs, corevalidation.OneOf(*c.PreemptionPolicy, field.NewPath("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	return errs
}
