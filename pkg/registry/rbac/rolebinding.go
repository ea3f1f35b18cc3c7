package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func roleBindings() *registry.Resource {
	return registry.Define(registry.Kind[*rbacv1.RoleBinding]{
		Group: rbacv1.GroupName, Version: version, Kind: "RoleBinding",
		Resource: "rolebindings", Namespaced: true,
		Columns: bindingColumns(rbacv1.RoleBinding{}.SwaggerDoc()["roleRef"]),
		Cells: func(b *rbacv1.RoleBinding) []any {
			users, groups, accounts := subjectTexts(b.Subjects)
			return []any{b.Name, roleText(&b.RoleRef), columns.Created(b), users, groups, accounts}
		},
		ValidateName: apipath.ValidatePathSegmentName,
		Default:      func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
		Validate: func(b *rbacv1.RoleBinding) field.ErrorList {
			errs := validateRoleRef(&b.RoleRef, "Role", "ClusterRole")
			return append(errs, validateSubjects(b.Subjects)...)
		},
		ValidateUpdate: func(obj, old *rbacv1.RoleBinding) field.ErrorList {
			return sameRole(&obj.RoleRef, &old.RoleRef)
		},
		AllowCreateOnUpdate: true,
	})
}

func clusterRoleBindings() *registry.Resource {
	return registry.Define(registry.Kind[*rbacv1.ClusterRoleBinding]{
		Group: rbacv1.GroupName, Version: version, Kind: "ClusterRoleBinding",
		Resource: "clusterrolebindings",
		Columns:  bindingColumns(rbacv1.ClusterRoleBinding{}.SwaggerDoc()["roleRef"]),
		Cells: func(b *rbacv1.ClusterRoleBinding) []any {
			users, groups, accounts := subjectTexts(b.Subjects)
			return []any{b.Name, roleText(&b.RoleRef), columns.Created(b), users, groups, accounts}
		},
		ValidateName: apipath.ValidatePathSegmentName,
		Default:      func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
		Validate: func(b *rbacv1.ClusterRoleBinding) field.ErrorList {
			errs := validateRoleRef(&b.RoleRef, "ClusterRole")
			return append(errs, validateSubjects(b.Subjects)...)
		},
		ValidateUpdate: func(obj, old *rbacv1.ClusterRoleBinding) field.ErrorList {
			return sameRole(&obj.RoleRef, &old.RoleRef)
		},
		AllowCreateOnUpdate: true,
	})
}

func defaultBinding(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	fill.Value(&ref.APIGroup, rbacv1.GroupName)
	for i := range subjects {
		s := &subjects[i]
		if s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind {
			fill.Value(&s.APIGroup, rbacv1.GroupName)
		}
	}
}

func validateRoleRef(ref *rbacv1.RoleRef, kinds ...string) field.ErrorList {
	path := field.NewPath("roleRef")
	errs := corevalidation.OneOf(ref.APIGroup, path.Child("apiGroup"), rbacv1.GroupName)
	errs = append(errs, corevalidation.OneOf(ref.Kind, path.Child("kind"), kinds...)...)
	if ref.Name == "" {
		return append(errs, field.Required(path.Child("name"), ""))
	}
	return append(errs, check.Messages(path.Child("name"), ref.Name, apipath.ValidatePathSegmentName(ref.Name, false))...)
}

// sameRole says that a binding cannot be turned to another role: who could edit
// it would give away what the new role allows.
func sameRole(obj, old *rbacv1.RoleRef) field.ErrorList {
	if *obj == *old {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("roleRef"), check.Shown(*obj), "cannot change roleRef")}
}

func validateSubjects(subjects []rbacv1.Subject) field.ErrorList {
	var errs field.ErrorList
	for i := range subjects {
		errs = append(errs, validateSubject(&subjects[i], field.NewPath("subjects").Index(i))...)
	}
	return errs
}

func validateSubject(s *rbacv1.Subject, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		if s.Name != "" {
			errs = append(errs, corevalidation.DNSSubdomain(s.Name, path.Child("name"))...)
		}
		errs = append(errs, corevalidation.OneOf(s.APIGroup, path.Child("apiGroup"), "")...)
		if s.Namespace == "" {
			errs = append(errs, field.Required(path.Child("namespace"), ""))
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
		errs = append(errs, corevalidation.OneOf(s.APIGroup, path.Child("apiGroup"), rbacv1.GroupName)...)
	default:
		errs = append(errs, field.NotSupported(path.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	return errs
}

func bindingColumns(roleRef string) []registry.Column {
	return []registry.Column{
		columns.Name(),
		columns.Text("Role", roleRef),
		columns.Age(),
		columns.Wide(columns.Text("Users", "Users in the roleBinding")),
		columns.Wide(columns.Text("Groups", "Groups in the roleBinding")),
		columns.Wide(columns.Text("ServiceAccounts", "ServiceAccounts in the roleBinding")),
	}
}

func roleText(ref *rbacv1.RoleRef) string { return ref.Kind + "/" + ref.Name }

func subjectTexts(subjects []rbacv1.Subject) (users, groups, accounts string) {
	var us, gs, as []string
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			us = append(us, s.Name)
		case rbacv1.GroupKind:
			gs = append(gs, s.Name)
		case rbacv1.ServiceAccountKind:
			as = append(as, s.Namespace+"/"+s.Name)
		}
	}
	const comma = ", "
	return strings.Join(us, comma), strings.Join(gs, comma), strings.Join(as, comma)
}
