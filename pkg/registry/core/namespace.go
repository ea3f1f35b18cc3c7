package core

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// Namespaces is the Namespace kind.
//
// A namespace goes away in two steps: DELETE makes it Terminating, and it is
// removed once both its spec's finalizers, which only /finalize changes, and its
// metadata's are gone.
func Namespaces() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Namespace]{
		Version: "v1", Kind: "Namespace",
		Resource: "namespaces", ShortNames: []string{"ns"},
		// Deleting all namespaces at once is nobody's wish.
		Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"},
		Fields: []registry.Field[*corev1.Namespace]{
			{Name: "status.phase", Get: func(n *corev1.Namespace) string { return string(n.Status.Phase) }},
		},
		Columns:        []registry.Column{columns.Name(), columns.Text("Status", "The status of the namespace"), columns.Age()},
		Cells:          namespaceCells,
		Default:        defaultNamespace,
		Prepare:        prepareNamespace,
		PrepareUpdate:  func(_ *registry.Request, obj, old *corev1.Namespace) { obj.Spec.Finalizers = old.Spec.Finalizers },
		Validate:       validateNamespace,
		ValidateName:   validation.ValidateNamespaceName,
		Status:         func(n *corev1.Namespace) any { return &n.Status },
		ValidateStatus: validateNamespaceStatus,
		ReturnDeleted:  true,
		BeforeDelete:   terminateNamespace,
		Finalized:      namespaceFinalized,
		Parts: []registry.Part[*corev1.Namespace]{{
			Name: "finalize", Verbs: []string{"update"}, Ignored: []string{"status"},
			Prepare:  func(_ *registry.Request, obj, old *corev1.Namespace) { obj.Status = old.Status },
			Validate: func(obj, _ *corev1.Namespace) field.ErrorList { return validateFinalizers(obj, (*field.Path).Index) },
		}},
	})
}

func namespaceCells(n *corev1.Namespace) []any {
	return []any{n.Name, string(n.Status.Phase), columns.Created(n)}
}

// defaultNamespace keeps the label by which policies select namespaces by name.
// It does so on every write, so that nobody can pretend to be another namespace.
func defaultNamespace(n *corev1.Namespace) {
	if n.Status.Phase == "" {
		n.Status.Phase = corev1.NamespaceActive
	}
	if n.Name == "" { // generateName: prepareNamespace does it
		return
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func prepareNamespace(_ *registry.Request, n *corev1.Namespace) {
	defaultNamespace(n)
	n.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

func validateNamespace(n *corev1.Namespace) field.ErrorList {
	return validateFinalizers(n, func(p *field.Path, _ int) *field.Path { return p })
}

// validateFinalizers reports bad finalizers of the spec at the path that at makes
// of the list's path and an index.
func validateFinalizers(n *corev1.Namespace, at func(*field.Path, int) *field.Path) (errs field.ErrorList) {
	path := field.NewPath("spec", "finalizers")
	for i, f := range n.Spec.Finalizers {
		errs = append(errs, finalizerName(string(f), at(path, i))...)
	}
	return errs
}

func finalizerName(name string, path *field.Path) (errs field.ErrorList) {
	for _, msg := range utilvalidation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	if !strings.Contains(name, "/") && name != string(corev1.FinalizerKubernetes) &&
		name != metav1.FinalizerOrphanDependents && name != metav1.FinalizerDeleteDependents {
		errs = append(errs, field.Invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified"))
	}
	return errs
}

func validateNamespaceStatus(obj, _ *corev1.Namespace) field.ErrorList {
	want, when := corev1.NamespaceActive, "empty"
	if obj.DeletionTimestamp != nil {
		want, when = corev1.NamespaceTerminating, "not empty"
	}
	if obj.Status.Phase == want {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("status", "Phase"), obj.Status.Phase,
		"may only be '"+string(want)+"' if `deletionTimestamp` is "+when)}
}

// terminateNamespace refuses to delete what the system itself lives in.
func terminateNamespace(_ *registry.Request, n *corev1.Namespace) error {
	switch n.Name {
	case metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic:
		return apierrors.NewForbidden(corev1.Resource("namespaces"), n.Name, errors.New("this namespace may not be deleted"))
	}
	n.Status.Phase = corev1.NamespaceTerminating
	return nil
}

// namespaceFinalized: even a namespace without finalizers is first marked, so
// that nothing is created in it any more, and goes with the next write.
func namespaceFinalized(n *corev1.Namespace) bool {
	return n.DeletionTimestamp != nil && len(n.Spec.Finalizers) == 0
}
