package flowcontrol

import (
	"fmt"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const maxPrecedence = 10000

func flowSchemas() *registry.Resource {
	doc := flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*flowcontrolv1.FlowSchema]{
		Group: group, Version: version, Kind: "FlowSchema",
		Resource: "flowschemas",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("PriorityLevel", doc["priorityLevelConfiguration"]),
			columns.Text("MatchingPrecedence", doc["matchingPrecedence"]),
			columns.Text("DistinguisherMethod", doc["distinguisherMethod"]),
			columns.Age(),
			columns.Text("MissingPL", "references a broken or non-existent PriorityLevelConfiguration"),
		},
		Cells: flowSchemaCells,
		Default: func(s *flowcontrolv1.FlowSchema) {
			fill.Value(&s.Spec.MatchingPrecedence, 1000)
		},
		Validate:        validateFlowSchema,
		Spec:            func(s *flowcontrolv1.FlowSchema) any { return &s.Spec },
		Status:          func(s *flowcontrolv1.FlowSchema) any { return &s.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *flowcontrolv1.FlowSchema) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
		ValidateStatus: func(obj, _ *flowcontrolv1.FlowSchema) field.ErrorList {
			path := field.NewPath("status", "conditions")
			var errs field.ErrorList
			seen := map[flowcontrolv1.FlowSchemaConditionType]bool{}
			for i, c := range obj.Status.Conditions {
				errs = append(errs, conditionType(string(c.Type), seen[c.Type], path.Index(i))...)
				seen[c.Type] = true
			}
			return errs
		},
	})
}

// conditionType checks that a condition has a type of its own.
func conditionType(t string, seen bool, path *field.Path) field.ErrorList {
	switch {
	case t == "":
		return field.ErrorList{field.Required(path.Child("type"), "must not be empty")}
	case seen:
		return field.ErrorList{field.Duplicate(path.Child("type"), t)}
	}
	return nil
}

func flowSchemaCells(s *flowcontrolv1.FlowSchema) []any {
	method, missing := columns.None, "?"
	if m := s.Spec.DistinguisherMethod; m != nil {
		method = string(m.Type)
	}
	for _, c := range s.Status.Conditions {
		if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
			missing = string(c.Status)
			break
		}
	}
	return []any{s.Name, s.Spec.PriorityLevelConfiguration.Name, int64(s.Spec.MatchingPrecedence), method, columns.Created(s), missing}
}

func validateFlowSchema(s *flowcontrolv1.FlowSchema) field.ErrorList {
	path := field.NewPath("spec")
	precedence := path.Child("matchingPrecedence")
	var errs field.ErrorList
	if s.Spec.MatchingPrecedence <= 0 {
		errs = append(errs, field.Invalid(precedence, s.Spec.MatchingPrecedence, "must be a positive value"))
	}
	if s.Spec.MatchingPrecedence > maxPrecedence {
		errs = append(errs, field.Invalid(precedence, s.Spec.MatchingPrecedence, fmt.Sprintf("must not be greater than %d", maxPrecedence)))
	}
	if s.Spec.MatchingPrecedence == 1 && s.Name != flowcontrolv1.FlowSchemaNameExempt {
		errs = append(errs, field.Invalid(precedence, s.Spec.MatchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	if m := s.Spec.DistinguisherMethod; m != nil {
		methods := []flowcontrolv1.FlowDistinguisherMethodType{flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType}
		if !slices.Contains(methods, m.Type) {
			errs = append(errs, field.NotSupported(path.Child("distinguisherMethod", "type"), check.Shown(m), methods))
		}
	}
	level := path.Child("priorityLevelConfiguration", "name")
	if name := s.Spec.PriorityLevelConfiguration.Name; name == "" {
		errs = append(errs, field.Required(level, "must reference a priority level"))
	} else {
		errs = append(errs, corevalidation.DNSSubdomain(name, level)...)
	}
	for i := range s.Spec.Rules {
		errs = append(errs, validateRules(&s.Spec.Rules[i], path.Child("rules").Index(i))...)
	}
	return errs
}

func validateRules(r *flowcontrolv1.PolicyRulesWithSubjects, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(r.Subjects) == 0 {
		errs = append(errs, field.Required(path.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range r.Subjects {
		errs = append(errs, validateSubject(&r.Subjects[i], path.Child("subjects").Index(i))...)
	}
	if len(r.ResourceRules)+len(r.NonResourceRules) == 0 {
		errs = append(errs, field.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range r.ResourceRules {
		errs = append(errs, validateResourceRule(&r.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range r.NonResourceRules {
		errs = append(errs, validateNonResourceRule(&r.NonResourceRules[i], path.Child("nonResourceRules").Index(i))...)
	}
	return errs
}

// validateSubject checks that a subject has the part of its kind and no other.
func validateSubject(s *flowcontrolv1.Subject, path *field.Path) field.ErrorList {
	parts := []struct {
		kind  flowcontrolv1.SubjectKind
		field string
		set   bool
		check func(*field.Path) field.ErrorList
	}{
		{flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", s.ServiceAccount != nil,
			func(p *field.Path) field.ErrorList { return validateServiceAccount(s.ServiceAccount, p) }},
		{flowcontrolv1.SubjectKindUser, "user", s.User != nil,
			func(p *field.Path) field.ErrorList { return requiredName(s.User.Name, p) }},
		{flowcontrolv1.SubjectKindGroup, "group", s.Group != nil,
			func(p *field.Path) field.ErrorList { return requiredName(s.Group.Name, p) }},
	}
	known := false
	var errs field.ErrorList
	for _, p := range parts {
		if p.kind != s.Kind {
			continue
		}
		known = true
		if p.set {
			errs = append(errs, p.check(path.Child(p.field))...)
		} else {
			errs = append(errs, field.Required(path.Child(p.field), fmt.Sprintf("%s is required when subject kind is '%s'", p.field, p.kind)))
		}
	}
	if !known {
		return field.ErrorList{field.NotSupported(path.Child("kind"), s.Kind, []flowcontrolv1.SubjectKind{
			flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser})}
	}
	for _, p := range parts {
		if p.kind != s.Kind && p.set {
			errs = append(errs, field.Forbidden(path.Child(p.field), fmt.Sprintf("%s is forbidden when subject kind is not '%s'", p.field, p.kind)))
		}
	}
	return errs
}

func requiredName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path.Child("name"), "")}
	}
	return nil
}

func validateServiceAccount(s *flowcontrolv1.ServiceAccountSubject, path *field.Path) field.ErrorList {
	errs := requiredName(s.Name, path)
	if s.Name != "" && s.Name != flowcontrolv1.NameAll {
		errs = append(errs, corevalidation.DNSSubdomain(s.Name, path.Child("name"))...)
	}
	if s.Namespace == "" {
		return append(errs, field.Required(path.Child("namespace"), "must specify namespace for service account"))
	}
	return append(errs, check.Messages(path.Child("namespace"), s.Namespace, apivalidation.ValidateNamespaceName(s.Namespace, false))...)
}

var (
	resourceVerbs    = []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}
	nonResourceVerbs = []string{"delete", "get", "head", "options", "patch", "post", "put"}
)

// validateSet checks a list that names some things, or all with a star alone.
func validateSet(list []string, path *field.Path, things, missing string) field.ErrorList {
	var errs field.ErrorList
	if slices.Contains(list, "*") && len(list) > 1 {
		errs = append(errs, field.Invalid(path, list, "if '*' is present, must not specify other "+things))
	}
	if len(list) == 0 {
		errs = append(errs, field.Required(path, missing))
	}
	return errs
}

func validateVerbs(verbs, known []string, path *field.Path) field.ErrorList {
	errs := validateSet(verbs, path, "verbs", "verbs must contain at least one value")
	if slices.ContainsFunc(verbs, func(v string) bool { return v != "*" && !slices.Contains(known, v) }) {
		errs = append(errs, field.NotSupported(path, verbs, known))
	}
	return errs
}

func validateResourceRule(r *flowcontrolv1.ResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(r.Verbs, resourceVerbs, path.Child("verbs"))
	errs = append(errs, validateSet(r.APIGroups, path.Child("apiGroups"), "api groups", "resource rules must supply at least one api group")...)
	errs = append(errs, validateSet(r.Resources, path.Child("resources"), "resources", "resource rules must supply at least one resource")...)
	namespaces := path.Child("namespaces")
	switch {
	case len(r.Namespaces) == 0 && !r.ClusterScope:
		errs = append(errs, field.Required(namespaces, "resource rules that are not cluster scoped must supply at least one namespace"))
	case slices.Contains(r.Namespaces, "*"):
		errs = append(errs, validateSet(r.Namespaces, namespaces, "namespaces", "")...)
	default:
		for i, n := range r.Namespaces {
			for _, m := range apivalidation.ValidateNamespaceName(n, false) {
				errs = append(errs, field.Invalid(namespaces.Index(i), n, m))
			}
		}
	}
	return errs
}

func validateNonResourceRule(r *flowcontrolv1.NonResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(r.Verbs, nonResourceVerbs, path.Child("verbs"))
	urls := path.Child("nonResourceURLs")
	errs = append(errs, validateSet(r.NonResourceURLs, urls, "non-resource URLs", "nonResourceURLs must contain at least one value")...)
	for i, u := range r.NonResourceURLs {
		if m := checkURLPath(u); m != "" {
			errs = append(errs, field.Invalid(urls.Index(i), u, m))
		}
	}
	return errs
}

// checkURLPath says what is wrong with a path, which may end with a star.
func checkURLPath(s string) string {
	stars := strings.Count(s, "*")
	switch {
	case s == "":
		return "must not be empty"
	case s == "/", s == "*":
		return ""
	case !strings.HasPrefix(s, "/"):
		return "must start with slash"
	case strings.Contains(s, " "):
		return "must not contain white-space"
	case strings.Contains(s, "//"):
		return "must not contain double slash"
	case stars > 1, stars == 1 && !strings.HasSuffix(s, "/*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}
