// Package rbac holds the kinds of the API group rbac.authorization.k8s.io: Role,
// ClusterRole, RoleBinding and ClusterRoleBinding.
//
// It checks what a rule and a binding must look like. Whether somebody may give
// away what a rule allows is the authorizer's question, not asked here.
package rbac

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group, in the order of discovery.
func Kinds() []*registry.Resource {
	return []*registry.Resource{
		clusterRoleBindings(),
		clusterRoles(),
		roleBindings(),
		roles(),
	}
}

const version = "v1"
