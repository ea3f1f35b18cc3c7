package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// clusterScenarios are about the server as a whole: what it serves, who one is,
// nodes, namespaces, events.
var clusterScenarios = []scenario{
	{"api-resources", apiResources},
	{"explain", explain},
	{"version", showVersion},
	{"auth", authScenario},
	{"config", viewConfig},
	{"nodes", nodes},
	{"namespaces", namespaces},
	{"events", showEvents},
	{"certificates", certificates},
	{"storage", storageKinds},
}

func apiResources(t *testing.T, k *kubectl.Tool) {
	out := k.OK(t, "api-resources")
	want(t, out, `^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND$`, `^pods +po +v1 +true +Pod$`, `^deployments +deploy +apps/v1 +true +Deployment$`,
		`^namespaces +ns +v1 +false +Namespace$`, `^leases +coordination.k8s.io/v1 +true +Lease$`, `^horizontalpodautoscalers +hpa +autoscaling/v2 +true +`,
		`^events +ev +events.k8s.io/v1 +true +Event$`, `^selfsubjectaccessreviews +authorization.k8s.io/v1 +false +`)
	want(t, k.OK(t, "api-resources --namespaced=false -o name"), `^nodes$`, `^clusterroles.rbac.authorization.k8s.io$`)
	want(t, k.OK(t, "api-resources --api-group=apps --verbs=list,watch -o wide"), `^statefulsets +sts +apps/v1 +true +StatefulSet +create,delete,deletecollection,get,list,patch,update,watch +all$`)
	wantNot(t, k.OK(t, "api-resources --categories=all -o name"), `^configmaps$`)
	versions := k.OK(t, "api-versions")
	want(t, versions, `^v1$`, `^apps/v1$`, `^autoscaling/v1$`, `^autoscaling/v2$`, `^events.k8s.io/v1$`, `^storage.k8s.io/v1$`)
	wantNot(t, versions, "alpha", "beta")

	// What discovery says can be listed can be listed.
	listable := strings.Fields(k.OK(t, "api-resources --verbs=list -o name"))
	if len(listable) < 40 {
		t.Errorf("only %d resources can be listed", len(listable))
	}
	k.OK(t, "get", strings.Join(listable, ","))
}

func explain(t *testing.T, k *kubectl.Tool) {
	want(t, k.OK(t, "explain pods"), `^KIND: +Pod$`, `^VERSION: +v1$`, `^  spec\t<PodSpec>$`, `^DESCRIPTION:\n    Pod is a collection of containers`)
	want(t, k.OK(t, "explain deployment.spec.strategy.rollingUpdate.maxSurge"), `^GROUP: +apps$`, `^FIELD: maxSurge <IntOrString>$`)
	want(t, k.OK(t, "explain pod.spec.containers.resources --recursive"), `^  limits\t<map\[string\]Quantity>$`)
	want(t, k.OK(t, "explain hpa --api-version=autoscaling/v1"), `^VERSION: +v1$`)
	want(t, k.OK(t, "explain pod.spec.restartPolicy"), `^ENUM:$`, `^    Always$`)
	want(t, k.OK(t, "explain cm --output=plaintext-openapiv2"), `^KIND: +ConfigMap$`)
	want(t, k.Fails(t, "explain pod.spec.nonsense"), `field "nonsense" does not exist`)
	for _, kind := range strings.Fields(k.OK(t, "api-resources --verbs=create -o name")) {
		if kind != "events.events.k8s.io" { // which kubectl takes for a field of the core group's events
			want(t, k.OK(t, "explain", kind), `^KIND: +\w+$`)
		}
	}
}

func showVersion(t *testing.T, k *kubectl.Tool) {
	r := k.Run(t, "version")
	equal(t, "exit code", r.Code, 0)
	want(t, r.Stdout, `^Client Version: v1\.36\.\d+$`, `^Server Version: v1\.36\.\d+\+binnacle`)
	equal(t, "warnings about skew", r.Stderr, "")
	want(t, k.OK(t, "cluster-info"), `Kubernetes control plane.* is running at .*https://127\.0\.0\.1:\d+`)
	want(t, k.OK(t, "cluster-info dump --namespaces=version -o yaml"), `kind: NodeList|kind: List`)
}

func authScenario(t *testing.T, k *kubectl.Tool) {
	want(t, k.OK(t, "auth whoami"), `^Username +kubernetes-admin$`, `^Groups +\[system:masters system:authenticated\]$`)
	want(t, k.OK(t, "auth can-i create deployments.apps"), `^yes$`)
	want(t, k.OK(t, "auth can-i get /metrics"), `^yes$`)
	want(t, k.OK(t, "auth can-i --list"), `^\*\.\* +\[\] +\[\] +\[\*\]$`)
	nobody := k.With("KUBECONFIG=" + nobodysKubeconfig(t, k))
	want(t, nobody.Fails(t, "get pods"), `Unauthorized|must be logged in`)
	want(t, nobody.OK(t, "get --raw /readyz"), "ok")
	want(t, nobody.OK(t, "version"), "Server Version")
	want(t, k.Fails(t, "get pods --as=somebody"), `Error from server \(Forbidden\): users "somebody" is forbidden: this server does not impersonate`)
}

// nobodysKubeconfig is a kubeconfig for the same server without credentials.
func nobodysKubeconfig(t *testing.T, k *kubectl.Tool) string {
	t.Helper()
	server := k.OK(t, "config view -o", "jsonpath={.clusters[0].cluster.server}")
	dir := write(t, map[string]string{"kubeconfig": fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c,
		clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}], users: [{name: u, user: {token: wrong}}],
		contexts: [{name: c, context: {cluster: c, user: u}}]}`, server)})
	return dir + "/kubeconfig"
}

func viewConfig(t *testing.T, k *kubectl.Tool) {
	want(t, k.OK(t, "config view"), `^current-context: binnacle$`, `server: https://127\.0\.0\.1:\d+`, `client-certificate-data: DATA\+OMITTED`)
	equal(t, "context", k.OK(t, "config current-context"), "binnacle\n")
	want(t, k.OK(t, "config get-contexts"), `^\* +binnacle +binnacle +kubernetes-admin`)
	want(t, k.OK(t, "config view --raw"), `certificate-authority-data: \S{100,}`)
}

func nodes(t *testing.T, k *kubectl.Tool) {
	k.Stdin(`{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: a}}, status: {conditions: [{type: Ready, status: "True"}], nodeInfo: {kubeletVersion: v1.36.0},
		addresses: [{type: InternalIP, address: 10.1.1.1}], capacity: {cpu: "4", memory: 8Gi, pods: "10"}, allocatable: {cpu: "4", memory: 8Gi, pods: "10"}}}`).OK(t, "create -f -")
	defer k.OK(t, "delete node n1")
	want(t, k.OK(t, "get nodes -o wide"), `^n1 +Ready +<none> +\d+s +v1\.36\.0 +10\.1\.1\.1 +<none> +`)
	want(t, k.OK(t, "taint nodes n1 dedicated=db:NoSchedule"), "^node/n1 tainted$")
	equal(t, "taint", k.OK(t, "get node n1 -o", "jsonpath={.spec.taints[0].key}={.spec.taints[0].value}:{.spec.taints[0].effect}"), "dedicated=db:NoSchedule")
	want(t, k.OK(t, "taint nodes n1 dedicated-"), "^node/n1 untainted$")
	want(t, k.OK(t, "cordon n1"), "^node/n1 cordoned$")
	want(t, k.OK(t, "get nodes"), `^n1 +Ready,SchedulingDisabled +`)
	want(t, k.OK(t, "uncordon n1"), "^node/n1 uncordoned$")
	want(t, k.OK(t, "label node n1 node-role.kubernetes.io/worker="), "labeled")
	want(t, k.OK(t, "get nodes -l zone=a"), `^n1 +Ready +worker +`)
	want(t, k.OK(t, "describe node n1"), `^Name: +n1$`, `^Unschedulable: +false$`, `^  cpu: +4$`)

	// drain evicts what runs there. The kubelet would confirm with a delete.
	k.Stdin(`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: c}], nodeName: n1}}`).OK(t, "create -f -")
	want(t, k.OK(t, "get pods -o wide --field-selector spec.nodeName=n1"), `^p +0/1 +Pending +0 +\S+ +<none> +n1 +`)
	want(t, k.OK(t, "describe node n1"), `^  nodes +p +0 \(0%\)`)
	want(t, k.OK(t, "drain n1 --force --timeout=40s"), "^node/n1 drained$")
	equal(t, "pods left", k.OK(t, "get pods -o name"), "")
}

func namespaces(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create namespace going")
	k = k.In("going")
	k.OK(t, "create configmap conf")
	equal(t, "label", k.OK(t, "get namespace going -o", `jsonpath={.metadata.labels.kubernetes\.io/metadata\.name}`), "going")
	want(t, k.OK(t, "delete namespace going --wait=false"), `^namespace "going" deleted$`)
	want(t, k.OK(t, "get namespace going"), `^going +Terminating +`)
	want(t, k.Fails(t, "create configmap more"), `Error from server \(Forbidden\): configmaps "more" is forbidden: unable to create new content in namespace going because it is being terminated|unable to create new content in namespace going because it is being terminated`)
	want(t, k.Fails(t, "delete namespace kube-system"), `this namespace may not be deleted`)
	want(t, k.Fails(t, "create configmap x --namespace=missing"), `namespaces "missing" not found`)
	want(t, k.OK(t, "get ns --field-selector status.phase=Terminating"), `^going +Terminating`)
	want(t, k.OK(t, "describe namespace going"), `^Status: +Terminating$`)
	// The namespace controller's part: empty it, then let it go.
	k.OK(t, "delete configmap conf")
	gone := k.Start(t, "wait --for=delete namespace/going --timeout=50s")
	finalized := k.OK(t, "get namespace going -o json")
	finalized = strings.Replace(finalized, "\"finalizers\": [\n            \"kubernetes\"\n        ]", `"finalizers": []`, 1)
	k.Stdin(finalized).OK(t, "replace --raw /api/v1/namespaces/going/finalize -f -")
	equal(t, "exit code of wait", gone.Wait(t), 0)
}

func showEvents(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "run p --image=nginx")
	uid := k.OK(t, "get pod p -o", "jsonpath={.metadata.uid}")
	now := time.Now().UTC().Format(time.RFC3339)
	k.Stdin(fmt.Sprintf(`{apiVersion: v1, kind: Event, metadata: {name: p.1}, type: Warning, reason: BackOff, message: Back-off restarting, count: 3,
		firstTimestamp: "%[1]s", lastTimestamp: "%[1]s", source: {component: kubelet},
		involvedObject: {apiVersion: v1, kind: Pod, namespace: events, name: p, uid: %[2]s}}`, now, uid)).OK(t, "create -f -")
	want(t, k.OK(t, "get events"), `^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE$`, `^\d+s +Warning +BackOff +pod/p +Back-off restarting$`)
	want(t, k.OK(t, "get events.events.k8s.io"), `BackOff`)
	want(t, k.OK(t, "events"), `Warning +BackOff +Pod/p +Back-off restarting$`)
	want(t, k.OK(t, "events --for pod/p --types=Warning"), `BackOff`)
	want(t, k.Run(t, "events --for pod/q").Stderr, "No events found")
	want(t, k.OK(t, "describe pod p"), `^  Warning +BackOff +\S+ \(x3 over \S+\) +kubelet +Back-off restarting$`)
	want(t, k.OK(t, "get events --field-selector involvedObject.name=p,type=Warning -o name"), `^event/p.1$`)
	equal(t, "others", k.OK(t, "get events --field-selector involvedObject.name=q -o name"), "")
	w := k.Start(t, "events --watch")
	w.Expect(t, `BackOff`)
	k.OK(t, "patch event p.1 -p", `{"count":4,"message":"once more"}`)
	w.Expect(t, `BackOff .*once more$`)
}

// csr is a certificate request for the user ann.
func certificates(t *testing.T, k *kubectl.Tool) {
	k.Stdin(certificateRequest(t, "ann")).OK(t, "create -f -")
	defer k.OK(t, "delete csr ann")
	want(t, k.OK(t, "get csr"), `^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION$`, `^ann +\S+ +kubernetes.io/kube-apiserver-client +kubernetes-admin +<none> +Pending$`)
	want(t, k.OK(t, "certificate approve ann"), "^certificatesigningrequest.certificates.k8s.io/ann approved$")
	want(t, k.OK(t, "get csr ann"), `Approved$`)
	want(t, k.OK(t, "describe csr ann"), `^Requesting User: +kubernetes-admin$`, `Common Name: +ann`)
}

func storageKinds(t *testing.T, k *kubectl.Tool) {
	k.Stdin(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: e2e-fast}
provisioner: example.org/disk
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: e2e-fast, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: e2e-disk}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, storageClassName: e2e-fast, hostPath: {path: /tmp}}
`).OK(t, "apply -f -")
	defer k.OK(t, "delete pv/e2e-disk sc/e2e-fast --wait=false")
	want(t, k.OK(t, "get sc e2e-fast"), `^e2e-fast +example.org/disk +Delete +Immediate +false +`)
	want(t, k.OK(t, "get pvc"), `^data +Pending +e2e-fast +<unset> +`)
	want(t, k.OK(t, "get pv e2e-disk"), `^e2e-disk +1Gi +RWO +Retain +(Pending|Available) +e2e-fast +<unset> +`)
	want(t, k.OK(t, "describe pvc data"), `^StorageClass: +e2e-fast$`)
	want(t, k.Fails(t, "patch sc e2e-fast -p", `{"provisioner":"other"}`), `Forbidden: updates to provisioner are forbidden`)
}
