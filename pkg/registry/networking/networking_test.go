package networking

import (
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func kind(t *testing.T, resource string) *registry.Resource {
	return kindtest.Find(t, Kinds(), resource)
}

// rule is an ingress with one path.
func rule(path string) string {
	return "spec: {rules: [{host: a.example.com, http: {paths: [{" + path + "}]}}]}\n"
}

func TestIngress(t *testing.T) {
	r := kind(t, "ingresses")
	const backend = "backend: {service: {name: s, port: {number: 80}}}"
	ok := rule("path: /, pathType: Prefix, " + backend)
	at := "spec.rules[0].http.paths[0]."
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec: {defaultBackend: {service: {name: s, port: {name: http}}}}", Want: "metadata: {generation: 1}\nspec: {defaultBackend: {service: {name: s, port: {name: http}}}}\nstatus: {loadBalancer: {}}\n"},
		{Name: "rule", Body: ok},
		{Name: "nothing", Body: "{}", Err: "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"},
		{Name: "no type", Body: rule("path: /, " + backend), Err: at + "pathType: Required value: pathType must be specified"},
		{Name: "type", Body: rule("path: /, pathType: Foo, " + backend), Err: at + `pathType: Unsupported value: "Foo": supported values: "Exact", "ImplementationSpecific", "Prefix"`},
		{Name: "path", Body: rule("path: a//b/./c%2fd/.., pathType: Exact, " + backend), Err: "[" + strings.Join([]string{
			at + `path: Invalid value: "a//b/./c%2fd/..": must be an absolute path`,
			at + `path: Invalid value: "a//b/./c%2fd/..": must not contain '//'`,
			at + `path: Invalid value: "a//b/./c%2fd/..": must not contain '/./'`,
			at + `path: Invalid value: "a//b/./c%2fd/..": must not contain '%2f'`,
			at + `path: Invalid value: "a//b/./c%2fd/..": cannot end with '/..'`}, ", ") + "]"},
		{Name: "no backend", Body: rule("pathType: ImplementationSpecific, backend: {}"), Err: at + `backend: Invalid value: "": resource or service backend is required`},
		{Name: "no port", Body: rule("pathType: ImplementationSpecific, backend: {service: {name: s}}"), Err: at + "backend: Required value: port name or number is required"},
		{Name: "address as host", Body: "spec: {rules: [{host: 1.2.3.4}]}", Err: `spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`},
		{Name: "class twice", Body: "metadata: {annotations: {kubernetes.io/ingress.class: x}}\nspec: {ingressClassName: z, defaultBackend: {resource: {kind: B, name: b}}}",
			Err: "annotations.kubernetes.io/ingress.class: Invalid value: \"x\": must match `ingressClassName` when both are specified"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "status", Sub: "status", Old: ok, Body: "status: {loadBalancer: {ingress: [{ip: x}, {hostname: 1.2.3.4}]}}",
		Err: `[status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address]`}.Run(t, r)
	for _, c := range []kindtest.Row{
		{Name: "bare", Body: "{}", Want: "x | <none> | * |  | 80 | <age>"},
		{Name: "rich", Body: "spec: {ingressClassName: c, tls: [{}], rules: [{host: a}, {}, {host: b}, {host: c}, {host: d}]}\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3.4}, {hostname: lb}, {ip: 1.2.3.4}]}}",
			Want: "x | c | a,b,c + 1 more... | 1.2.3.4,lb | 80, 443 | <age>"},
	} {
		c.Run(t, r)
	}
	if got := r.Warnings(kindtest.Read(t, r, "metadata: {annotations: {kubernetes.io/ingress.class: x}}")); len(got) != 1 {
		t.Errorf("warnings %v", got)
	}
}

func TestIngressClass(t *testing.T) {
	r := kind(t, "ingressclasses")
	for _, c := range []kindtest.Creates{
		{Name: "parameters", Body: "spec: {controller: a.b/c, parameters: {kind: K, name: p}}", Want: "metadata: {generation: 1}\nspec: {controller: a.b/c, parameters: {kind: K, name: p, scope: Cluster}}\n"},
		{Name: "nothing", Body: "{}", Err: "spec.controller: Required value"},
		{Name: "scope", Body: "spec: {controller: a.b/c, parameters: {name: p, scope: Foo}}", Err: `[spec.parameters.kind: Required value, spec.parameters.scope: Unsupported value: "Foo": supported values: "Cluster", "Namespace"]`},
		{Name: "namespace", Body: "spec: {controller: a.b/c, parameters: {kind: K, name: p, namespace: ns}}", Err: "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"},
		{Name: "no namespace", Body: "spec: {controller: a.b/c, parameters: {kind: K, name: p, scope: Namespace}}", Err: "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "controller", Old: "spec: {controller: a.b/c}", Body: "spec: {controller: a.b/d}", Err: `spec.controller: Invalid value: "a.b/d": field is immutable`}.Run(t, r)
	kindtest.Row{Name: "row", Body: "spec: {controller: a.b/c, parameters: {apiGroup: x.io, kind: K, name: p}}", Want: "x | a.b/c | K.x.io/p | <age>"}.Run(t, r)
	kindtest.Row{Name: "bare", Body: "spec: {controller: a.b/c}", Want: "x | a.b/c | <none> | <age>"}.Run(t, r)
}

func TestIPAddress(t *testing.T) {
	r := kind(t, "ipaddresses")
	const parent = "spec: {parentRef: {group: x.io, resource: foos, namespace: ns, name: f}}\n"
	for _, c := range []kindtest.Creates{
		{Name: "four", Body: "metadata: {name: 203.0.113.7}\n" + parent},
		{Name: "six", Body: "metadata: {name: '2001:db8::7'}\n" + parent},
		{Name: "name", Body: "metadata: {name: foo}\n" + parent, Err: `metadata.name: Invalid value: "foo": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`},
		{Name: "not canonical", Body: "metadata: {name: '2001:db8:0::9'}\n" + parent, Err: `metadata.name: Invalid value: "2001:db8:0::9": must be in canonical form ("2001:db8::9")`},
		{Name: "no parent", Body: "metadata: {name: 203.0.113.7}\n", Err: "spec.parentRef: Required value"},
		{Name: "parent", Body: "metadata: {name: 203.0.113.7}\nspec: {parentRef: {namespace: A/b}}\n", Err: "[spec.parentRef.resource: Required value, spec.parentRef.name: Required value, spec.parentRef.namespace: Invalid value: \"A/b\": may not contain '/']"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "parent", Old: "metadata: {name: 203.0.113.7}\n" + parent, Body: "metadata: {name: 203.0.113.7}\nspec: {parentRef: {resource: services, namespace: ns, name: s}}\n",
		Err: `spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"ns","Name":"s"}: field is immutable`}.Run(t, r)
	kindtest.Row{Name: "core", Body: "spec: {parentRef: {resource: services, namespace: ns, name: s}}", Want: "x | services/ns/s | <age>"}.Run(t, r)
	kindtest.Row{Name: "group", Body: parent, Want: "x | foos.x.io/ns/f | <age>"}.Run(t, r)
}

func TestServiceCIDR(t *testing.T) {
	r := kind(t, "servicecidrs")
	for _, c := range []kindtest.Creates{
		{Name: "two families", Body: "spec: {cidrs: [10.1.0.0/16, 'fd00::/112']}"},
		{Name: "none", Body: "{}", Err: "spec.cidrs: Required value: at least one CIDR required"},
		{Name: "bad", Body: "spec: {cidrs: [x, 10.1.0.1/16]}", Err: `[spec.cidrs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64), spec.cidrs[1]: Invalid value: "10.1.0.1/16": must not have bits set beyond the prefix length]`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "second family", Old: "spec: {cidrs: [10.1.0.0/16]}", Body: "spec: {cidrs: [10.1.0.0/16, 'fd00::/112']}"},
		{Name: "other range", Old: "spec: {cidrs: [10.1.0.0/16]}", Body: "spec: {cidrs: [10.2.0.0/16]}", Err: `spec.cidrs[0]: Invalid value: "10.2.0.0/16": field is immutable`},
		{Name: "one less", Old: "spec: {cidrs: [10.1.0.0/16, 'fd00::/112']}", Body: "spec: {cidrs: [10.1.0.0/16]}", Err: `spec.cidrs: Invalid value: ["10.1.0.0/16"]: field is immutable`},
		{Name: "metadata through status", Sub: "status", Old: "metadata: {labels: {a: b}}\nspec: {cidrs: [10.1.0.0/16]}", Body: "metadata: {labels: {c: d}, annotations: {e: f}}", Want: "metadata: {labels: {a: b}}\nspec: {cidrs: [10.1.0.0/16]}\nstatus: {}\n"},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "row", Body: "spec: {cidrs: [10.1.0.0/16, 'fd00::/112']}", Want: "x | 10.1.0.0/16,fd00::/112 | <age>"}.Run(t, r)
}

func TestNetworkPolicy(t *testing.T) {
	r := kind(t, "networkpolicies")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "{}", Want: "metadata: {generation: 1}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n"},
		{Name: "egress", Body: "spec: {egress: [{ports: [{port: 53}], to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}",
			Want: "metadata: {generation: 1}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress], egress: [{ports: [{port: 53, protocol: TCP}], to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}\n"},
		{Name: "ports", Body: "spec: {ingress: [{ports: [{port: 70000}, {endPort: 5}, {port: web, endPort: 5}, {port: 9, endPort: 5}, {protocol: FOO}]}]}", Err: "[" + strings.Join([]string{
			"spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
			"spec.ingress[0].ports[1].endPort: Required value: must be specified when `endPort` is specified",
			"spec.ingress[0].ports[2].endPort: Invalid value: 5: may not be specified when `port` is non-numeric",
			"spec.ingress[0].ports[3].endPort: Invalid value: 5: must be greater than or equal to `port`",
			`spec.ingress[0].ports[4].protocol: Unsupported value: "FOO": supported values: "SCTP", "TCP", "UDP"`}, ", ") + "]"},
		{Name: "peers", Body: "spec: {ingress: [{from: [{}, {podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}], policyTypes: [Foo]}", Err: "[" + strings.Join([]string{
			"spec.ingress[0].from[0]: Required value: must specify a peer",
			"spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer",
			"spec.ingress[0].from[2].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
			`spec.policyTypes[0]: Unsupported value: "Foo": supported values: "Egress", "Ingress"`}, ", ") + "]"},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "all", Body: "{}", Want: "x | <none> | <age>"}.Run(t, r)
	kindtest.Row{Name: "some", Body: "spec: {podSelector: {matchLabels: {a: b}}}", Want: "x | a=b | <age>"}.Run(t, r)
}
