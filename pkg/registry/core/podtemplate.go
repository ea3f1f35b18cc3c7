package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// PodTemplates are templates of pods that stand for themselves.
func PodTemplates() *registry.Resource {
	template := field.NewPath("template")
	return registry.Define(registry.Kind[*corev1.PodTemplate]{
		Version: "v1", Kind: "PodTemplate", Resource: "podtemplates", Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Containers", "Names of each container in the template."),
			columns.Text("Images", "Images referenced by each container in the template."),
			columns.Text("Pod Labels", "The labels for the pod template."),
		},
		Cells: func(t *corev1.PodTemplate) []any {
			names, images := columns.Containers(t.Template.Spec.Containers)
			return []any{t.Name, names, images, columns.Labels(t.Template.Labels)}
		},
		Default:       func(t *corev1.PodTemplate) { podspec.DefaultPodSpec(&t.Template.Spec) },
		Prepare:       func(_ *registry.Request, t *corev1.PodTemplate) { podspec.DropUnserved(&t.Template.Spec) },
		PrepareUpdate: func(_ *registry.Request, t, _ *corev1.PodTemplate) { podspec.DropUnserved(&t.Template.Spec) },
		Validate: func(t *corev1.PodTemplate) field.ErrorList {
			return podspec.ValidatePodTemplate(&t.Template, template)
		},
		Warnings:      func(t *corev1.PodTemplate) []string { return podspec.TemplateWarnings(&t.Template, template) },
		Spec:          func(t *corev1.PodTemplate) any { return &t.Template },
		ReturnDeleted: true,
	})
}
