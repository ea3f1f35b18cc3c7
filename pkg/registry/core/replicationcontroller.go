package core

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// ReplicationControllers is the ReplicationController kind.
func ReplicationControllers() *registry.Resource {
	type rc = corev1.ReplicationController
	spec, status := corev1.ReplicationControllerSpec{}.SwaggerDoc(), corev1.ReplicationControllerStatus{}.SwaggerDoc()
	return registry.Define(registry.Kind[*rc]{
		Version: "v1", Kind: "ReplicationController",
		Resource: "replicationcontrollers", ShortNames: []string{"rc"}, Categories: []string{"all"}, Namespaced: true,
		Prefix: "controllers",
		Fields: []registry.Field[*rc]{
			{Name: "status.replicas", Get: func(c *rc) string { return decimal(c.Status.Replicas) }},
		},
		Columns: []registry.Column{columns.Name(),
			columns.Integer("Desired", spec["replicas"]),
			columns.Integer("Current", status["replicas"]),
			columns.Integer("Ready", status["readyReplicas"]),
			columns.Age(),
			columns.Wide(columns.Text("Containers", "Names of each container in the template.")),
			columns.Wide(columns.Text("Images", "Images referenced by each container in the template.")),
			columns.Wide(columns.Text("Selector", spec["selector"]))},
		Cells:           replicationControllerCells,
		Default:         defaultReplicationController,
		Validate:        validateReplicationController,
		Spec:            func(c *rc) any { return &c.Spec },
		Status:          func(c *rc) any { return &c.Status },
		ValidateStatus:  validateReplicationControllerStatus,
		OrphanByDefault: true,
		Scale: &registry.Scale[*rc]{
			Replicas:       func(c *rc) int32 { return orZero(c.Spec.Replicas) },
			SetReplicas:    func(c *rc, n int32) { c.Spec.Replicas = &n },
			StatusReplicas: func(c *rc) int32 { return c.Status.Replicas },
			Selector:       func(c *rc) string { return labels.Set(c.Spec.Selector).String() },
		},
	})
}

func replicationControllerCells(c *corev1.ReplicationController) []any {
	var names, images string
	if c.Spec.Template != nil {
		names, images = columns.Containers(c.Spec.Template.Spec.Containers)
	}
	return []any{c.Name, int64(orZero(c.Spec.Replicas)), int64(c.Status.Replicas), int64(c.Status.ReadyReplicas),
		columns.Created(c), names, images, columns.Labels(c.Spec.Selector)}
}

// defaultReplicationController takes selector and labels from the template when
// there are none.
func defaultReplicationController(c *corev1.ReplicationController) {
	if c.Spec.Replicas == nil {
		one := int32(1)
		c.Spec.Replicas = &one
	}
	t := c.Spec.Template
	if t == nil {
		return
	}
	if len(c.Spec.Selector) == 0 {
		c.Spec.Selector = maps.Clone(t.Labels)
	}
	if len(c.Labels) == 0 {
		c.Labels = maps.Clone(t.Labels)
	}
	podspec.DefaultPodSpec(&t.Spec)
}

func validateReplicationController(c *corev1.ReplicationController) field.ErrorList {
	path := field.NewPath("spec")
	errs := validation.ValidateNonnegativeField(int64(c.Spec.MinReadySeconds), path.Child("minReadySeconds"))
	if len(c.Spec.Selector) == 0 {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	}
	errs = append(errs, validation.ValidateNonnegativeField(int64(orZero(c.Spec.Replicas)), path.Child("replicas"))...)
	return append(errs, validateControllerTemplate(c, path.Child("template"))...)
}

func validateControllerTemplate(c *corev1.ReplicationController, path *field.Path) (errs field.ErrorList) {
	t := c.Spec.Template
	if t == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(c.Spec.Selector) > 0 && !labels.SelectorFromSet(c.Spec.Selector).Matches(labels.Set(t.Labels)) {
		errs = append(errs, field.Invalid(path.Child("metadata", "labels"), t.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, podspec.ValidatePodTemplate(t, path)...)
	if t.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("spec", "restartPolicy"), t.Spec.RestartPolicy,
			[]corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"),
			"activeDeadlineSeconds in ReplicationController is not Supported"))
	}
	return errs
}

func validateReplicationControllerStatus(obj, _ *corev1.ReplicationController) (errs field.ErrorList) {
	s, path := obj.Status, field.NewPath("status")
	counts := []struct {
		name  string
		value int64
	}{
		{"replicas", int64(s.Replicas)},
		{"fullyLabeledReplicas", int64(s.FullyLabeledReplicas)},
		{"readyReplicas", int64(s.ReadyReplicas)},
		{"availableReplicas", int64(s.AvailableReplicas)},
		{"observedGeneration", s.ObservedGeneration},
	}
	for _, c := range counts {
		errs = append(errs, validation.ValidateNonnegativeField(c.value, path.Child(c.name))...)
	}
	for _, c := range counts[1:4] {
		if c.value > int64(s.Replicas) {
			errs = append(errs, field.Invalid(path.Child(c.name), int32(c.value), "cannot be greater than status.replicas"))
		}
	}
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(path.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return errs
}
