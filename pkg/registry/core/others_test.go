package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestEndpointsCreate(t *testing.T) {
	const ip = `must be a valid IP address`
	for _, c := range []creates{
		{name: "nothing", body: `{}`, want: `{}`},
		{name: "protocol", body: `{subsets: [{addresses: [{ip: 1.2.3.4}], ports: [{port: 80}]}]}`,
			want: `{subsets: [{addresses: [{ip: 1.2.3.4}], ports: [{port: 80, protocol: TCP}]}]}`},
		{name: "empty subset", body: `{subsets: [{ports: [{port: 80}]}]}`,
			err: "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"},
		{name: "address", body: `{subsets: [{addresses: [{ip: x}]}]}`,
			err: `[subsets[0].addresses[0].ip: Invalid value: "x": ` + ip + `, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].addresses[0].ip: Invalid value: "x": ` + ip + `]`},
		{name: "loopback", body: `{subsets: [{notReadyAddresses: [{ip: 127.0.0.1}]}]}`,
			err: `subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
		{name: "two ports without names", body: `{subsets: [{addresses: [{ip: 1.2.3.4}], ports: [{port: 80}, {port: 0}]}]}`,
			err: "[subsets[0].ports[0].name: Required value, subsets[0].ports[1].name: Required value, subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive]"},
	} {
		c.run(t, Endpoints())
	}
	for _, c := range []rows{
		{"none", `{}`, []any{"x", "<none>", "<age>"}},
		{"without ports", `{subsets: [{addresses: [{ip: 1.1.1.1}]}]}`, []any{"x", "1.1.1.1", "<age>"}},
		{"many", `{subsets: [{addresses: [{ip: 1.1.1.1}, {ip: "fd00::1"}], notReadyAddresses: [{ip: 1.1.1.9}], ports: [{port: 80}, {port: 53}]}]}`,
			[]any{"x", "1.1.1.1:80,[fd00::1]:80,1.1.1.1:53 + 1 more...", "<age>"}},
	} {
		c.run(t, Endpoints())
	}
}

func TestLimitRangeCreate(t *testing.T) {
	for _, c := range []creates{
		{name: "nothing", body: `{spec: {limits: []}}`, want: `{spec: {limits: null}}`},
		{name: "container", body: `{spec: {limits: [{type: Container, max: {cpu: "2"}, min: {cpu: 100m, memory: 1Mi}}]}}`,
			want: `{spec: {limits: [{type: Container, max: {cpu: "2"}, min: {cpu: 100m, memory: 1Mi}, default: {cpu: "2"}, defaultRequest: {cpu: "2", memory: 1Mi}}]}}`},
		{name: "pod", body: `{spec: {limits: [{type: Pod, max: {cpu: "2"}}]}}`, want: `{spec: {limits: [{type: Pod, max: {cpu: "2"}}]}}`},
		{name: "somebody's type", body: `{spec: {limits: [{type: example.com/foo}]}}`},
		{name: "type", body: `{spec: {limits: [{type: Foo}]}}`, err: `spec.limits[0].type: Invalid value: "Foo": must be a standard limit type or fully qualified`},
		{name: "type twice", body: `{spec: {limits: [{type: Pod}, {type: Pod}]}}`, err: `spec.limits[1].type: Duplicate value: "Pod"`},
		{name: "min over max", body: `{spec: {limits: [{type: Container, max: {cpu: 1}, min: {cpu: 2}}]}}`,
			err: `[spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1, spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1, spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1]`},
		{name: "default over max", body: `{spec: {limits: [{type: Container, max: {cpu: 1}, default: {cpu: 2}}]}}`,
			err: `[spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1, spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1]`},
		{name: "request over limit", body: `{spec: {limits: [{type: Container, default: {cpu: 1}, defaultRequest: {cpu: 2}}]}}`,
			err: `spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1`},
		{name: "ratio", body: `{spec: {limits: [{type: Pod, maxLimitRequestRatio: {cpu: 500m}}]}}`,
			err: `spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`},
		{name: "ratio over bounds", body: `{spec: {limits: [{type: Pod, max: {cpu: 2}, min: {cpu: 1}, maxLimitRequestRatio: {cpu: 3}}]}}`,
			err: `spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`},
		{name: "default of a pod", body: `{spec: {limits: [{type: Pod, default: {cpu: 1}}]}}`,
			err: "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"},
		{name: "claim without storage", body: `{spec: {limits: [{type: PersistentVolumeClaim, max: {cpu: 1}}]}}`,
			err: "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"},
		{name: "no overcommitment", body: `{spec: {limits: [{type: Container, default: {example.com/gpu: 2}, defaultRequest: {example.com/gpu: 1}}]}}`,
			err: `spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu`},
	} {
		c.run(t, LimitRanges())
	}
	r := LimitRanges()
	o := r.New()
	if errs := created(r, o); len(errs) > 0 || o.GetName() != string(o.GetUID()) || o.GetName() == "" {
		t.Errorf("a limit range without a name is %q: %s", o.GetName(), text(errs))
	}
}

func TestResourceQuota(t *testing.T) {
	const operator = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
	r := ResourceQuotas()
	for _, c := range []creates{
		{name: "nothing", body: `{}`, want: `{spec: {}, status: {}}`},
		{name: "everything", body: `{spec: {hard: {count/deployments.apps: 5, gold.storageclass.storage.k8s.io/requests.storage: 5Gi, limits.memory: 8Gi, pods: 10, requests.cpu: "4", requests.example.com/gpu: 4, requests.storage: 100Gi, services.nodeports: 0, requests.hugepages-2Mi: 1Gi}}}`},
		{name: "scopes", body: `{spec: {hard: {pods: 5}, scopes: [BestEffort, NotTerminating]}}`},
		{name: "amounts", body: `{spec: {hard: {pods: "1.5", secrets: -1}}}`,
			err: `[spec.hard[pods]: Invalid value: "1500m": must be an integer, spec.hard[secrets]: Invalid value: "-1": must be greater than or equal to 0]`},
		{name: "resource", body: `{spec: {hard: {foo: 1}}}`, err: `spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota`},
		{name: "conflict", body: `{spec: {hard: {pods: 1}, scopes: [BestEffort, NotBestEffort]}}`,
			err: `spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes`},
		{name: "scope", body: `{spec: {scopes: [Foo]}}`, err: `spec.scopes: Invalid value: ["Foo"]: unsupported scope`},
		{name: "scope of another resource", body: `{spec: {hard: {requests.cpu: 1}, scopes: [BestEffort]}}`,
			err: `spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource`},
		{name: "selector without values", body: `{spec: {scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}}}`,
			err: "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"},
		{name: "selector's operator", body: `{spec: {scopeSelector: {matchExpressions: [{scopeName: Terminating, operator: In, values: [a]}]}}}`,
			err: `spec.scopeSelector.matchExpressions.operator: Invalid value: "In": ` + operator},
	} {
		c.run(t, r)
	}
	for _, c := range []updates{
		{name: "amount", old: `{spec: {hard: {pods: 1}, scopes: [BestEffort, NotTerminating]}}`, body: `{spec: {hard: {pods: 2}, scopes: [NotTerminating, BestEffort]}}`},
		{name: "scopes", old: `{spec: {scopes: [BestEffort]}}`, body: `{spec: {scopes: [Terminating]}}`,
			err: `spec.scopes: Invalid value: ["Terminating"]: field is immutable`},
	} {
		c.run(t, r)
	}
	rows{"used", `{spec: {hard: {secrets: 1}}, status: {hard: {pods: 10, requests.cpu: "4", limits.memory: 8Gi}, used: {pods: 3, requests.cpu: 1500m, limits.memory: 1Gi}}}`,
		[]any{"x", "pods: 3/10, requests.cpu: 1500m/4", "limits.memory: 1Gi/8Gi", "<age>"}}.run(t, r)
	o := read(t, r, `{status: {hard: {pods: -1}, used: {pods: "0.5"}}}`)
	if got := text(r.ValidateStatus(o, o)); got != `[status.hard[pods]: Invalid value: "-1": must be greater than or equal to 0, status.used[pods]: Invalid value: "500m": must be an integer]` {
		t.Error(got)
	}
}

func TestReplicationController(t *testing.T) {
	const spec = `spec: {containers: [{name: c, image: "x:1"}]}`
	r := ReplicationControllers()
	o := read(t, r, `{spec: {template: {metadata: {labels: {app: web}}, `+spec+`}}}`).(*corev1.ReplicationController)
	if errs := created(r, o); len(errs) > 0 {
		t.Fatal(text(errs))
	}
	if *o.Spec.Replicas != 1 || o.Spec.Selector["app"] != "web" || o.Labels["app"] != "web" || o.Spec.Template.Spec.RestartPolicy != "Always" {
		t.Errorf("defaults: %+v", o)
	}
	o.Spec.Selector["app"] = "other"
	if o.Labels["app"] != "web" || o.Spec.Template.Labels["app"] != "web" {
		t.Error("selector and labels are one map")
	}
	for _, c := range []creates{
		{name: "no template", body: `{spec: {selector: {a: b}}}`, err: "spec.template: Required value"},
		{name: "no selector", body: `{spec: {template: {` + spec + `}}}`, err: "spec.selector: Required value"},
		{name: "mismatch", body: `{spec: {selector: {app: other}, template: {metadata: {labels: {app: web}}, ` + spec + `}}}`,
			err: "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{name: "negative", body: `{spec: {replicas: -1, selector: {app: web}, template: {metadata: {labels: {app: web}}, ` + spec + `}}}`,
			err: "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
		{name: "restart", body: `{spec: {template: {metadata: {labels: {app: web}}, spec: {restartPolicy: Never, containers: [{name: c, image: "x:1"}]}}}}`,
			err: `spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`},
	} {
		c.run(t, r)
	}
	rows{"", `{spec: {replicas: 3, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "x:1"}, {name: d, image: z}]}}}, status: {replicas: 2, readyReplicas: 1}}`,
		[]any{"x", int64(3), int64(2), int64(1), "<age>", "c,d", "x:1,z", "app=web"}}.run(t, r)
	status := read(t, r, `{status: {replicas: 1, readyReplicas: 2, availableReplicas: 3, observedGeneration: -1}}`)
	if got := text(r.ValidateStatus(status, status)); got != "[status.observedGeneration: Invalid value: -1: must be greater than or equal to 0, status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas, status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas, status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas]" {
		t.Error(got)
	}
	scaled := read(t, r, `{spec: {selector: {b: c, a: b}}, status: {replicas: 2}}`)
	r.Scale.SetReplicas(scaled, 7)
	if r.Scale.Replicas(scaled) != 7 || r.Scale.StatusReplicas(scaled) != 2 || r.Scale.Selector(scaled) != "a=b,b=c" {
		t.Errorf("scale %d %d %s", r.Scale.Replicas(scaled), r.Scale.StatusReplicas(scaled), r.Scale.Selector(scaled))
	}
	if !r.OrphanByDefault || r.Fields[0].Get(scaled) != "2" {
		t.Error("orphan default or status.replicas")
	}
}

func TestServiceAccount(t *testing.T) {
	r := ServiceAccounts()
	creates{name: "references", body: `{secrets: [{name: s, namespace: other, kind: Secret}], imagePullSecrets: [{name: p}]}`,
		want: `{secrets: [{name: s}], imagePullSecrets: [{name: p}]}`}.run(t, r)
	rows{"", `{}`, []any{"x", "<age>"}}.run(t, r)
	if got := r.Warnings(read(t, r, `{metadata: {annotations: {kubernetes.io/enforce-mountable-secrets: "true"}}}`)); len(got) != 1 {
		t.Errorf("warnings %q", got)
	}
}

func TestComponentStatusCells(t *testing.T) {
	for _, c := range []rows{
		{"unknown", `{}`, []any{"x", "Unknown", "", ""}},
		{"healthy", `{conditions: [{type: Healthy, status: "True", message: ok}]}`, []any{"x", "Healthy", "ok", ""}},
		{"unhealthy", `{conditions: [{type: Healthy, status: "False", error: e}]}`, []any{"x", "Unhealthy", "", "e"}},
	} {
		c.run(t, ComponentStatuses())
	}
}
