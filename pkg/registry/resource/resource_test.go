package resource

import (
	"testing"

	resourcev1 "k8s.io/api/resource/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func kind(t *testing.T, resource string) *registry.Resource {
	return kindtest.Find(t, Kinds(), resource)
}

func TestDeviceClass(t *testing.T) {
	r := kind(t, "deviceclasses")
	kindtest.Creates{Name: "minimal", Body: "spec: {}", Want: "metadata: {generation: 1}\nspec: {}\n"}.Run(t, r)
	kindtest.Creates{Name: "parts", Body: "spec: {selectors: [{}, {cel: {expression: ''}}], config: [{}, {opaque: {driver: a.b}}]}",
		Err: "[spec.selectors[0].cel: Required value, spec.selectors[1].cel.expression: Required value, spec.config[0].opaque: Required value, spec.config[1].opaque.parameters: Required value]"}.Run(t, r)
	kindtest.Row{Name: "row", Body: "spec: {}", Want: "x | <age>"}.Run(t, r)
}

const claim = "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu}}]}}\n"

func TestResourceClaim(t *testing.T) {
	r := kind(t, "resourceclaims")
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: claim, Want: "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 1}}]}}\nstatus: {}\n"},
		{Name: "all", Body: "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu, allocationMode: All, tolerations: [{key: k}]}}, {name: s, firstAvailable: [{name: t, deviceClassName: c}]}]}}",
			Want: "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu, allocationMode: All, tolerations: [{key: k, operator: Equal}]}}, {name: s, firstAvailable: [{name: t, deviceClassName: c, allocationMode: ExactCount, count: 1}]}]}}\nstatus: {}\n"},
		{Name: "requests", Body: "spec: {devices: {requests: [{name: r}, {name: r, exactly: {allocationMode: Foo}}, {name: s, exactly: {deviceClassName: c, allocationMode: All, count: 2}}]}}",
			Err: "[spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required, spec.devices.requests[1].exactly.deviceClassName: Required value, spec.devices.requests[1].exactly.allocationMode: Unsupported value: \"Foo\": supported values: \"All\", \"ExactCount\", spec.devices.requests[1]: Duplicate value: \"r\", spec.devices.requests[2].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All']"},
		{Name: "references", Body: "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: c}}], constraints: [{matchAttribute: a.b/c, requests: [z]}, {matchAttribute: plain}], config: [{requests: [z], opaque: {driver: a, parameters: {}}}]}}",
			Err: `[spec.devices.constraints[0].requests[0]: Invalid value: "z": must be the name of a request in the claim or the name of a request and a subrequest separated by '/', spec.devices.constraints[1].matchAttribute: Invalid value: "plain": a fully qualified name must be a domain and a name separated by a slash, spec.devices.config[0].requests[0]: Invalid value: "z": must be the name of a request in the claim or the name of a request and a subrequest separated by '/']`},
	} {
		c.Run(t, r)
	}
	const allocated = "allocation: {devices: {results: [{request: r, driver: d.e, pool: p, device: d0}]}}"
	for _, c := range []kindtest.Updates{
		{Name: "spec", Old: claim, Body: "spec: {}", Err: `spec: Invalid value: {"Devices":{"Requests":null,"Constraints":null,"Config":null}}: field is immutable`},
		{Name: "labels", Old: claim, Body: "metadata: {labels: {a: b}}\n" + claim},
		{Name: "allocate", Sub: "status", Old: claim, Body: "status: {" + allocated + "}"},
		{Name: "unknown request", Sub: "status", Old: claim, Body: "status: {allocation: {devices: {results: [{request: z, driver: d.e, pool: p, device: d0}]}}}",
			Err: "status.allocation.devices.results[0].request: Invalid value: \"z\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"},
		{Name: "reserve", Sub: "status", Old: claim + "status: {" + allocated + "}", Body: "status: {" + allocated + ", reservedFor: [{resource: pods, name: p, uid: u}], devices: [{driver: d.e, pool: p, device: d0}]}"},
		{Name: "reserve nothing", Sub: "status", Old: claim, Body: "status: {reservedFor: [{resource: pods, name: p, uid: u}]}", Err: "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"},
		{Name: "other device", Sub: "status", Old: claim + "status: {" + allocated + "}", Body: "status: {" + allocated + ", devices: [{driver: x, pool: p, device: zz}]}", Err: `status.devices[0]: Invalid value: {"Driver":"x","Pool":"p","Device":"zz","ShareID":""}: must be an allocated device in the claim`},
		{Name: "deallocate", Sub: "status", Old: claim + "status: {" + allocated + "}", Body: "status: {}"},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Row{
		{Name: "new", Body: claim, Want: "x | pending | <age>"},
		{Name: "used", Body: claim + "status: {" + allocated + ", reservedFor: [{resource: pods, name: p, uid: u}]}", Want: "x | allocated,reserved | <age>"},
		{Name: "going", Body: "metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}\n" + claim, Want: "x | deleted | <age>"},
	} {
		c.Run(t, r)
	}
}

func TestResourceClaimTemplate(t *testing.T) {
	r := kind(t, "resourceclaimtemplates")
	kindtest.Creates{Name: "minimal", Body: "spec: {" + claim[:len(claim)-1] + "}", Want: "spec: {metadata: {}, spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 1}}]}}}\n"}.Run(t, r)
	kindtest.Creates{Name: "class", Body: "spec: {spec: {devices: {requests: [{name: r, exactly: {}}]}}}", Err: "spec.spec.devices.requests[0].exactly.deviceClassName: Required value"}.Run(t, r)
}

func TestResourceSlice(t *testing.T) {
	r := kind(t, "resourceslices")
	const pool = "driver: d.e, pool: {name: p, resourceSliceCount: 1, generation: 1}"
	for _, c := range []kindtest.Creates{
		{Name: "taints", Body: "spec: {" + pool + ", nodeName: n1, devices: [{name: d, taints: [{key: k, effect: NoSchedule}]}]}",
			Want: "metadata: {generation: 1}\nspec: {" + pool + ", nodeName: n1, devices: [{name: d, taints: [{key: k, effect: NoSchedule, timeAdded: '2026-01-02T03:04:05Z'}]}]}\n"},
		{Name: "nothing", Body: "{}", Err: "[spec.driver: Required value, spec.pool.name: Required value, spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero, spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required]"},
		{Name: "nodes", Body: "spec: {" + pool + ", nodeName: n1, allNodes: true}", Err: "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"},
		{Name: "devices", Body: "spec: {" + pool + ", allNodes: true, devices: [{name: a}, {name: a, attributes: {x: {int: 1, bool: true}, 'y z': {version: v1}, z: {version: 1.2.3-rc.1+b}}}]}",
			Err: `[spec.devices[1].attributes[x]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified, spec.devices[1].attributes[y z]: Invalid value: "y z": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*'), spec.devices[1].attributes[y z].version: Invalid value: "v1": must be a string compatible with semver.org spec 2.0.0, spec.devices[1]: Duplicate value: "a"]`},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "immutable", Old: "spec: {" + pool + ", nodeName: n1}", Body: "spec: {driver: x.y, pool: {name: q, resourceSliceCount: 1, generation: 2}, nodeName: n2}",
		Err: `[spec.driver: Invalid value: "x.y": field is immutable, spec.pool.name: Invalid value: "q": field is immutable, spec.nodeName: Invalid value: "n2": field is immutable]`}.Run(t, r)
	kindtest.Row{Name: "node", Body: "spec: {" + pool + ", nodeName: n1}", Want: "x | n1 | d.e | p | <age>"}.Run(t, r)
	kindtest.Row{Name: "all", Body: "spec: {" + pool + ", allNodes: true}", Want: "x |  | d.e | p | <age>"}.Run(t, r)
	if r.WatchField != "spec.nodeName" {
		t.Errorf("watch field %s", r.WatchField)
	}
	node := "n1"
	s := &resourcev1.ResourceSlice{Spec: resourcev1.ResourceSliceSpec{NodeName: &node, Driver: "d"}}
	for i, want := range []string{"n1", "d"} {
		if got := r.Fields[i].Get(s); got != want {
			t.Errorf("field %s is %s, want %s", r.Fields[i].Name, got, want)
		}
	}
	for _, r := range Kinds() {
		if !r.ReturnDeleted {
			t.Errorf("%s: a delete returns a Status", r.Resource)
		}
	}
}
