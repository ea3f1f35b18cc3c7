package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// applyScenarios are about files: apply, diff, dry runs, validation, kustomize.
var applyScenarios = []scenario{
	{"apply-several", applySeveral},
	{"apply-three-way", applyThreeWay},
	{"apply-dry-run", applyDryRun},
	{"apply-validation", applyValidation},
	{"apply-prune", applyPrune},
	{"diff", diff},
	{"kustomize", kustomize},
	{"files", files},
}

const app = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: conf
  labels: {app: web}
data:
  color: blue
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: nginx:1
        ports:
        - containerPort: 8080
        env:
        - {name: A, value: "1"}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {app: web}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
`

func applySeveral(t *testing.T, k *kubectl.Tool) {
	k = k.Stdin(app)
	created := k.OK(t, "apply -f -")
	want(t, created, `^configmap/conf created$`, `^deployment.apps/web created$`, `^service/web created$`)
	again := k.OK(t, "apply -f -")
	want(t, again, `^configmap/conf unchanged$`, `^deployment.apps/web unchanged$`, `^service/web unchanged$`)
	want(t, k.OK(t, "apply view-last-applied configmap/conf"), `^  color: blue$`)
	want(t, k.OK(t, "get -f -"), `^configmap/conf +1 +`, `^deployment.apps/web +0/2 +`, `^service/web +ClusterIP +`)
	want(t, k.OK(t, "delete -f -"), `^configmap "conf" deleted`, `^deployment.apps "web" deleted`, `^service "web" deleted`)
	want(t, k.Fails(t, "get -f -"), `NotFound`)
}

// applyThreeWay changes what the file changed, and leaves alone what others set.
func applyThreeWay(t *testing.T, k *kubectl.Tool) {
	k.Stdin(app).OK(t, "apply -f -")
	k.OK(t, "label deployment web other=label")
	k.OK(t, "set env deployment/web B=2")
	changed := strings.NewReplacer("nginx:1", "nginx:2", "{name: A, value: \"1\"}", "{name: C, value: \"3\"}", "color: blue", "taste: sweet").Replace(app)
	want(t, k.Stdin(changed).OK(t, "apply -f -"), `^configmap/conf configured$`, `^deployment.apps/web configured$`, `^service/web unchanged$`)
	equal(t, "image", k.OK(t, "get deployment web -o", "jsonpath={.spec.template.spec.containers[0].image}"), "nginx:2")
	equal(t, "label of others", k.OK(t, "get deployment web -o", "jsonpath={.metadata.labels.other}"), "label")
	env := k.OK(t, "get deployment web -o", "jsonpath={range .spec.template.spec.containers[0].env[*]}{.name}={.value} {end}")
	want(t, env, "B=2", "C=3") // merged by name
	wantNot(t, env, "A=")
	equal(t, "data", k.OK(t, "get configmap conf -o", "jsonpath={.data}"), `{"taste":"sweet"}`)

	// apply takes over what create has made, with a warning.
	k.OK(t, "create configmap plain --from-literal=a=1")
	r := k.Stdin("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {b: \"2\"}\n").Run(t, "apply -f -")
	want(t, r.Stderr, "missing the kubectl.kubernetes.io/last-applied-configuration annotation")
	equal(t, "merged", k.OK(t, "get configmap plain -o", "jsonpath={.data.a}{.data.b}"), "12")

}

func applyDryRun(t *testing.T, k *kubectl.Tool) {
	k = k.Stdin(app)
	want(t, k.OK(t, "apply -f - --dry-run=server"), `^configmap/conf created \(server dry run\)$`, `^deployment.apps/web created \(server dry run\)$`)
	want(t, k.OK(t, "apply -f - --dry-run=client"), `^configmap/conf created \(dry run\)$`)
	equal(t, "objects after dry runs", k.OK(t, "get cm,deploy,svc -o name"), "")
	want(t, k.OK(t, "create deployment d --image=nginx --dry-run=server -o yaml"), `^  uid: `, `imagePullPolicy: Always`, `^    type: RollingUpdate$`)
	k.OK(t, "apply -f -")
	want(t, k.Stdin(strings.Replace(app, "blue", "red", 1)).OK(t, "apply -f - --dry-run=server"), `^configmap/conf configured \(server dry run\)$`)
	equal(t, "unchanged", k.OK(t, "get configmap conf -o", "jsonpath={.data.color}"), "blue")
	want(t, k.OK(t, "delete configmap conf --dry-run=server"), `deleted .*\(server dry run\)`)
	want(t, k.OK(t, "scale deployment web --replicas=9 --dry-run=server"), `scaled \(server dry run\)`)
	want(t, k.OK(t, "label cm conf a=b --dry-run=server"), `labeled \(server dry run\)`)
	want(t, k.OK(t, "get cm,deploy -o", "jsonpath={.items[*].spec.replicas}{.items[*].metadata.labels.a}"), "^2$")
}

func applyValidation(t *testing.T, k *kubectl.Tool) {
	typo := strings.Replace(app, "replicas: 2", "replica: 2", 1)
	want(t, k.Stdin(typo).Fails(t, "apply -f -"), `strict decoding error: unknown field "spec.replica"`)
	want(t, k.Stdin(typo).Fails(t, "create -f -"), `unknown field "spec.replica"`)
	warned := k.Stdin(typo).Run(t, "apply -f - --validate=warn")
	equal(t, "exit code with --validate=warn", warned.Code, 0)
	want(t, warned.Stderr, `^Warning: unknown field "spec.replica"$`)
	quiet := k.Stdin(typo).Run(t, "apply -f - --validate=ignore")
	equal(t, "warnings with --validate=ignore", quiet.Stderr, "")

	want(t, k.Stdin(strings.Replace(app, "name: web\n        image", "name: WEB\n        image", 1)).Fails(t, "apply -f -"),
		`The Deployment "web" is invalid: spec.template.spec.containers\[\d\].name: Invalid value: "WEB"`)
	nonsense := k.Stdin("apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n")
	want(t, nonsense.Fails(t, "apply -f - --validate=false"), `no matches for kind "Nonsense" in version "v1"`)
	nonsense.Fails(t, "apply -f -") // kubectl looks for a CustomResourceDefinition first
	want(t, k.Stdin("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n").Fails(t, "apply -f -"), `cannot unmarshal number into Go struct field ConfigMap.data of type string`)
	want(t, k.Stdin(app).In("missing").Fails(t, "apply -f -"), `namespaces "missing" not found`)
}

// applyPrune deletes what has gone from the file.
func applyPrune(t *testing.T, k *kubectl.Tool) {
	k.Stdin(app).OK(t, "apply -f -")
	docs := strings.SplitN(app, "---", 2)
	want(t, k.Stdin(docs[0]).OK(t, "apply -f - --prune -l app=web"), `^configmap/conf unchanged$`, `^deployment.apps/web pruned$`, `^service/web pruned$`)
	equal(t, "left", k.OK(t, "get cm,deploy,svc -l app=web -o name"), "configmap/conf\n")
}

func diff(t *testing.T, k *kubectl.Tool) {
	k.Stdin(app).OK(t, "apply -f -")
	same := k.Stdin(app).Run(t, "diff -f -")
	equal(t, "exit code without differences", same.Code, 0)
	equal(t, "output without differences", same.Stdout, "")
	other := k.Stdin(strings.Replace(app, "color: blue", "color: red", 1)).Run(t, "diff -f -")
	equal(t, "exit code with differences", other.Code, 1)
	want(t, other.Stdout, `^-  color: blue$`, `^\+  color: red$`)
	wantNot(t, other.Stdout, `^[-+]  resourceVersion`)
	equal(t, "diff changed nothing", k.OK(t, "get configmap conf -o", "jsonpath={.data.color}"), "blue")
	more := k.Stdin(strings.Replace(app, "name: conf", "name: more", 1)).Run(t, "diff -f -")
	equal(t, "exit code for a new object", more.Code, 1)
	want(t, more.Stdout, `^\+  name: more$`)
	bad := k.Stdin("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: BAD}\n").Run(t, "diff -f -")
	if bad.Code < 2 {
		t.Errorf("exit code of a failure: %d\n%v", bad.Code, bad)
	}
}

// write makes files in a directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func kustomize(t *testing.T, k *kubectl.Tool) {
	dir := write(t, map[string]string{"app.yaml": app, "kustomization.yaml": `
resources: [app.yaml]
namePrefix: my-
images:
- {name: nginx, newTag: "5"}
configMapGenerator:
- name: generated
  literals: [a=b]
`})
	want(t, k.OK(t, "kustomize", dir), `name: my-web`, `image: nginx:5`)
	out := k.OK(t, "apply -k", dir)
	want(t, out, `^configmap/my-conf created$`, `^configmap/my-generated-\w+ created$`, `^deployment.apps/my-web created$`)
	equal(t, "image", k.OK(t, "get deployment my-web -o", "jsonpath={.spec.template.spec.containers[0].image}"), "nginx:5")
	equal(t, "exit code of diff", k.Run(t, "diff -k", dir).Code, 0)
	want(t, k.OK(t, "delete -k", dir), `configmap "my-conf" deleted`)
}

func files(t *testing.T, k *kubectl.Tool) {
	dir := write(t, map[string]string{
		"1.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n",
		"2.json": `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two"}},{"apiVersion":"v1","kind":"Secret","metadata":{"name":"three"}}]}`,
		"no.txt": "not a manifest",
	})
	want(t, k.OK(t, "apply -f", dir), `^configmap/one created$`, `^configmap/two created$`, `^secret/three created$`)
	want(t, k.OK(t, "delete -f", filepath.Join(dir, "2.json")), `configmap "two" deleted`, `secret "three" deleted`)
	want(t, k.OK(t, "create configmap from-file --from-file="+dir), "created")
	equal(t, "keys", k.OK(t, "get configmap from-file -o", `go-template={{range $k, $v := .data}}{{$k}} {{end}}`), "1.yaml 2.json no.txt ")
	equal(t, "value", k.OK(t, "get configmap from-file -o", `jsonpath={.data.no\.txt}`), "not a manifest")
}
