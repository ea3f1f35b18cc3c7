package core

import (
	"slices"
	"testing"
)

// What a plain service with one port becomes; its address is nobody's job yet.
const (
	plainBody = `{spec: {ports: [{port: 80}], selector: {app: web}}}`
	plainPort = `ports: [{port: 80, protocol: TCP, targetPort: 80}], selector: {app: web}`
	plainRest = `internalTrafficPolicy: Cluster, ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, sessionAffinity: None`
)

func TestServiceCreate(t *testing.T) {
	const noStatus = `status: {loadBalancer: {}}`
	for _, c := range []creates{
		{name: "least", body: plainBody, want: `{spec: {type: ClusterIP, ` + plainPort + `, ` + plainRest + `}, ` + noStatus + `}`},
		{name: "headless", body: `{spec: {clusterIP: None, selector: {a: b}}}`,
			want: `{spec: {type: ClusterIP, clusterIP: None, clusterIPs: [None], selector: {a: b}, ` + plainRest + `}, ` + noStatus + `}`},
		{name: "headless without selector", body: `{spec: {clusterIP: None}}`,
			want: `{spec: {type: ClusterIP, clusterIP: None, clusterIPs: [None], internalTrafficPolicy: Cluster, ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack, sessionAffinity: None}, ` + noStatus + `}`},
		{name: "external name", body: `{spec: {type: ExternalName, externalName: example.com.}}`,
			want: `{spec: {type: ExternalName, externalName: example.com., sessionAffinity: None}, ` + noStatus + `}`},
		{name: "node port", body: `{spec: {type: NodePort, ports: [{port: 80, nodePort: 30001}], selector: {app: web}}}`,
			want: `{spec: {type: NodePort, externalTrafficPolicy: Cluster, ports: [{port: 80, nodePort: 30001, protocol: TCP, targetPort: 80}], selector: {app: web}, ` + plainRest + `}, ` + noStatus + `}`},
		{name: "load balancer", body: `{spec: {type: LoadBalancer, ports: [{port: 80}], selector: {app: web}}}`,
			want: `{spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: true, externalTrafficPolicy: Cluster, ` + plainPort + `, ` + plainRest + `}, ` + noStatus + `}`},
		{name: "affinity", body: `{spec: {sessionAffinity: ClientIP, ports: [{port: 80, targetPort: web, protocol: UDP}], clusterIP: 10.0.0.7}}`,
			want: `{spec: {type: ClusterIP, clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7], sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}, ports: [{port: 80, targetPort: web, protocol: UDP}], internalTrafficPolicy: Cluster, ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}, ` + noStatus + `}`},

		{name: "no ports", body: `{}`, err: "spec.ports: Required value"},
		{name: "port 0", body: `{spec: {ports: [{port: 0}]}}`,
			err: "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]"},
		{name: "protocol", body: `{spec: {ports: [{port: 80, protocol: FOO}]}}`,
			err: `spec.ports[0].protocol: Unsupported value: "FOO": supported values: "SCTP", "TCP", "UDP"`},
		{name: "names", body: `{spec: {ports: [{port: 80}, {port: 81, name: a}, {port: 82, name: a}]}}`,
			err: `[spec.ports[0].name: Required value, spec.ports[2].name: Duplicate value: "a"]`},
		{name: "type", body: `{spec: {type: Foo, ports: [{port: 80}]}}`,
			err: `spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`},
		{name: "affinity timeout", body: `{spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, ports: [{port: 80}]}}`,
			err: "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"},
		{name: "address", body: `{spec: {clusterIP: nope, ports: [{port: 80}]}}`,
			err: `spec.clusterIPs[0]: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`},
		{name: "address of the other family", body: `{spec: {clusterIP: "fd00::1", ports: [{port: 80}]}}`,
			err: `spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster`},
		{name: "family", body: `{spec: {ipFamilies: [IPv6], ports: [{port: 80}]}}`,
			err: `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		{name: "two families on a single stack", body: `{spec: {ipFamilies: [IPv4, IPv6], ipFamilyPolicy: SingleStack, ports: [{port: 80}]}}`,
			err: `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`},
		{name: "dual stack", body: `{spec: {ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}}`,
			err: `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`},
		{name: "external ip", body: `{spec: {externalIPs: ["127.0.0.1", "010.1.1.1"], ports: [{port: 80}]}}`,
			err: `[spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128), spec.externalIPs[1]: Invalid value: "010.1.1.1": must not have leading 0s]`},
		{name: "external name with an address", body: `{spec: {type: ExternalName, externalName: a.b, clusterIP: None}}`,
			err: "spec.clusterIPs: Forbidden: may not be set for ExternalName services"},
		{name: "no external name", body: `{spec: {type: ExternalName}}`, err: "spec.externalName: Required value"},
		{name: "node port of a cluster ip", body: `{spec: {ports: [{port: 80, nodePort: 30025}]}}`,
			err: "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"},
		{name: "node ports", body: `{spec: {type: NodePort, ports: [{name: a, port: 80, nodePort: 30024}, {name: b, port: 81, nodePort: 30024}, {name: c, port: 82, nodePort: -1}]}}`,
			err: "[spec.ports[1].nodePort: Invalid value: 30024: provided port is already allocated, spec.ports[2].nodePort: Invalid value: -1: provided port is not in the valid range. The range of valid ports is 30000-32767]"},
		{name: "load balancer's fields", body: `{spec: {loadBalancerClass: a/b, allocateLoadBalancerNodePorts: true, externalTrafficPolicy: Local, ports: [{port: 80}]}}`,
			err: "[spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer', spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer', spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services]"},
		{name: "source ranges", body: `{spec: {type: LoadBalancer, loadBalancerSourceRanges: [foo], ports: [{port: 80}]}}`,
			err: `spec.LoadBalancerSourceRanges[0]: Invalid value: "foo": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`},
		{name: "policies", body: `{spec: {internalTrafficPolicy: A, trafficDistribution: B, ports: [{port: 80}]}}`,
			err: `[spec.internalTrafficPolicy: Unsupported value: "A": supported values: "Cluster", "Local", spec.trafficDistribution: Unsupported value: "B": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"]`},
		{name: "headless node port", body: `{spec: {type: NodePort, clusterIP: None, ports: [{port: 80}]}}`,
			err: `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`},
	} {
		c.run(t, Services())
	}
}

func TestServiceUpdate(t *testing.T) {
	const (
		with     = `{spec: {clusterIP: 10.0.0.7, ports: [{port: 80}], selector: {app: web}}}`
		balancer = `{spec: {type: LoadBalancer, clusterIP: 10.0.0.7, externalTrafficPolicy: Local, healthCheckNodePort: 30022, ports: [{port: 80, nodePort: 30001}], selector: {app: web}}}`
		status   = `status: {loadBalancer: {}}`
		given    = `clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7], `
	)
	for _, c := range []updates{
		{name: "address left out", old: with, body: plainBody,
			want: `{spec: {type: ClusterIP, ` + given + plainPort + `, ` + plainRest + `}, ` + status + `}`},
		{name: "address taken away", old: with, body: `{spec: {clusterIP: "", clusterIPs: [10.0.0.7], ports: [{port: 80}], selector: {app: web}}}`,
			want: `{spec: {type: ClusterIP, ` + given + plainPort + `, ` + plainRest + `}, ` + status + `}`},
		{name: "other address", old: with, body: `{spec: {clusterIP: 10.0.0.8, ports: [{port: 80}]}}`,
			err: `spec.clusterIPs[0]: Invalid value: ["10.0.0.8"]: may not change once set`},
		{name: "to headless", old: with, body: `{spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}}`,
			err: `spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set`},
		{name: "to a name", old: with, body: `{spec: {type: ExternalName, externalName: a.b, clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7], internalTrafficPolicy: Cluster, ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, ports: [{port: 80}], selector: {app: web}}}`,
			want: `{spec: {type: ExternalName, externalName: a.b, ` + plainPort + `, sessionAffinity: None}, ` + status + `}`},
		{name: "from a name", old: `{spec: {type: ExternalName, externalName: a.b}}`, body: `{spec: {type: ClusterIP, externalName: a.b}}`,
			err: "spec.ports: Required value"},
		{name: "node port left out", old: `{spec: {type: NodePort, ports: [{port: 80, nodePort: 30001}], selector: {app: web}}}`,
			body: `{spec: {type: NodePort, ports: [{port: 80, targetPort: 81}], selector: {app: web}}}`,
			want: `{spec: {type: NodePort, externalTrafficPolicy: Cluster, ports: [{port: 80, nodePort: 30001, protocol: TCP, targetPort: 81}], selector: {app: web}, ` + plainRest + `}, ` + status + `}`},
		{name: "load balancer to cluster ip", old: balancer,
			body: `{spec: {type: ClusterIP, clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7], allocateLoadBalancerNodePorts: true, externalTrafficPolicy: Local, healthCheckNodePort: 30022, ports: [{port: 80, nodePort: 30001}], selector: {app: web}}}`,
			want: `{spec: {type: ClusterIP, ` + given + plainPort + `, ` + plainRest + `}, ` + status + `}`},
		{name: "node port", old: balancer, body: `{spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80, nodePort: 1000}]}}`,
			err: "spec.ports[0].nodePort: Invalid value: 1000: provided port is not in the valid range. The range of valid ports is 30000-32767"},
		{name: "health port left out", old: balancer, body: `{spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}}`},
		{name: "health port", old: balancer, body: `{spec: {type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30023, ports: [{port: 80}]}}`,
			err: "spec.healthCheckNodePort: Forbidden: field is immutable"},
		{name: "class", old: balancer, body: `{spec: {type: LoadBalancer, loadBalancerClass: a/b, externalTrafficPolicy: Local, ports: [{port: 80}]}}`,
			err: `spec.loadBalancerClass: Invalid value: "a/b": may not change once set`},
	} {
		c.run(t, Services())
	}
}

func TestServiceStatus(t *testing.T) {
	r := Services()
	for _, c := range []struct{ name, body, err string }{
		{"sound", `{spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 5.6.7.8}, {hostname: a.b}]}}}`, ""},
		{"address", `{spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: nope}]}}}`,
			`status.loadBalancer.ingress[0].ip: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`},
		{"mode without address", `{spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{hostname: a.b, ipMode: VIP}]}}}`,
			"status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set"},
		{"mode", `{spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 5.6.7.8, ipMode: Foo}]}}}`,
			`status.loadBalancer.ingress[0].ipMode: Unsupported value: "Foo": supported values: "Proxy", "VIP"`},
		{"other type", `{status: {loadBalancer: {ingress: [{ip: 5.6.7.8}]}}}`,
			"status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"},
	} {
		o := read(t, r, c.body)
		if got := text(r.ValidateStatus(o, o)); got != c.err {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.err)
		}
	}
}

func TestServiceCells(t *testing.T) {
	for _, c := range []rows{
		{"cluster ip", `{spec: {clusterIPs: [10.0.0.7], ports: [{port: 80}, {port: 53, protocol: UDP}], selector: {app: web}, externalIPs: [1.2.3.4]}}`,
			[]any{"x", "ClusterIP", "10.0.0.7", "1.2.3.4", "80/TCP,53/UDP", "<age>", "app=web"}},
		{"nothing", `{}`, []any{"x", "ClusterIP", "<none>", "<none>", "<none>", "<age>", "<none>"}},
		{"node port", `{spec: {type: NodePort, ports: [{port: 80, nodePort: 30001}]}}`,
			[]any{"x", "NodePort", "<none>", "<none>", "80:30001/TCP", "<age>", "<none>"}},
		{"pending", `{spec: {type: LoadBalancer, ports: [{port: 80}]}}`,
			[]any{"x", "LoadBalancer", "<none>", "<pending>", "80/TCP", "<age>", "<none>"}},
		{"load balancer", `{spec: {type: LoadBalancer, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{hostname: a.b}, {ip: 5.6.7.9}, {ip: 5.6.7.9}]}}}`,
			[]any{"x", "LoadBalancer", "<none>", "5.6.7.9,a.b", "80/TCP", "<age>", "<none>"}},
		{"external name", `{spec: {type: ExternalName, externalName: a.b}}`,
			[]any{"x", "ExternalName", "<none>", "a.b", "<none>", "<age>", "<none>"}},
	} {
		c.run(t, Services())
	}
}

func TestServiceWarnings(t *testing.T) {
	r := Services()
	got := r.Warnings(read(t, r, `{spec: {externalIPs: [1.2.3.4], externalName: a.b, trafficDistribution: PreferClose}}`))
	want := []string{"spec.externalIPs is deprecated and may no longer be implemented in some clusters",
		`spec.externalName is ignored when spec.type is not "ExternalName"`,
		`spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"`}
	if !slices.Equal(got, want) {
		t.Errorf("warnings %q", got)
	}
}
