package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// mountableSecretsKey limits which secrets a service account's pods may mount.
const mountableSecretsKey = "kubernetes.io/enforce-mountable-secrets"

// ServiceAccounts is the ServiceAccount kind.
func ServiceAccounts() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.ServiceAccount]{
		Version: "v1", Kind: "ServiceAccount",
		Resource: "serviceaccounts", ShortNames: []string{"sa"}, Namespaced: true,
		Columns:       []registry.Column{columns.Name(), columns.Age()},
		Cells:         func(s *corev1.ServiceAccount) []any { return []any{s.Name, columns.Created(s)} },
		Prepare:       func(_ *registry.Request, s *corev1.ServiceAccount) { cleanSecretReferences(s) },
		PrepareUpdate: func(_ *registry.Request, s, _ *corev1.ServiceAccount) { cleanSecretReferences(s) },
		Warnings:      serviceAccountWarnings,
		ReturnDeleted: true,
	})
}

// cleanSecretReferences leaves of the references to secrets their names, since
// they are in the service account's own namespace.
func cleanSecretReferences(s *corev1.ServiceAccount) {
	for i, ref := range s.Secrets {
		s.Secrets[i] = corev1.ObjectReference{Name: ref.Name}
	}
}

func serviceAccountWarnings(s *corev1.ServiceAccount) []string {
	if _, ok := s.Annotations[mountableSecretsKey]; !ok {
		return nil
	}
	return []string{"metadata.annotations[" + mountableSecretsKey +
		"]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"}
}
