package core

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const badSubdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

func TestPersistentVolumeCreate(t *testing.T) {
	const base = `accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, `
	for _, c := range []creates{
		{name: "host path", body: `{spec: {` + base + `hostPath: {path: /data}}, status: {phase: Bound}}`,
			want: `{spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /data, type: ""}, persistentVolumeReclaimPolicy: Retain, volumeMode: Filesystem}, status: {phase: Pending, lastPhaseTransitionTime: "2026-01-02T03:04:05Z"}}`},
		{name: "nothing", body: `{}`,
			err: `[spec.accessModes: Required value, spec.capacity: Required value, spec.capacity: Unsupported value: null: supported values: "storage", spec: Required value: must specify a volume type]`},
		{name: "capacity", body: `{spec: {accessModes: [ReadWriteOnce], capacity: {storage: "0"}, hostPath: {path: /data}}}`,
			err: `spec.capacity[storage]: Invalid value: "0": must be greater than zero`},
		{name: "two sources", body: `{spec: {` + base + `hostPath: {path: /data}, nfs: {server: a, path: /b}}}`,
			err: "spec.nfs: Forbidden: may not specify more than 1 volume type"},
		{name: "local", body: `{spec: {` + base + `local: {path: /mnt}}}`, err: "spec.nodeAffinity: Required value: Local volume requires node affinity"},
		{name: "recycle the root", body: `{spec: {` + base + `hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle}}`,
			err: "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"},
		{name: "back step", body: `{spec: {` + base + `hostPath: {path: /a/../b}}}`, err: `spec.hostPath.path: Invalid value: "/a/../b": must not contain '..'`},
		{name: "csi", body: `{spec: {` + base + `csi: {driver: "-", controllerExpandSecretRef: {name: s}}}}`,
			err: `[spec.csi.driver: Invalid value: "-": ` + badSubdomain + `, spec.csi.volumeHandle: Required value, spec.csi.controllerExpandSecretRef.namespace: Required value]`},
		{name: "csi driver's length", body: `{spec: {` + base + `csi: {driver: ` + strings.Repeat("d", 64) + `, volumeHandle: h}}}`,
			err: "spec.csi.driver: Too long: may not be more than 63 bytes"},
		{name: "affinity", body: `{spec: {` + base + `hostPath: {path: /data}, nodeAffinity: {required: {nodeSelectorTerms: []}}}}`,
			err: "spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term"},
		{name: "attributes class", body: `{spec: {` + base + `hostPath: {path: /data}, volumeAttributesClassName: x}}`,
			err: "spec.csi: Required value: has to be specified when using volumeAttributesClassName"},
		{name: "class", body: `{spec: {` + base + `hostPath: {path: /data}, storageClassName: A_b}}`,
			err: `spec.storageClassName: Invalid value: "A_b": ` + badSubdomain},
	} {
		c.run(t, PersistentVolumes())
	}
}

func TestVolumeSourceDefaults(t *testing.T) {
	s := corev1.PersistentVolumeSource{ISCSI: &corev1.ISCSIPersistentVolumeSource{}, RBD: &corev1.RBDPersistentVolumeSource{},
		AzureDisk: &corev1.AzureDiskVolumeSource{}, ScaleIO: &corev1.ScaleIOPersistentVolumeSource{}}
	defaultVolumeSource(&s)
	if s.ISCSI.ISCSIInterface != "default" || s.RBD.RBDPool != "rbd" || s.RBD.RadosUser != "admin" || s.RBD.Keyring != "/etc/ceph/keyring" ||
		*s.AzureDisk.CachingMode != "ReadWrite" || *s.AzureDisk.Kind != "Shared" || *s.AzureDisk.FSType != "ext4" || *s.AzureDisk.ReadOnly ||
		s.ScaleIO.StorageMode != "ThinProvisioned" || s.ScaleIO.FSType != "xfs" {
		t.Errorf("%+v %+v %+v %+v", s.ISCSI, s.RBD, s.AzureDisk, s.ScaleIO)
	}
}

func TestPersistentVolumeUpdate(t *testing.T) {
	const body = `accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /data}`
	for _, c := range []updates{
		{name: "claim and size", old: `{spec: {` + body + `}}`, body: `{spec: {accessModes: [ReadOnlyMany], capacity: {storage: 2Gi}, hostPath: {path: /data}, claimRef: {namespace: x, name: y}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}}`},
		{name: "mode", old: `{spec: {` + body + `}}`, body: `{spec: {` + body + `, volumeMode: Block}}`, err: `volumeMode: Invalid value: "Block": field is immutable`},
	} {
		c.run(t, PersistentVolumes())
	}
	r := PersistentVolumes()
	errs := updated(r, read(t, r, `{spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /other}}}`), read(t, r, `{spec: {`+body+`}}`))
	if len(errs) != 1 || !strings.HasPrefix(text(errs), "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n") {
		t.Error(text(errs))
	}
}

func TestPersistentVolumePhase(t *testing.T) {
	r := PersistentVolumes()
	before, given := metav1.NewTime(testNow.Add(-time.Hour)), metav1.NewTime(testNow.Add(-time.Minute))
	for _, c := range []struct {
		name  string
		phase corev1.PersistentVolumePhase
		time  *metav1.Time
		want  metav1.Time
	}{
		{"new phase", "Bound", &before, testNow},
		{"new phase, no time", "Bound", nil, testNow},
		{"new phase at a time", "Bound", &given, given},
		{"same phase", "Pending", nil, before},
	} {
		old, obj := read(t, r, `{}`).(*corev1.PersistentVolume), read(t, r, `{}`).(*corev1.PersistentVolume)
		old.Status.LastPhaseTransitionTime = &before
		obj.Status.Phase, obj.Status.LastPhaseTransitionTime = c.phase, c.time
		r.PrepareStatus(request(), obj, old)
		if got := obj.Status.LastPhaseTransitionTime; !got.Equal(&c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestVolumeCells(t *testing.T) {
	rows{"volume", `{spec: {accessModes: [ReadWriteMany, ReadWriteOnce], capacity: {storage: 10Gi}, claimRef: {namespace: x, name: z}, storageClassName: fast, volumeAttributesClassName: gold, volumeMode: Block}, status: {phase: Failed, reason: Broken}}`,
		[]any{"x", "10Gi", "RWO,RWX", "Retain", "Failed", "x/z", "fast", "gold", "Broken", "<age>", "Block"}}.run(t, PersistentVolumes())
	rows{"volume going away", `{metadata: {deletionTimestamp: "2026-01-01T00:00:00Z", annotations: {volume.beta.kubernetes.io/storage-class: old}}, spec: {storageClassName: new}}`,
		[]any{"x", "0", "", "Retain", "Terminating", "", "old", "<unset>", "", "<age>", "Filesystem"}}.run(t, PersistentVolumes())
	rows{"claim", `{spec: {storageClassName: a}, status: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}}`,
		[]any{"x", "Pending", "", "", "", "a", "<unset>", "<age>", "Filesystem"}}.run(t, PersistentVolumeClaims())
	rows{"bound claim", `{spec: {volumeName: v}, status: {phase: Bound, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}}`,
		[]any{"x", "Bound", "v", "1Gi", "RWO", "", "<unset>", "<age>", "Filesystem"}}.run(t, PersistentVolumeClaims())
	rows{"claim going away", `{metadata: {deletionTimestamp: "2026-01-01T00:00:00Z"}, spec: {volumeName: v}}`,
		[]any{"x", "Terminating", "v", "0", "", "", "<unset>", "<age>", "Filesystem"}}.run(t, PersistentVolumeClaims())
}

func TestClaimCreate(t *testing.T) {
	const base = `accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}`
	for _, c := range []creates{
		{name: "least", body: `{spec: {` + base + `}, status: {phase: Lost}}`, want: `{spec: {` + base + `, volumeMode: Filesystem}, status: {phase: Pending}}`},
		{name: "source", body: `{spec: {` + base + `, dataSource: {kind: PersistentVolumeClaim, name: s}}}`,
			want: `{spec: {` + base + `, volumeMode: Filesystem, dataSource: {apiGroup: null, kind: PersistentVolumeClaim, name: s}, dataSourceRef: {apiGroup: null, kind: PersistentVolumeClaim, name: s}}, status: {phase: Pending}}`},
		{name: "source by reference", body: `{spec: {` + base + `, dataSourceRef: {apiGroup: x.io, kind: Foo, name: s, namespace: other}}}`,
			want: `{spec: {` + base + `, volumeMode: Filesystem, dataSource: {apiGroup: x.io, kind: Foo, name: s}, dataSourceRef: {apiGroup: x.io, kind: Foo, name: s}}, status: {phase: Pending}}`},
		{name: "foreign source", body: `{spec: {` + base + `, dataSource: {apiGroup: x.io, kind: Foo, name: s}}}`,
			want: `{spec: {` + base + `, volumeMode: Filesystem}, status: {phase: Pending}}`},
		{name: "nothing", body: `{}`, err: "[spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: Required value]"},
		{name: "size", body: `{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "-1"}}}}`,
			err: `spec.resources[storage]: Invalid value: "-1": must be greater than zero`},
		{name: "class", body: `{spec: {` + base + `, storageClassName: A_b}}`, err: `spec.storageClassName: Invalid value: "A_b": ` + badSubdomain},
		{name: "source without name", body: `{spec: {` + base + `, dataSource: {kind: PersistentVolumeClaim, name: ""}}}`,
			err: "[spec.dataSource.name: Required value, spec.dataSourceRef.name: Required value]"},
		{name: "two sources", body: `{spec: {` + base + `, dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}}}`,
			err: "spec: Invalid value: {}: must match dataSourceRef"},
	} {
		c.run(t, PersistentVolumeClaims())
	}
}

func TestClaimUpdate(t *testing.T) {
	const immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"
	r := PersistentVolumeClaims()
	for _, c := range []struct{ name, phase, old, body, err string }{
		{"bind", "Pending", `{}`, `{volumeName: v}`, ""},
		{"bind elsewhere", "Pending", `{volumeName: v}`, `{volumeName: w}`, immutable},
		{"class given", "Pending", `{}`, `{storageClassName: a}`, ""},
		{"class", "Pending", `{storageClassName: a}`, `{storageClassName: b}`, immutable},
		{"mode", "Pending", `{}`, `{volumeMode: Block}`, immutable},
		{"grow unbound", "Pending", `{}`, `{resources: {requests: {storage: 2Gi}}}`, immutable},
		{"grow", "Bound", `{}`, `{resources: {requests: {storage: 2Gi}}}`, ""},
		{"attributes class", "Bound", `{}`, `{volumeAttributesClassName: gold}`, ""},
		{"shrink", "Bound", `{}`, `{resources: {requests: {storage: 1Mi}}}`,
			"spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claim := func(spec string) *corev1.PersistentVolumeClaim {
				o := read(t, r, `{spec: `+spec+`, status: {phase: `+c.phase+`, capacity: {storage: 1Gi}}}`).(*corev1.PersistentVolumeClaim)
				o.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
				if o.Spec.Resources.Requests == nil {
					o.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: o.Status.Capacity[corev1.ResourceStorage]}
				}
				return o
			}
			got := text(updated(r, claim(c.body), claim(c.old)))
			if c.err == "" && got != "" || !strings.Contains(got, c.err) {
				t.Errorf("errors:\n got %s\nwant %s", got, c.err)
			}
		})
	}
}

func TestClaimStatus(t *testing.T) {
	r := PersistentVolumeClaims()
	o := read(t, r, `{status: {capacity: {storage: "-1"}, allocatedResourceStatuses: {storage: Foo}}}`)
	want := `[status.capacity[storage]: Invalid value: "-1": must be greater than or equal to 0, status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"]`
	if got := text(r.ValidateStatus(o, o)); got != want {
		t.Errorf("got %s", got)
	}
}
