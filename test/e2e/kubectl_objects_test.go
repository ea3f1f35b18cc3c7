package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// objectScenarios are about single objects: made, changed and deleted in every
// way that kubectl has.
var objectScenarios = []scenario{
	{"create-change-delete", createChangeDelete},
	{"create-generators", createGenerators},
	{"edit", edit},
	{"edit-conflict", editConflict},
	{"patch-types", patchTypes},
	{"replace", replace},
	{"delete-many", deleteMany},
	{"secrets", secrets},
}

func createChangeDelete(t *testing.T, k *kubectl.Tool) {
	want(t, k.OK(t, "create configmap conf --from-literal=color=blue --from-literal=size=9"), "^configmap/conf created$")
	want(t, k.Fails(t, "create configmap conf"), `^error: failed to create configmap: configmaps "conf" already exists$`)
	want(t, k.OK(t, "get configmap conf"), `^NAME +DATA +AGE$`, `^conf +2 +\d+s$`)
	want(t, k.OK(t, "get cm conf -o yaml"), `^apiVersion: v1$`, `^kind: ConfigMap$`, `^  color: blue$`, `^  size: "9"$`, `^  name: conf$`,
		`^  namespace: create-change-delete$`, `^  resourceVersion: "\d+"$`, `^  uid: [0-9a-f-]{36}$`, `^  creationTimestamp: "\d{4}-`)
	want(t, k.OK(t, "describe configmap conf"), `^Name: +conf$`, `^Namespace: +create-change-delete$`, "^color:\n----\nblue$")

	want(t, k.OK(t, "label configmap conf tier=web"), "^configmap/conf labeled$")
	want(t, k.Fails(t, "label configmap conf tier=db"), `'tier' already has a value \(web\), and --overwrite is false`)
	want(t, k.OK(t, "label configmap conf tier=db --overwrite"), "labeled")
	want(t, k.OK(t, "annotate configmap conf note=one"), "^configmap/conf annotated$")
	equal(t, "label and annotation", k.OK(t, "get configmap conf -o", `jsonpath={.metadata.labels.tier} {.metadata.annotations.note}`), "db one")
	want(t, k.OK(t, "label configmap conf tier-"), "unlabeled")
	want(t, k.OK(t, "annotate configmap conf note-"), "annotated")
	equal(t, "label and annotation taken away", k.OK(t, "get configmap conf -o", `jsonpath={.metadata.labels}{.metadata.annotations}`), "")

	want(t, k.OK(t, "delete configmap conf"), `^configmap "conf" deleted from create-change-delete namespace$`)
	want(t, k.Fails(t, "get configmap conf"), `^Error from server \(NotFound\): configmaps "conf" not found$`)
	want(t, k.Fails(t, "delete configmap conf"), `Error from server \(NotFound\)`)
	equal(t, "delete of nothing with --ignore-not-found", k.OK(t, "delete configmap conf --ignore-not-found"), "")
}

// createGenerators runs kubectl's generators of kinds: each must pass the
// server's decoding, defaults and validation.
func createGenerators(t *testing.T, k *kubectl.Tool) {
	for _, c := range []struct {
		get, create string
		more        []string
	}{
		{get: "serviceaccount/robot", create: "serviceaccount robot"},
		{get: "role.rbac.authorization.k8s.io/reader", create: "role reader --verb=get,list --resource=pods,deployments.apps"},
		{get: "rolebinding.rbac.authorization.k8s.io/readers", create: "rolebinding readers --role=reader --serviceaccount=create-generators:robot"},
		{get: "clusterrole.rbac.authorization.k8s.io/e2e-reader", create: "clusterrole e2e-reader --verb=get --resource=nodes"},
		{get: "clusterrolebinding.rbac.authorization.k8s.io/e2e-readers", create: "clusterrolebinding e2e-readers --clusterrole=e2e-reader --user=ann"},
		{get: "resourcequota/small", create: "quota small --hard=pods=3,cpu=2"},
		{get: "poddisruptionbudget.policy/calm", create: "poddisruptionbudget calm --selector=app=web --min-available=1"},
		{get: "priorityclass.scheduling.k8s.io/e2e-first", create: "priorityclass e2e-first --value=1000"},
		{get: "deployment.apps/web", create: "deployment web --image=nginx:1 --replicas=2"},
		{get: "job.batch/once", create: "job once --image=busybox"},
		{get: "cronjob.batch/often", create: "cronjob often --image=busybox", more: []string{"--schedule=*/5 * * * *"}},
		{get: "service/web", create: "service clusterip web --tcp=80:8080"},
		{get: "service/web-node", create: "service nodeport web-node --tcp=80:8080"},
		{get: "service/web-lb", create: "service loadbalancer web-lb --tcp=80:8080"},
		{get: "service/web-ext", create: "service externalname web-ext --external-name=example.org"},
		{get: "ingress.networking.k8s.io/web", create: "ingress web --rule=example.org/*=web:80"},
		{get: "secret/pw", create: "secret generic pw --from-literal=a=b"},
		{get: "secret/pull", create: "secret docker-registry pull --docker-server=example.org --docker-username=u --docker-password=p"},
	} {
		want(t, k.OK(t, "create "+c.create, c.more...), "^"+c.get+" created$")
		equal(t, c.get, k.OK(t, "get -o name", c.get), c.get+"\n")
	}
	want(t, k.OK(t, "create job from-cron --from=cronjob/often"), "^job.batch/from-cron created$")
	want(t, k.OK(t, "get jobs"), `^NAME +STATUS +COMPLETIONS +DURATION +AGE$`, `^from-cron +Running +0/1 +`)
	k.OK(t, "delete clusterrole/e2e-reader clusterrolebinding/e2e-readers priorityclass/e2e-first")
}

// editor writes a script that kubectl edit runs instead of a person's editor.
func editor(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "editor.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nset -e\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return "EDITOR=" + path
}

func edit(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap conf --from-literal=color=blue")
	want(t, k.With(editor(t, `sed -i s/blue/red/ "$1"`)).OK(t, "edit configmap conf"), "^configmap/conf edited$")
	equal(t, "edited", k.OK(t, "get configmap conf -o", "jsonpath={.data.color}"), "red")
	want(t, k.With(editor(t, `true`)).Run(t, "edit configmap conf").Stderr, "Edit cancelled, no changes made")

	k.OK(t, "create deployment web --image=nginx:1")
	want(t, k.With(editor(t, `sed -i 's/replicas: 1/replicas: 4/; s/nginx:1/nginx:2/' "$1"`)).OK(t, "edit deployment web"), "edited")
	equal(t, "edited", k.OK(t, "get deployment web -o", "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}"), "4 nginx:2")

	// What the server refuses is shown again, and given up when nothing changes.
	r := k.With(editor(t, `sed -i 's/name: conf/name: conf2/' "$1"`)).Run(t, "edit configmap conf")
	want(t, r.Stderr, "name")
	equal(t, "exit code", r.Code, 1)
}

// editConflict edits an object that changes meanwhile: both changes stand, as
// kubectl sends a patch.
func editConflict(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap conf --from-literal=mine=1 --from-literal=theirs=1")
	meanwhile := `"$KUBECTL" patch configmap conf -n edit-conflict --type=merge -p '{"data":{"theirs":"2"}}' >/dev/null`
	k.With(editor(t, meanwhile+"\n"+`sed -i 's/mine: "1"/mine: "2"/' "$1"`), "KUBECTL="+kubectlBinary(t)).OK(t, "edit configmap conf")
	equal(t, "both changes", k.OK(t, "get configmap conf -o", "jsonpath={.data.mine} {.data.theirs}"), "2 2")
}

func patchTypes(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	image := func() string {
		return k.OK(t, "get deployment web -o", "jsonpath={range .spec.template.spec.containers[*]}{.name}={.image} {end}")
	}
	want(t, k.OK(t, "patch deployment web -p", `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"envoy:1"}]}}}}`), "^deployment.apps/web patched$")
	equal(t, "strategic patch merges by name", image(), "side=envoy:1 nginx=nginx:1 ")
	k.OK(t, "patch deployment web -p", `{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}`)
	equal(t, "strategic patch deletes by name", image(), "nginx=nginx:1 ")
	k.OK(t, "patch deployment web --type=json -p", `[{"op":"test","path":"/spec/replicas","value":1},{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"nginx:7"}]`)
	equal(t, "JSON patch", image(), "nginx=nginx:7 ")
	k.OK(t, "patch deployment web --type=merge -p", `{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"only:1"}]}}}}`)
	equal(t, "merge patch replaces lists", image(), "only=only:1 ")

	want(t, k.OK(t, "patch deployment web -p", `{"spec":{"replicas":1}}`), `^deployment.apps/web patched \(no change\)$`)
	want(t, k.Fails(t, "patch deployment web --type=json -p", `[{"op":"test","path":"/spec/replicas","value":99}]`), `the server rejected our request due to an error in our request|test`)
	want(t, k.Fails(t, "patch deployment web -p", `{"spec":{"replicas":-1}}`), `The Deployment "web" is invalid: spec.replicas: Invalid value: -1`)
	want(t, k.Fails(t, "patch deployment none -p", `{"spec":{"replicas":1}}`), `deployments.apps "none" not found`)
	want(t, k.OK(t, "patch deployment web --subresource=status -p", `{"status":{"replicas":3}}`), "patched")
	equal(t, "status", k.OK(t, "get deployment web --subresource=status -o", "jsonpath={.status.replicas} {.spec.replicas}"), "3 1")
	want(t, k.OK(t, "patch deployment web --subresource=scale --type=merge -p", `{"spec":{"replicas":6}}`), "patched")
	equal(t, "scale", k.OK(t, "get deployment web -o", "jsonpath={.spec.replicas}"), "6")
}

func replace(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap conf --from-literal=a=1")
	uid := k.OK(t, "get configmap conf -o", "jsonpath={.metadata.uid}")
	changed := k.OK(t, "create configmap conf --from-literal=b=2 --dry-run=client -o yaml")
	want(t, k.Stdin(changed).OK(t, "replace -f -"), "^configmap/conf replaced$")
	equal(t, "data", k.OK(t, "get configmap conf -o", "jsonpath={.data}"), `{"b":"2"}`)
	equal(t, "uid after replace", k.OK(t, "get configmap conf -o", "jsonpath={.metadata.uid}"), uid)

	want(t, k.Stdin(changed).OK(t, "replace --force -f -"), `deleted`, `^configmap/conf replaced$`)
	if k.OK(t, "get configmap conf -o", "jsonpath={.metadata.uid}") == uid {
		t.Error("replace --force kept the object")
	}

	stale := k.OK(t, "get configmap conf -o yaml")
	k.OK(t, "label configmap conf newer=yes")
	want(t, k.Stdin(stale).Fails(t, "replace -f -"), `Error from server \(Conflict\).*the object has been modified; please apply your changes to the latest version and try again`)
}

func deleteMany(t *testing.T, k *kubectl.Tool) {
	for _, name := range []string{"a", "b", "c", "d"} {
		k.OK(t, "create configmap", name)
	}
	k.OK(t, "label configmap a b set=one")
	want(t, k.OK(t, "delete configmap -l set=one"), `configmap "a" deleted`, `configmap "b" deleted`)
	equal(t, "left", k.OK(t, "get configmap -o name"), "configmap/c\nconfigmap/d\n")
	want(t, k.OK(t, "delete configmap --field-selector metadata.name=c"), `configmap "c" deleted`)
	want(t, k.OK(t, "delete configmap --all --dry-run=server"), `configmap "d" deleted .*\(server dry run\)`)
	equal(t, "left", k.OK(t, "get configmap -o name"), "configmap/d\n")
	want(t, k.OK(t, "delete configmap,secret --all"), `configmap "d" deleted`)
	r := k.Run(t, "get configmap")
	want(t, r.Stderr, "^No resources found in delete-many namespace.$")
	equal(t, "exit code of get of nothing", r.Code, 0)

	// A Pod without a node has nobody to wait for.
	k.OK(t, "run p --image=nginx")
	want(t, k.OK(t, "delete pod p"), `pod "p" deleted`)
	k.OK(t, "run q --image=nginx")
	want(t, k.Run(t, "delete pod q --grace-period=0 --force").Stderr, "Immediate deletion does not wait")
	equal(t, "left", k.OK(t, "get pods -o name"), "")

	// What a finalizer holds goes when the finalizer does.
	k.OK(t, "create configmap held")
	k.OK(t, "patch configmap held -p", `{"metadata":{"finalizers":["example.org/hold"]}}`)
	want(t, k.OK(t, "delete configmap held --wait=false"), "deleted")
	want(t, k.OK(t, "get configmap held -o yaml"), `^  deletionTimestamp: `, `^  deletionGracePeriodSeconds: 0$`)
	waiting := k.Start(t, "wait --for=delete configmap/held --timeout=50s")
	k.OK(t, "patch configmap held --type=json -p", `[{"op":"remove","path":"/metadata/finalizers"}]`)
	equal(t, "exit code of wait", waiting.Wait(t), 0)
	k.Fails(t, "get configmap held")
}

func secrets(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create secret generic pw --from-literal=user=ann --from-literal=word=geheim")
	want(t, k.OK(t, "get secret pw"), `^NAME +TYPE +DATA +AGE$`, `^pw +Opaque +2 +`)
	want(t, k.OK(t, "get secret pw -o yaml"), `^  word: Z2VoZWlt$`, `^type: Opaque$`)
	out := k.OK(t, "describe secret pw")
	want(t, out, `^word: +6 bytes$`, `^Type: +Opaque$`)
	wantNot(t, out, "geheim", "Z2VoZWlt")
	want(t, k.Fails(t, "patch secret pw -p", `{"type":"kubernetes.io/tls"}`), `type: Invalid value: "kubernetes.io/tls": field is immutable`)
	k.OK(t, "patch secret pw -p", `{"immutable":true}`)
	want(t, k.Fails(t, "patch secret pw -p", `{"stringData":{"word":"neu"}}`), `field is immutable when .immutable. is set`)
}
