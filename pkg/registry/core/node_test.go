package core

import "testing"

const nodeInfo = `daemonEndpoints: {kubeletEndpoint: {Port: 0}}, nodeInfo: {architecture: "", bootID: "", containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", kubeletVersion: "", machineID: "", operatingSystem: "", osImage: "", systemUUID: ""}`

func TestNodeCreate(t *testing.T) {
	for _, c := range []creates{
		{name: "nothing", body: `{}`, want: `{spec: {}, status: {` + nodeInfo + `}}`},
		{name: "with its status", body: `{status: {capacity: {cpu: "1"}, phase: Pending}}`,
			want: `{spec: {}, status: {capacity: {cpu: "1"}, allocatable: {cpu: "1"}, phase: Pending, ` + nodeInfo + `}}`},
		{name: "podCIDR wins", body: `{spec: {podCIDR: 10.5.0.0/24, podCIDRs: [10.6.0.0/24]}}`,
			want: `{spec: {podCIDR: 10.5.0.0/24, podCIDRs: [10.5.0.0/24]}, status: {` + nodeInfo + `}}`},
		{name: "podCIDRs alone", body: `{spec: {podCIDRs: [10.6.0.0/24, "fd00::/64"]}}`,
			want: `{spec: {podCIDR: 10.6.0.0/24, podCIDRs: [10.6.0.0/24, "fd00::/64"]}, status: {` + nodeInfo + `}}`},
		{name: "config is no more", body: `{spec: {configSource: {configMap: {name: a, namespace: b, kubeletConfigKey: c}}}}`,
			want: `{spec: {}, status: {` + nodeInfo + `}}`},
		{name: "network", body: `{spec: {podCIDR: 1.2.3.4}}`,
			err: `spec.podCIDRs[0]: Invalid value: "1.2.3.4": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`},
		{name: "networks", body: `{spec: {podCIDRs: [10.6.0.0/24, 10.7.0.0/24]}}`,
			err: `spec.podCIDRs: Invalid value: ["10.6.0.0/24","10.7.0.0/24"]: may specify no more than one CIDR for each IP family`},
		{name: "taint", body: `{spec: {taints: [{key: a}]}}`, err: "metadata.taints[0].effect: Required value"},
		{name: "capacity", body: `{status: {capacity: {cpu: "-1"}, allocatable: {}}}`,
			err: `status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0`},
		{name: "features", body: `{status: {declaredFeatures: [B, A, A]}}`,
			err: `[status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically, status.declaredFeatures[2]: Duplicate value: "A"]`},
	} {
		c.run(t, Nodes())
	}
}

func TestNodeUpdate(t *testing.T) {
	for _, c := range []updates{
		{name: "network given", old: `{}`, body: `{spec: {podCIDR: 10.5.0.0/24, providerID: a, unschedulable: true, taints: [{key: a, effect: NoSchedule}]}}`},
		{name: "network", old: `{spec: {podCIDR: 10.5.0.0/24}}`, body: `{spec: {podCIDR: 10.6.0.0/24}}`,
			err: `spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid`},
		{name: "provider", old: `{spec: {providerID: a}}`, body: `{}`,
			err: `spec.providerID: Forbidden: node updates may not change providerID except from "" to valid`},
		{name: "external id", old: `{}`, body: `{spec: {externalID: a}}`,
			err: "[]: Forbidden: node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)"},
	} {
		c.run(t, Nodes())
	}
	r := Nodes()
	obj, old := read(t, r, `{spec: {taints: [{key: a, effect: Foo}]}}`), read(t, r, `{}`)
	if errs := updated(r, obj, old); len(errs) != 2 {
		t.Errorf("a bad taint has %d causes, clients know 2", len(errs))
	}
}

func TestNodeCells(t *testing.T) {
	for _, c := range []rows{
		{"unknown", `{}`, []any{"x", "Unknown", "<none>", "<age>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"}},
		{"ready", `{metadata: {labels: {kubernetes.io/role: old, node-role.kubernetes.io/worker: "", node-role.kubernetes.io/control-plane: ""}}, status: {addresses: [{type: Hostname, address: n}, {type: InternalIP, address: 10.3.0.1}, {type: ExternalIP, address: 8.8.4.4}], conditions: [{type: Ready, status: "True"}], nodeInfo: {kubeletVersion: v1.36.0, osImage: Debian 12, kernelVersion: 6.1.0, architecture: amd64, containerRuntimeVersion: "containerd://1.7"}}}`,
			[]any{"x", "Ready", "control-plane,old,worker", "<age>", "v1.36.0", "10.3.0.1", "8.8.4.4", "Debian 12", "6.1.0 (amd64)", "containerd://1.7"}},
		{"cordoned", `{spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: "False"}]}}`,
			[]any{"x", "NotReady,SchedulingDisabled", "<none>", "<age>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"}},
	} {
		c.run(t, Nodes())
	}
	f := Nodes().Fields[0]
	if got := f.Get(read(t, Nodes(), `{spec: {unschedulable: true}}`)); f.Name != "spec.unschedulable" || got != "true" {
		t.Errorf("%s = %s", f.Name, got)
	}
}
