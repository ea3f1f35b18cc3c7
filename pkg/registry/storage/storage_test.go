package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func kind(t *testing.T, resource string) *registry.Resource {
	return kindtest.Find(t, Kinds(), resource)
}

func TestStorageClass(t *testing.T) {
	r := kind(t, "storageclasses")
	many := make([]string, 513)
	for i := range many {
		many[i] = fmt.Sprintf("k%d: v", i)
	}
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "provisioner: a.b/c", Want: "provisioner: a.b/c\nreclaimPolicy: Delete\nvolumeBindingMode: Immediate\n"},
		{Name: "nothing", Body: "{}", Err: "provisioner: Required value"},
		{Name: "policies", Body: "provisioner: p\nreclaimPolicy: Recycle\nvolumeBindingMode: Foo\n", Err: `[reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain", volumeBindingMode: Unsupported value: "Foo": supported values: "Immediate", "WaitForFirstConsumer"]`},
		{Name: "parameters", Body: "provisioner: p\nparameters: {" + strings.Join(many, ", ") + "}\n", Err: "parameters: Too long: may not be more than 512 bytes"},
		{Name: "topologies", Body: "provisioner: p\nallowedTopologies: [{matchLabelExpressions: [{key: a, values: [x, v]}]}, {matchLabelExpressions: [{key: a, values: [v, x]}]}, {matchLabelExpressions: [{key: b, values: []}, {key: b, values: [z, z]}]}]\n",
			Err: `[allowedTopologies[1].matchLabelExpressions: Duplicate value: "", allowedTopologies[2].matchLabelExpressions[0].values: Required value, allowedTopologies[2].matchLabelExpressions[1].values[1]: Duplicate value: "z", allowedTopologies[2].matchLabelExpressions[1].key: Duplicate value: "b"]`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "what may change", Old: "provisioner: p", Body: "provisioner: p\nmountOptions: [ro]\nallowVolumeExpansion: true\n"},
		{Name: "what may not", Old: "provisioner: p", Body: "provisioner: q\nparameters: {a: b}\nreclaimPolicy: Retain\nvolumeBindingMode: WaitForFirstConsumer\n",
			Err: `[parameters: Forbidden: updates to parameters are forbidden., provisioner: Forbidden: updates to provisioner are forbidden., reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden., volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable]`},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "default", Body: "metadata: {annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}\nprovisioner: p\nallowVolumeExpansion: true\n", Want: "x (default) | p | Delete | Immediate | true | <age>"}.Run(t, r)
	kindtest.Row{Name: "other", Body: "provisioner: p", Want: "x | p | Delete | Immediate | false | <age>"}.Run(t, r)
}

func TestVolumeAttributesClass(t *testing.T) {
	r := kind(t, "volumeattributesclasses")
	kindtest.Creates{Name: "nothing", Body: "{}", Err: "[driverName: Required value, parameters: Required value: must contain at least one key/value pair]"}.Run(t, r)
	kindtest.Creates{Name: "empty key", Body: "driverName: d\nparameters: {'': x}\n", Err: `parameters: Invalid value: "": field can not be empty.`}.Run(t, r)
	kindtest.Updates{Name: "change", Old: "driverName: d\nparameters: {a: b}\n", Body: "driverName: e\nparameters: {a: c}\n", Err: "[driverName: Forbidden: updates to driverName are forbidden., parameters: Forbidden: updates to parameters are forbidden.]"}.Run(t, r)
	kindtest.Row{Name: "row", Body: "driverName: d", Want: "x | d | <age>"}.Run(t, r)
}

func TestCSIDriver(t *testing.T) {
	r := kind(t, "csidrivers")
	const done = "attachRequired: true, fsGroupPolicy: ReadWriteOnceWithFSType, requiresRepublish: false, seLinuxMount: false, storageCapacity: false, volumeLifecycleModes: [Persistent]"
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "spec: {}", Want: "spec: {" + done + ", podInfoOnMount: false}\n"},
		{Name: "wrong", Body: "spec: {fsGroupPolicy: Foo, nodeAllocatableUpdatePeriodSeconds: 1, volumeLifecycleModes: [Foo], tokenRequests: [{audience: a, expirationSeconds: 1}, {audience: a}]}",
			Err: `[spec.fsGroupPolicy: Unsupported value: "Foo": supported values: "File", "None", "ReadWriteOnceWithFSType", spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes, spec.tokenRequests[1].audience: Duplicate value: "a", spec.volumeLifecycleModes[0]: Unsupported value: "Foo": supported values: "Ephemeral", "Persistent", spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds]`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "generation", Old: "metadata: {generation: 5}\nspec: {}", Body: "spec: {podInfoOnMount: true}", Want: "metadata: {generation: 6}\nspec: {" + done + ", podInfoOnMount: true}\n"},
		{Name: "labels", Old: "metadata: {generation: 5}\nspec: {}", Body: "metadata: {labels: {a: b}}\nspec: {}", Want: "metadata: {generation: 5, labels: {a: b}}\nspec: {" + done + ", podInfoOnMount: false}\n"},
		{Name: "modes", Old: "spec: {}", Body: "spec: {attachRequired: false, volumeLifecycleModes: [Ephemeral]}", Err: `[spec.attachedRequired: Invalid value: false: field is immutable, spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable]`},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "bare", Body: "spec: {}", Want: "x | true | false | false | <unset> | false | Persistent | <age>"}.Run(t, r)
	kindtest.Row{Name: "rich", Body: "spec: {attachRequired: false, podInfoOnMount: true, tokenRequests: [{audience: a}, {audience: b}], volumeLifecycleModes: [Persistent, Ephemeral]}", Want: "x | false | true | false | a,b | false | Persistent,Ephemeral | <age>"}.Run(t, r)
	if got, want := kindtest.Header(r), "Name | AttachRequired? | PodInfoOnMount? | StorageCapacity? | TokenRequests | RequiresRepublish? | Modes | Age"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	if got := r.Warnings(kindtest.Read(t, r, "spec: {tokenRequests: [{audience: a}]}")); len(got) != 1 {
		t.Errorf("warnings %v", got)
	}
}

func TestCSINode(t *testing.T) {
	r := kind(t, "csinodes")
	for _, c := range []kindtest.Creates{
		{Name: "empty", Body: "spec: {drivers: []}", Want: "spec: {drivers: null}"},
		{Name: "wrong", Body: "spec: {drivers: [{name: a.b}, {name: a.b, nodeID: i, topologyKeys: [z, z], allocatable: {count: -1}}]}",
			Err: `[spec.drivers[0].nodeID: Required value, spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0, spec.drivers[1].name: Duplicate value: "a.b", spec.drivers[1]: Duplicate value: "z"]`},
	} {
		c.Run(t, r)
	}
	const old = "spec: {drivers: [{name: a, nodeID: i, allocatable: {count: 1}}, {name: b, nodeID: j}]}"
	kindtest.Updates{Name: "one less, more room", Old: old, Body: "spec: {drivers: [{name: a, nodeID: i, allocatable: {count: 2}}]}"}.Run(t, r)
	kindtest.Updates{Name: "other node", Old: old, Body: "spec: {drivers: [{name: b, nodeID: k}]}", Err: `spec.drivers: Invalid value: {"Name":"b","NodeID":"k","TopologyKeys":null,"Allocatable":null}: field is immutable`}.Run(t, r)
	kindtest.Row{Name: "row", Body: old, Want: "x | 2 | <age>"}.Run(t, r)
}

func TestCSIStorageCapacity(t *testing.T) {
	r := kind(t, "csistoragecapacities")
	kindtest.Creates{Name: "negative", Body: "storageClassName: s\ncapacity: -1\n", Err: `capacity: Invalid value: "-1": must be greater than or equal to 0`}.Run(t, r)
	kindtest.Updates{Name: "class", Old: "storageClassName: a", Body: "storageClassName: b\ncapacity: 1Gi\n", Err: `storageClassName: Invalid value: "b": field is immutable`}.Run(t, r)
	kindtest.Updates{Name: "capacity", Old: "storageClassName: a", Body: "storageClassName: a\ncapacity: 1Gi\n"}.Run(t, r)
}

func TestVolumeAttachment(t *testing.T) {
	r := kind(t, "volumeattachments")
	const ok = "spec: {attacher: a.b, nodeName: node, source: {persistentVolumeName: p}}\n"
	for _, c := range []kindtest.Creates{
		{Name: "status", Body: ok + "status: {attached: true}\n", Want: ok + "status: {attached: false}\n"},
		{Name: "source", Body: "spec: {nodeName: node, source: {inlineVolumeSpec: {}}}", Err: "[spec.attacher: Required value, spec.source.inlineVolumeSpec.csi: Required value: must specify csi source]"},
		{Name: "no source", Body: "spec: {attacher: a, nodeName: node}", Err: "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "spec", Old: ok, Body: "spec: {attacher: a.b, nodeName: other, source: {persistentVolumeName: p}}\n",
		Err: `spec: Invalid value: {"Attacher":"a.b","Source":{"PersistentVolumeName":"p","InlineVolumeSpec":null},"NodeName":"other"}: field is immutable`}.Run(t, r)
	kindtest.Updates{Name: "status keeps metadata", Sub: "status", Old: "metadata: {labels: {a: b}}\n" + ok, Body: "status: {attached: true}", Want: "metadata: {labels: {a: b}}\n" + ok + "status: {attached: true}\n"}.Run(t, r)
	kindtest.Row{Name: "row", Body: ok + "status: {attached: true}\n", Want: "x | a.b | p | node | true | <age>"}.Run(t, r)
}

func TestDeletes(t *testing.T) {
	for _, r := range Kinds() {
		if want := r.Resource != "csistoragecapacities"; r.ReturnDeleted != want {
			t.Errorf("%s: a delete returns the object: %t, want %t", r.Resource, r.ReturnDeleted, want)
		}
	}
}
