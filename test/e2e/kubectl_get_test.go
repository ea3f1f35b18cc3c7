package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// getScenarios are about reading: outputs, selectors, orders and watches.
var getScenarios = []scenario{
	{"get-outputs", getOutputs},
	{"get-tables", getTables},
	{"get-selectors", getSelectors},
	{"get-sorted", getSorted},
	{"get-chunks", getChunks},
	{"get-watch", getWatch},
	{"get-watch-events", getWatchEvents},
	{"get-raw", getRaw},
	{"describe", describe},
}

func getOutputs(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap a --from-literal=n=1")
	k.OK(t, "create configmap b --from-literal=n=2")
	equal(t, "name", k.OK(t, "get configmaps -o name"), "configmap/a\nconfigmap/b\n")
	equal(t, "jsonpath", k.OK(t, "get cm -o", `jsonpath={range .items[*]}{.metadata.name}:{.data.n} {end}`), "a:1 b:2 ")
	want(t, k.OK(t, "get cm -o", "custom-columns=NAME:.metadata.name,N:.data.n"), `^NAME +N$`, `^a +1$`, `^b +2$`)
	equal(t, "template", k.OK(t, "get cm b -o", `go-template={{.data.n}}`), "2")
	want(t, k.OK(t, "get cm -o json"), `"kind": "List"`, `"kind": "ConfigMap"`)
	want(t, k.OK(t, "get cm a b -o yaml"), `^kind: List$`, `^  kind: ConfigMap$`)
	want(t, k.OK(t, "get configmaps/a configmaps/b -o wide"), `^a +1 +\d+s$`, `^b +1 +`)
	wantNot(t, k.OK(t, "get cm --no-headers"), "NAME")
	want(t, k.OK(t, "get cm --show-labels"), `^NAME +DATA +AGE +LABELS$`, `^a +1 +\S+ +<none>$`)
	want(t, k.OK(t, "get cm -L tier"), `^NAME +DATA +AGE +TIER$`)
	want(t, k.OK(t, "get cm,sa"), `^NAME +DATA +AGE$`, `^configmap/a +1 +\d+s$`)
	want(t, k.OK(t, "get cm a --show-kind"), `^configmap/a +1 +`)
	want(t, k.OK(t, "get cm -A"), `^NAMESPACE +NAME +DATA +AGE$`, `^get-outputs +a +1 +`)
	want(t, k.OK(t, "get cm --server-print=false"), `^NAME +AGE$`, `^a +\d+s$`)
	want(t, k.Fails(t, "get cm none"), `^Error from server \(NotFound\): configmaps "none" not found$`)
	want(t, k.Fails(t, "get nonsense"), `the server doesn't have a resource type "nonsense"`)
	// Every way to name a resource.
	for _, name := range []string{"cm/a", "configmap/a", "configmaps/a", "configmaps.v1./a"} {
		equal(t, name, k.OK(t, "get -o name", name), "configmap/a\n")
	}
	k.OK(t, "create deployment web --image=nginx:1")
	for _, name := range []string{"deploy/web", "deployments.apps/web", "deployments.v1.apps/web", "deployment/web"} {
		equal(t, name, k.OK(t, "get -o name", name), "deployment.apps/web\n")
	}
	want(t, k.OK(t, "get all"), `^deployment.apps/web +0/1 +0 +0 +\d+s$`)
}

func getTables(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "run p --image=nginx --labels=app=web")
	want(t, k.OK(t, "get pods"), `^NAME +READY +STATUS +RESTARTS +AGE$`, `^p +0/1 +Pending +0 +\d+s$`)
	want(t, k.OK(t, "get pods -o wide"), `^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$`,
		`^p +0/1 +Pending +0 +\d+s +<none> +<none> +<none> +<none>$`)
	k.OK(t, "create deployment web --image=nginx:1 --replicas=2")
	want(t, k.OK(t, "get deploy"), `^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$`, `^web +0/2 +0 +0 +\d+s$`)
	want(t, k.OK(t, "get deploy -o wide"), `CONTAINERS +IMAGES +SELECTOR$`, `nginx +nginx:1 +app=web$`)
	k.OK(t, "expose deployment web --port=80 --target-port=8080")
	want(t, k.OK(t, "get svc"), `^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE$`, `^web +ClusterIP +\S+ +<none> +80/TCP +\d+s$`)
	k.OK(t, "create job once --image=busybox")
	want(t, k.OK(t, "get jobs"), `^once +Running +0/1 +`)
	k.OK(t, "create secret generic pw")
	want(t, k.OK(t, "get secrets"), `^pw +Opaque +0 +\d+s$`)
	want(t, k.OK(t, "get namespaces"), `^NAME +STATUS +AGE$`, `^default +Active +`, `^kube-system +Active +`)
	want(t, k.OK(t, "get svc -n default kubernetes"), `^kubernetes +ClusterIP +10\.0\.0\.1 +<none> +443/TCP +`)
	want(t, k.OK(t, "get endpoints -n default kubernetes"), `^kubernetes +\S+:\d+ +`)
	want(t, k.OK(t, "get endpointslices -n default"), `^kubernetes +IPv4 +\d+ +\S+ +`)
	want(t, k.OK(t, "get pc"), `^system-node-critical +2000001000 +false +\S+ +PreemptLowerPriority$`)
	want(t, k.OK(t, "get flowschemas"), `^exempt +`)
	want(t, k.OK(t, "get roles"), `^$`)
}

func getSelectors(t *testing.T, k *kubectl.Tool) {
	for name, labels := range map[string]string{"a": "app=web,tier=front", "b": "app=web,tier=back", "c": "app=db"} {
		k.OK(t, "run", name, "--image=nginx", "--labels="+labels)
	}
	for selector, pods := range map[string]string{
		"app=web":              "a b",
		"app=web,tier=back":    "b",
		"app!=web":             "c",
		"tier":                 "a b",
		"!tier":                "c",
		"app in (db),!tier":    "c",
		"tier notin (front)":   "b c",
		"app=web,tier=nothing": "",
	} {
		equal(t, "-l "+selector, names(k.OK(t, "get pods -o name -l", selector)), pods)
	}
	for selector, pods := range map[string]string{
		"metadata.name=b":                        "b",
		"metadata.name!=b":                       "a c",
		"status.phase=Pending":                   "a b c",
		"status.phase!=Pending":                  "",
		"spec.nodeName=,status.phase=Pending":    "a b c",
		"spec.nodeName=n1":                       "",
		"spec.restartPolicy=Always":              "a b c",
		"metadata.namespace=get-selectors":       "a b c",
		"metadata.name=a,metadata.namespace=any": "",
	} {
		equal(t, "--field-selector "+selector, names(k.OK(t, "get pods -o name --field-selector", selector)), pods)
	}
	equal(t, "both", names(k.OK(t, "get pods -o name -l app=web --field-selector metadata.name!=a")), "b")
	equal(t, "all namespaces", names(k.OK(t, "get pods -A -o name -l app=web --field-selector metadata.namespace=get-selectors")), "a b")
	want(t, k.Fails(t, "get pods --field-selector spec.image=x"), `Error from server \(BadRequest\): .*field label not supported: spec.image`)
	want(t, k.Fails(t, "get pods -l", "app in web"), `unable to parse requirement`)
}

// names takes the kind off each line of -o name.
func names(out string) string {
	var all []string
	for _, line := range strings.Fields(out) {
		_, name, _ := strings.Cut(line, "/")
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func getSorted(t *testing.T, k *kubectl.Tool) {
	for name, n := range map[string]string{"a": "2", "b": "3", "c": "1"} {
		k.OK(t, "create configmap", name, "--from-literal=n="+n)
	}
	equal(t, "by a field", names(k.OK(t, "get cm -o name --sort-by={.data.n}")), "c a b")
	out := k.OK(t, "get cm --no-headers --sort-by=.data.n") // tables carry the objects
	var order []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		order = append(order, strings.Fields(line)[0])
	}
	equal(t, "tables by a field", strings.Join(order, " "), "c a b")
	equal(t, "by name", names(k.OK(t, "get cm -o name --sort-by=.metadata.name")), "a b c")
	want(t, k.OK(t, "get events --sort-by=.lastTimestamp")+".", `^\.$`)
}

func getChunks(t *testing.T, k *kubectl.Tool) {
	var docs strings.Builder
	for i := range 25 {
		fmt.Fprintf(&docs, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%02d}\n---\n", i)
	}
	k.Stdin(docs.String()).OK(t, "create -f -")
	whole := k.OK(t, "get cm -o name")
	equal(t, "in chunks of 7", k.OK(t, "get cm -o name --chunk-size=7"), whole)
	equal(t, "lines", strings.Count(k.OK(t, "get cm --no-headers --chunk-size=7"), "\n"), 25)
	r := k.Run(t, "get cm -o name --chunk-size=7 -v=8")
	want(t, r.Stderr, "limit=7", "continue=")
}

func getWatch(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap old")
	w := k.Start(t, "get configmaps -w")
	w.Expect(t, `^NAME +DATA +AGE$`)
	w.Expect(t, `^old +0 +`)
	k.OK(t, "create configmap new --from-literal=a=1")
	w.Expect(t, `^new +1 +`)
	k.OK(t, "patch configmap new -p", `{"data":{"b":"2"}}`)
	w.Expect(t, `^new +2 +`)
	k.OK(t, "delete configmap old")
	w.Expect(t, `^old +0 +`)
	w.Stop()

	only := k.Start(t, "get configmap new --watch-only -o", "jsonpath={.metadata.name} {.data.b}{'\\n'}")
	changes := k.Start(t, "get cm -w -l wanted -o name")
	k.OK(t, "create configmap other -o name")
	k.OK(t, "label configmap other wanted=yes")
	changes.Expect(t, `^configmap/other$`)
	for _, v := range []string{"3", "4"} { // the watch may begin after the first
		k.OK(t, "patch configmap new -p", `{"data":{"b":"`+v+`"}}`)
	}
	only.Expect(t, `^new [34]$`)

	// A watch of all namespaces as YAML.
	all := k.Start(t, "get cm -A -w -o yaml --field-selector metadata.name=new")
	all.Expect(t, `^  name: new$`)
}

func getWatchEvents(t *testing.T, k *kubectl.Tool) {
	w := k.Start(t, "get pods -w --output-watch-events")
	k.OK(t, "run p --image=nginx")
	w.Expect(t, `^ADDED +p +0/1 +Pending +0 +`)
	k.OK(t, "label pod p a=b")
	w.Expect(t, `^MODIFIED +p +`)
	k.OK(t, "delete pod p")
	w.Expect(t, `^DELETED +p +`)
}

func getRaw(t *testing.T, k *kubectl.Tool) {
	equal(t, "/readyz", k.OK(t, "get --raw /readyz"), "ok")
	want(t, k.OK(t, "get --raw /livez?verbose"), `^\[\+\]ping ok$`, `^livez check passed$`)
	want(t, k.OK(t, "get --raw /version"), `"gitVersion": "v1\.36\.`)
	want(t, k.OK(t, "get --raw /metrics"), `^apiserver_request_total\{`, `^etcd_mvcc_db_total_size_in_bytes `, `^etcd_debugging_mvcc_current_revision `)
	want(t, k.OK(t, "get --raw /api/v1/namespaces/default"), `"name":"default"`)
	want(t, k.OK(t, "get --raw /apis"), `APIGroupList`)
	want(t, k.Fails(t, "get --raw /nothing"), "NotFound")
}

func describe(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1 --replicas=2")
	k.OK(t, "expose deployment web --port=80")
	k.OK(t, "run p --image=nginx --env=A=b --port=8080 --labels=app=web")
	k.OK(t, "create job once --image=busybox")
	k.OK(t, "create cronjob often --image=busybox", "--schedule=*/5 * * * *")
	k.OK(t, "create ingress web --rule=example.org/=web:80")
	for object, patterns := range map[string][]string{
		"deployment web": {`^Name: +web$`, `^Replicas: +2 desired \| 0 updated \| 0 total \| 0 available \| 0 unavailable$`, `^    Image: +nginx:1$`, `^StrategyType: +RollingUpdate$`},
		"service web":    {`^Selector: +app=web$`, `^Type: +ClusterIP$`, `^Port: +<unset> +80/TCP$`},
		"pod p":          {`^Node: +<none>$`, `^Status: +Pending$`, `^    Port: +8080/TCP$`, `^      A: +b$`, `^QoS Class: +BestEffort$`, `^Events: +<none>$`},
		"job once":       {`^Parallelism: +1$`, `^Completions: +1$`, `^Pods Statuses: +0 Active`},
		"cronjob often":  {`^Schedule: +\*/5 \* \* \* \*$`, `^Concurrency Policy: +Allow$`},
		"ingress web":    {`^  example.org +`, `/ +web:80 \(`},
		"namespace":      {`^Name: +describe$`, `^Status: +Active$`, `^No resource quota\.$`},
		"secrets":        {},
	} {
		if object == "namespace" {
			object = "namespace describe"
		}
		want(t, k.OK(t, "describe "+object), patterns...)
	}
	want(t, k.OK(t, "describe pods -l app=web"), `^Name: +p$`)
	want(t, k.Fails(t, "describe pod none"), `pods "none" not found`)
}
