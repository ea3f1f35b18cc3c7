package flowcontrol

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestFlowSchema(t *testing.T) {
	r := kindtest.Find(t, Kinds(), "flowschemas")
	const level = "priorityLevelConfiguration: {name: l}"
	const resources = "resourceRules: [{apiGroups: [''], namespaces: ['*'], resources: [pods], verbs: [get]}]"
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec: {" + level + "}", Want: "metadata: {generation: 1}\nspec: {" + level + ", matchingPrecedence: 1000}\nstatus: {}\n"},
		{Name: "nothing", Body: "{}", Err: "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"},
		{Name: "first", Body: "spec: {" + level + ", matchingPrecedence: 1}", Err: "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"},
		{Name: "exempt", Body: "metadata: {name: exempt}\nspec: {" + level + ", matchingPrecedence: 1}"},
		{Name: "method", Body: "spec: {" + level + ", matchingPrecedence: 10001, distinguisherMethod: {type: Foo}}", Err: `[spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000, spec.distinguisherMethod.type: Unsupported value: {"Type":"Foo"}: supported values: "ByNamespace", "ByUser"]`},
		{Name: "no rules", Body: "spec: {" + level + ", rules: [{subjects: [{kind: User, user: {name: a}}]}, {" + resources + "}]}",
			Err: "[spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty, spec.rules[1].subjects: Required value: subjects must contain at least one value]"},
		{Name: "subjects", Body: "spec: {" + level + ", rules: [{subjects: [{kind: Foo}, {kind: User, group: {name: a}}, {kind: ServiceAccount, serviceAccount: {name: A_b, namespace: ''}}], " + resources + "}]}",
			Err: `[spec.rules[0].subjects[0].kind: Unsupported value: "Foo": supported values: "Group", "ServiceAccount", "User", spec.rules[0].subjects[1].user: Required value: user is required when subject kind is 'User', spec.rules[0].subjects[1].group: Forbidden: group is forbidden when subject kind is not 'Group', spec.rules[0].subjects[2].serviceAccount.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), spec.rules[0].subjects[2].serviceAccount.namespace: Required value: must specify namespace for service account]`},
		{Name: "rules", Body: "spec: {" + level + ", rules: [{subjects: [{kind: User, user: {name: a}}], resourceRules: [{apiGroups: [], resources: [], verbs: ['*', get]}], nonResourceRules: [{verbs: [foo], nonResourceURLs: [x, /a*b, /ok/*]}]}]}",
			Err: `[spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs, spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group, spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource, spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace, spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["foo"]: supported values: "delete", "get", "head", "options", "patch", "post", "put", spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash, spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*b": wildcard can only do suffix matching]`},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "status", Sub: "status", Old: "metadata: {labels: {a: b}}\nspec: {" + level + "}", Body: "metadata: {labels: {c: d}}\nstatus: {conditions: [{type: A}, {type: A}, {}]}",
		Err: `[status.conditions[1].type: Duplicate value: "A", status.conditions[2].type: Required value: must not be empty]`}.Run(t, r)
	kindtest.Updates{Name: "metadata through status", Sub: "status", Old: "metadata: {labels: {a: b}}\nspec: {" + level + "}", Body: "metadata: {labels: {c: d}}", Want: "metadata: {generation: 1, labels: {a: b}}\nspec: {" + level + ", matchingPrecedence: 1000}\nstatus: {}\n"}.Run(t, r)
	kindtest.Row{Name: "new", Body: "spec: {" + level + "}", Want: "x | l | 1000 | <none> | <age> | ?"}.Run(t, r)
	kindtest.Row{Name: "found", Body: "spec: {" + level + ", distinguisherMethod: {type: ByUser}}\nstatus: {conditions: [{type: Dangling, status: 'False'}]}", Want: "x | l | 1000 | ByUser | <age> | False"}.Run(t, r)
}

func TestPriorityLevelConfiguration(t *testing.T) {
	r := kindtest.Find(t, Kinds(), "prioritylevelconfigurations")
	for _, c := range []kindtest.Creates{
		{Name: "queues", Body: "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}",
			Want: "metadata: {generation: 1}\nspec: {type: Limited, limited: {lendablePercent: 0, nominalConcurrencyShares: 30, limitResponse: {type: Queue, queuing: {handSize: 8, queueLengthLimit: 50, queues: 64}}}}\nstatus: {}\n"},
		{Name: "exempt", Body: "spec: {type: Exempt, exempt: {}}", Want: "metadata: {generation: 1}\nspec: {type: Exempt, exempt: {lendablePercent: 0, nominalConcurrencyShares: 0}}\nstatus: {}\n"},
		{Name: "nothing", Body: "{}", Err: `spec.type: Unsupported value: "": supported values: "Exempt", "Limited"`},
		{Name: "other part", Body: "spec: {type: Limited, exempt: {}}", Err: "[spec.exempt: Forbidden: must be nil if the type is Limited, spec.limited: Required value: must not be empty when type is Limited]"},
		{Name: "numbers", Body: "spec: {type: Limited, limited: {nominalConcurrencyShares: -1, lendablePercent: 101, borrowingLimitPercent: -1, limitResponse: {type: Foo}}}",
			Err: `[spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer, spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive, spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer, spec.limited.limitResponse.type: Unsupported value: "Foo": supported values: "Queue", "Reject"]`},
		{Name: "hand", Body: "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 4, handSize: 5}}}}", Err: "spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)"},
		{Name: "too big a hand", Body: "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 1024, handSize: 7}}}}", Err: "spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60"},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "queues", Body: "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}", Want: "x | Limited | 30 | 64 | 8 | 50 | <age>"}.Run(t, r)
	kindtest.Row{Name: "exempt", Body: "spec: {type: Exempt}", Want: "x | Exempt | <none> | <none> | <none> | <none> | <age>"}.Run(t, r)
}
