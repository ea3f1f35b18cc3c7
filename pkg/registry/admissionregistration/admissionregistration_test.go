package admissionregistration

import (
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func kind(t *testing.T, resource string) *registry.Resource {
	return kindtest.Find(t, Kinds(), resource)
}

const (
	rule     = "{apiGroups: [a], apiVersions: [v1], operations: [CREATE], resources: [foos]}"
	ruleDone = "{apiGroups: [a], apiVersions: [v1], operations: [CREATE], resources: [foos], scope: '*'}"
)

// hook is a webhook with more fields, or with others.
func hook(more string) string {
	return "webhooks: [{name: a.b.c, admissionReviewVersions: [v1], clientConfig: {url: 'https://h/x'}, rules: [" + rule + "], sideEffects: None" + more + "}]\n"
}

func TestWebhooks(t *testing.T) {
	m, v := kind(t, "mutatingwebhookconfigurations"), kind(t, "validatingwebhookconfigurations")
	const done = "{name: a.b.c, admissionReviewVersions: [v1], clientConfig: {url: 'https://h/x'}, rules: [" + ruleDone + "], sideEffects: None, failurePolicy: Fail, matchPolicy: Equivalent, namespaceSelector: {}, objectSelector: {}, timeoutSeconds: 10"
	kindtest.Creates{Name: "mutating", Body: hook(""), Want: "metadata: {generation: 1}\nwebhooks: [" + done + ", reinvocationPolicy: Never}]\n"}.Run(t, m)
	kindtest.Creates{Name: "reinvocation", Body: hook(", reinvocationPolicy: Foo"), Err: `webhooks[0].reinvocationPolicy: Unsupported value: "Foo": supported values: "IfNeeded", "Never"`}.Run(t, m)
	kindtest.Creates{Name: "validating", Body: hook(""), Want: "metadata: {generation: 1}\nwebhooks: [" + done + "}]\n"}.Run(t, v)
	for _, c := range []kindtest.Creates{
		{Name: "none", Body: "{}", Want: "metadata: {generation: 1}\n"},
		{Name: "policies", Body: hook(", failurePolicy: Foo, matchPolicy: Bar, timeoutSeconds: 31"),
			Err: `[webhooks[0].failurePolicy: Unsupported value: "Foo": supported values: "Fail", "Ignore", webhooks[0].matchPolicy: Unsupported value: "Bar": supported values: "Equivalent", "Exact", webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds]`},
		{Name: "conditions", Body: hook(", matchConditions: [{name: a, expression: x}, {name: a, expression: ' '}, {expression: x}]"),
			Err: `[webhooks[0].matchConditions[1].expression: Required value, webhooks[0].matchConditions[1].name: Duplicate value: "a", webhooks[0].matchConditions[2].name: Required value]`},
		{Name: "twice", Body: strings.Replace(hook(""), "[{name", "[{name: a.b.c, admissionReviewVersions: [v9], clientConfig: {}}, {name", 1),
			Err: `[webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun, webhooks[0].clientConfig: Required value: exactly one of url or service is required, webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1, webhooks[1].name: Duplicate value: "a.b.c"]`},
		{Name: "url", Body: strings.Replace(hook(""), "https://h/x", "http://u@h/x?q#f", 1),
			Err: `[webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path], webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL, webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL, webhooks[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL]`},
		{Name: "service", Body: strings.Replace(hook(""), "{url: 'https://h/x'}", "{service: {name: s, namespace: ns, path: x/y, port: 99999}}", 1),
			Err: `[webhooks[0].clientConfig.service.port: Invalid value: 99999: port is not valid: must be between 1 and 65535, inclusive, webhooks[0].clientConfig.service.path: Invalid value: "x/y": must start with a '/', webhooks[0].clientConfig.service.path: Invalid value: "x/y": segment[0] may not be empty]`},
		{Name: "rules", Body: strings.Replace(hook(""), rule, "{operations: ['*', CREATE], apiGroups: [], apiVersions: [''], resources: ['pods/*', 'pods/log', '*/*'], scope: Foo}", 1),
			Err: `[webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations, webhooks[0].rules[0].apiGroups: Required value, webhooks[0].rules[0].apiVersions[0]: Required value, webhooks[0].rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log, webhooks[0].rules[0].resources: Invalid value: ["pods/*","pods/log","*/*"]: if '*/*' is present, must not specify other resources, webhooks[0].rules[0].scope: Unsupported value: "Foo": supported values: "*", "Cluster", "Namespaced"]`},
	} {
		c.Run(t, v)
	}
	kindtest.Updates{Name: "generation", Old: hook(""), Body: hook(", failurePolicy: Ignore"), Want: "metadata: {generation: 2}\nwebhooks: [" + strings.Replace(done, "Fail", "Ignore", 1) + "}]\n"}.Run(t, v)
	kindtest.Row{Name: "row", Body: hook(""), Want: "x | 1 | <age>"}.Run(t, m)
	if got, want := kindtest.Header(m), "Name | Webhooks# | Age"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}

const (
	constraints     = "matchConstraints: {resourceRules: [" + rule + "]}"
	constraintsDone = "matchConstraints: {resourceRules: [" + ruleDone + "], matchPolicy: Equivalent, namespaceSelector: {}, objectSelector: {}}"
)

func TestValidatingPolicy(t *testing.T) {
	r := kind(t, "validatingadmissionpolicies")
	const validations = "validations: [{expression: 'true'}]"
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec: {" + constraints + ", " + validations + "}", Want: "metadata: {generation: 1}\nspec: {failurePolicy: Fail, " + constraintsDone + ", " + validations + "}\nstatus: {}\n"},
		{Name: "nothing", Body: "{}", Err: "[spec.matchConstraints: Required value, spec.validations: Required value: validations or auditAnnotations must contain at least one item, spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item]"},
		{Name: "no rules", Body: "spec: {matchConstraints: {}, " + validations + "}", Err: "spec.matchConstraints.resourceRules: Required value"},
		{Name: "parts", Body: "spec: {" + constraints + ", failurePolicy: Foo, paramKind: {apiVersion: a/b/c}, variables: [{name: a-b, expression: ' '}, {expression: x}], auditAnnotations: [{key: a b, valueExpression: ''}], validations: [{expression: ' ', message: \"a\\nb\", reason: Foo}]}",
			Err: "[" + strings.Join([]string{
				`spec.failurePolicy: Unsupported value: "Foo": supported values: "Fail", "Ignore"`,
				`spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
				`spec.paramKind.kind: Required value`,
				`spec.variables[0].name: Invalid value: "a-b": must be a valid CEL identifier`,
				`spec.variables[0].expression: Required value: expression is not specified`,
				`spec.variables[1].name: Required value: name is not specified`,
				`spec.validations[0].expression: Required value: expression is not specified`,
				`spec.validations[0].message: Invalid value: "a\nb": message must not contain line breaks`,
				`spec.validations[0].reason: Unsupported value: "Foo": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"`,
				`spec.auditAnnotations[0].key: Invalid value: "x/a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
				`spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified`}, ", ") + "]"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "metadata through status", Sub: "status", Old: "metadata: {labels: {a: b}}\nspec: {" + constraints + ", " + validations + "}", Body: "metadata: {labels: {c: d}}\nstatus: {observedGeneration: 1}",
		Want: "metadata: {generation: 1, labels: {a: b}}\nspec: {failurePolicy: Fail, " + constraintsDone + ", " + validations + "}\nstatus: {observedGeneration: 1}\n"}.Run(t, r)
	kindtest.Row{Name: "row", Body: "spec: {paramKind: {apiVersion: v1, kind: ConfigMap}, " + validations + "}", Want: "x | 1 | v1/ConfigMap | <age>"}.Run(t, r)
	kindtest.Row{Name: "bare", Body: "{}", Want: "x | 0 | <unset> | <age>"}.Run(t, r)
}

func TestMutatingPolicy(t *testing.T) {
	r := kind(t, "mutatingadmissionpolicies")
	const mutations = "mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{}'}}]"
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec: {" + constraints + ", " + mutations + ", reinvocationPolicy: Never}", Want: "metadata: {generation: 1}\nspec: {failurePolicy: Fail, " + constraintsDone + ", " + mutations + ", reinvocationPolicy: Never}\n"},
		{Name: "no reinvocation", Body: "spec: {" + constraints + ", " + mutations + "}", Err: "spec.reinvocationPolicy: Required value"},
		{Name: "mutations", Body: "spec: {" + constraints + ", reinvocationPolicy: Foo, mutations: [{patchType: Foo}, {patchType: JSONPatch, applyConfiguration: {expression: x}}, {patchType: ApplyConfiguration, applyConfiguration: {expression: ''}, jsonPatch: {expression: x}}]}",
			Err: `[spec.mutations[0].patchType: Unsupported value: "Foo": supported values: "ApplyConfiguration", "JSONPatch", spec.mutations[1].jsonPatch: Required value: must be specified when patchType is JSONPatch, spec.mutations[1].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch, spec.mutations[2].applyConfiguration.expression: Required value: expression is not specified, spec.mutations[2].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration, spec.reinvocationPolicy: Unsupported value: "Foo": supported values: "IfNeeded", "Never"]`},
		{Name: "delete", Body: "spec: {" + strings.Replace(constraints, "CREATE", "DELETE", 1) + ", " + mutations + ", reinvocationPolicy: Never}", Err: `spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"`},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "row", Body: "spec: {" + mutations + "}", Want: "x | 1 | <unset> | <age>"}.Run(t, r)
}

func TestBindings(t *testing.T) {
	v, m := kind(t, "validatingadmissionpolicybindings"), kind(t, "mutatingadmissionpolicybindings")
	for _, c := range []kindtest.Creates{
		{Name: "resources", Body: "spec: {policyName: p, validationActions: [Deny], matchResources: {resourceRules: [" + rule + "]}}",
			Want: "metadata: {generation: 1}\nspec: {policyName: p, validationActions: [Deny], matchResources: {resourceRules: [" + ruleDone + "], matchPolicy: Equivalent, namespaceSelector: {}, objectSelector: {}}}\n"},
		{Name: "nothing", Body: "{}", Err: "[spec.policyName: Required value, spec.validationActions: Required value: at least one validation action is required]"},
		{Name: "actions", Body: "spec: {policyName: p, validationActions: [Deny, Warn, Deny, Foo]}",
			Err: `[spec.validationActions[2]: Duplicate value: "Deny", spec.validationActions[3]: Unsupported value: "Foo": supported values: "Audit", "Deny", "Warn", spec.validationActions: Invalid value: ["Deny","Warn","Deny","Foo"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)]`},
	} {
		c.Run(t, v)
	}
	for _, c := range []kindtest.Creates{
		{Name: "both", Body: "spec: {policyName: p, paramRef: {name: a, selector: {}, parameterNotFoundAction: Foo}}",
			Err: `[spec.paramRef.name: Forbidden: name and selector are mutually exclusive, spec.paramRef.selector: Forbidden: name and selector are mutually exclusive, spec.paramRef.parameterNotFoundAction: Unsupported value: "Foo": supported values: "Deny", "Allow"]`},
		{Name: "neither", Body: "spec: {policyName: p, paramRef: {}}", Err: "[spec.paramRef: Required value: one of name or selector must be specified, spec.paramRef.parameterNotFoundAction: Required value]"},
	} {
		c.Run(t, m)
	}
	for _, c := range []kindtest.Row{
		{Name: "none", Body: "spec: {policyName: p}", Want: "x | p | <unset> | <age>"},
		{Name: "name", Body: "spec: {policyName: p, paramRef: {namespace: ns, name: a}}", Want: "x | p | ns/a | <age>"},
		{Name: "selector", Body: "spec: {policyName: p, paramRef: {selector: {matchLabels: {a: b}}}}", Want: "x | p | &LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},} | <age>"},
	} {
		c.Run(t, v)
		c.Run(t, m)
	}
	for _, r := range Kinds() {
		if !r.RefuseUnconditionalUpdate || len(r.Categories) != 1 {
			t.Errorf("%s: an update demands a version, and there is a category", r.Resource)
		}
	}
}
