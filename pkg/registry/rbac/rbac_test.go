package rbac

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestRoles(t *testing.T) {
	role, cluster := kindtest.Find(t, Kinds(), "roles"), kindtest.Find(t, Kinds(), "clusterroles")
	for _, c := range []kindtest.Creates{
		{Name: "odd name", Body: "metadata: {name: 'A:b@c'}\nrules: []\n", Want: "rules: null"},
		{Name: "slash", Body: "metadata: {name: a/b}", Err: "metadata.name: Invalid value: \"a/b\": may not contain '/'"},
		{Name: "empty rule", Body: "rules: [{}]", Err: "[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]"},
		{Name: "urls", Body: "rules: [{verbs: [get], nonResourceURLs: [/x], resources: [pods]}]", Err: `[rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs, rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs]`},
	} {
		c.Run(t, role)
	}
	for _, c := range []kindtest.Creates{
		{Name: "cluster urls", Body: "rules: [{verbs: [get], nonResourceURLs: [/x]}]"},
		{Name: "aggregation of nothing", Body: "aggregationRule: {}", Err: "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"},
		{Name: "aggregation", Body: "aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: In}]}]}",
			Err: "[aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn', aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.]"},
	} {
		c.Run(t, cluster)
	}
	for _, r := range Kinds() {
		if !r.AllowCreateOnUpdate || r.RefuseUnconditionalUpdate || r.Spec != nil {
			t.Errorf("%s: update may create, without a version, and there is no generation", r.Resource)
		}
	}
}

func TestBindings(t *testing.T) {
	binding, cluster := kindtest.Find(t, Kinds(), "rolebindings"), kindtest.Find(t, Kinds(), "clusterrolebindings")
	for _, c := range []kindtest.Creates{
		{Name: "defaults", Body: "roleRef: {kind: Role, name: x}\nsubjects: [{kind: User, name: u}, {kind: Group, name: g}, {kind: ServiceAccount, name: s, namespace: d}]\n",
			Want: "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: u}, {apiGroup: rbac.authorization.k8s.io, kind: Group, name: g}, {kind: ServiceAccount, name: s, namespace: d}]\n"},
		{Name: "nothing", Body: "{}", Err: `[roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole", roleRef.name: Required value]`},
		{Name: "subjects", Body: "roleRef: {kind: Role, name: a/b}\nsubjects: [{kind: Foo, name: a}, {kind: ServiceAccount, apiGroup: x, name: A_b}, {kind: User, apiGroup: x}]\n",
			Err: `[roleRef.name: Invalid value: "a/b": may not contain '/', subjects[0].kind: Unsupported value: "Foo": supported values: "ServiceAccount", "User", "Group", subjects[1].name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), subjects[1].apiGroup: Unsupported value: "x": supported values: "", subjects[1].namespace: Required value, subjects[2].name: Required value, subjects[2].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"]`},
	} {
		c.Run(t, binding)
	}
	kindtest.Creates{Name: "role in the cluster", Body: "roleRef: {kind: Role, name: x}", Err: `roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`}.Run(t, cluster)
	for _, c := range []kindtest.Updates{
		{Name: "role", Old: "roleRef: {kind: ClusterRole, name: a}", Body: "roleRef: {kind: ClusterRole, name: b}", Err: `roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"b"}: cannot change roleRef`},
		{Name: "subjects", Old: "roleRef: {kind: ClusterRole, name: a}", Body: "roleRef: {kind: ClusterRole, name: a}\nsubjects: [{kind: User, name: u}]"},
	} {
		c.Run(t, binding)
		c.Run(t, cluster)
	}
	kindtest.Row{Name: "row", Body: "roleRef: {kind: ClusterRole, name: r}\nsubjects: [{kind: User, name: a}, {kind: User, name: b}, {kind: Group, name: g}, {kind: ServiceAccount, namespace: ns, name: s}]", Want: "x | ClusterRole/r | <age> | a, b | g | ns/s"}.Run(t, cluster)
	if got, want := kindtest.Header(binding), "Name | Role | Age | Users* | Groups* | ServiceAccounts*"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}
