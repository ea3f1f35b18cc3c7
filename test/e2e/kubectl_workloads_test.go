package e2e

import (
	"fmt"
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// workloadScenarios are about workloads. No controller runs: what it would do,
// a scenario does itself where kubectl waits for it.
var workloadScenarios = []scenario{
	{"scale", scaleWorkloads},
	{"rollout", rollout},
	{"rollout-undo", rolloutUndo},
	{"set", set},
	{"expose", expose},
	{"run", runPods},
	{"autoscale", autoscale},
	{"cronjobs", cronJobs},
}

func scaleWorkloads(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	replicas := func() string { return k.OK(t, "get deployment web -o", "jsonpath={.spec.replicas}") }
	want(t, k.OK(t, "scale deployment web --replicas=3"), "^deployment.apps/web scaled$")
	equal(t, "replicas", replicas(), "3")
	want(t, k.Fails(t, "scale deployment web --current-replicas=9 --replicas=1"), `Expected replicas to be 9, was 3`)
	want(t, k.OK(t, "scale deployment web --current-replicas=3 --replicas=0"), "scaled")
	equal(t, "replicas", replicas(), "0")
	want(t, k.Fails(t, "scale deployment web --replicas=-1"), `replicas`)
	generation := k.OK(t, "get deployment web -o", "jsonpath={.metadata.generation}")
	equal(t, "generation after two changes", generation, "3")
	k.Stdin(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, selector: {matchLabels: {app: db}},
		template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "db:1"}]}}}}`).OK(t, "apply -f -")
	k.Stdin(`{apiVersion: v1, kind: ReplicationController, metadata: {name: rc}, spec: {selector: {app: rc},
		template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: rc, image: "rc:1"}]}}}}`).OK(t, "apply -f -")
	want(t, k.OK(t, "scale --replicas=4 statefulset/db rc/rc deployment/web"), "^statefulset.apps/db scaled$", "^replicationcontroller/rc scaled$", "^deployment.apps/web scaled$")
	equal(t, "replicas", k.OK(t, "get sts,rc,deploy -o", "jsonpath={.items[*].spec.replicas}"), "4 4 4")
	want(t, k.Fails(t, "scale configmap/kube-root-ca.crt --replicas=1"), "could not find the requested resource|NotFound|not found")
}

// rollout plays the deployment controller's part in a rollout's status.
func rollout(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1 --replicas=2")
	want(t, k.Fails(t, "rollout status deployment/web --timeout=1s"), "timed out waiting for the condition")
	status := k.Start(t, "rollout status deployment/web --timeout=50s")
	status.Expect(t, `^Waiting for deployment spec update to be observed...$`)
	report := func(updated, available int) {
		k.OK(t, "patch deployment web --subresource=status -p", fmt.Sprintf(`{"status":{"observedGeneration":%s,"replicas":2,"updatedReplicas":%d,"availableReplicas":%d,"readyReplicas":%d}}`,
			k.OK(t, "get deployment web -o", "jsonpath={.metadata.generation}"), updated, available, available))
	}
	report(1, 0)
	status.Expect(t, `^Waiting for deployment "web" rollout to finish: 1 out of 2 new replicas have been updated...$`)
	report(2, 1)
	status.Expect(t, `^Waiting for deployment "web" rollout to finish: 1 of 2 updated replicas are available...$`)
	report(2, 2)
	status.Expect(t, `^deployment "web" successfully rolled out$`)
	equal(t, "exit code", status.Wait(t), 0)
	want(t, k.OK(t, "get deployment web"), `^web +2/2 +2 +2 +`)

	want(t, k.OK(t, "rollout restart deployment/web"), "^deployment.apps/web restarted$")
	want(t, k.OK(t, "get deployment web -o yaml"), `kubectl.kubernetes.io/restartedAt: "`)
	want(t, k.OK(t, "rollout pause deployment/web"), "^deployment.apps/web paused$")
	want(t, k.Fails(t, "rollout pause deployment/web"), "already paused")
	equal(t, "paused", k.OK(t, "get deployment web -o", "jsonpath={.spec.paused}"), "true")
	want(t, k.OK(t, "rollout resume deployment/web"), "^deployment.apps/web resumed$")
}

// rolloutUndo makes the ReplicaSets that the controller would have made, and
// rolls back to the first.
func rolloutUndo(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	want(t, k.Fails(t, "rollout undo deployment/web"), `no rollout history found for deployment "web"`)
	uid := k.OK(t, "get deployment web -o", "jsonpath={.metadata.uid}")
	for revision, image := range map[int]string{1: "nginx:1", 2: "nginx:2"} {
		k.Stdin(fmt.Sprintf(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-%[1]d, labels: {app: web}, annotations: {deployment.kubernetes.io/revision: "%[1]d"},
			ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: %[2]s, controller: true}]},
			spec: {selector: {matchLabels: {app: web, pod-template-hash: h%[1]d}}, template: {metadata: {labels: {app: web, pod-template-hash: h%[1]d}},
			spec: {containers: [{name: nginx, image: "%[3]s"}]}}}}`, revision, uid, image)).OK(t, "create -f -")
	}
	k.OK(t, "set image deployment/web nginx=nginx:2")
	k.OK(t, "annotate deployment web deployment.kubernetes.io/revision=2")
	want(t, k.OK(t, "rollout history deployment/web"), `^REVISION +CHANGE-CAUSE$`, `^1 +<none>$`, `^2 +<none>$`)
	want(t, k.OK(t, "rollout history deployment/web --revision=1"), `Image:\s+nginx:1`)
	want(t, k.OK(t, "rollout undo deployment/web"), "^deployment.apps/web rolled back$")
	equal(t, "image", k.OK(t, "get deployment web -o", "jsonpath={.spec.template.spec.containers[0].image}"), "nginx:1")
	want(t, k.OK(t, "describe deployment web"), `^NewReplicaSet: +web-1 \(`)
}

func set(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	k.OK(t, "create serviceaccount robot")
	k.OK(t, "create configmap conf --from-literal=A=1")
	want(t, k.OK(t, "set image deployment/web nginx=nginx:2"), "^deployment.apps/web image updated$")
	want(t, k.OK(t, "set env deployment/web A=1"), "^deployment.apps/web env updated$")
	want(t, k.OK(t, "set env deployment/web --from=configmap/conf --prefix=C_"), "env updated")
	want(t, k.OK(t, "set resources deployment/web --limits=cpu=200m,memory=512Mi --requests=cpu=100m"), "resource requirements updated")
	want(t, k.OK(t, "set serviceaccount deployment/web robot"), "serviceaccount updated")
	want(t, k.OK(t, "set env deployment/web --list"), "^A=1$", "# C_A from configmap conf, key A")
	want(t, k.OK(t, "get deployment web -o yaml"), `image: nginx:2`, `cpu: 200m`, `serviceAccountName: robot`, `serviceAccount: robot`)
	want(t, k.Fails(t, "set image deployment/web none=nginx:3"), `unable to find container named "none"`)
	want(t, k.OK(t, "set env deployment/web A-"), "env updated")
	wantNot(t, k.OK(t, "set env deployment/web --list"), "^A=1$")
	k.OK(t, "expose deployment web --port=80")
	want(t, k.OK(t, "set selector service/web", "app=other"), "^service/web selector updated$")
	equal(t, "selector", k.OK(t, "get service web -o", "jsonpath={.spec.selector}"), `{"app":"other"}`)
}

func expose(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1 --port=8080")
	want(t, k.OK(t, "expose deployment web"), "^service/web exposed$")
	equal(t, "service", k.OK(t, "get svc web -o", "jsonpath={.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.selector.app} {.spec.type}"), "8080 8080 web ClusterIP")
	want(t, k.OK(t, "expose deployment web --name=out --type=NodePort --port=80 --target-port=8080"), "^service/out exposed$")
	want(t, k.OK(t, "get svc out"), `^out +NodePort +`)
	want(t, k.Fails(t, "expose deployment web"), `services "web" already exists`)
	k.OK(t, "run p --image=nginx --port=9090 --labels=app=p")
	want(t, k.OK(t, "expose pod p --name=p"), "^service/p exposed$")
	want(t, k.OK(t, "get svc p -o wide"), `9090/TCP +\S+ +app=p$`)
}

func runPods(t *testing.T, k *kubectl.Tool) {
	want(t, k.OK(t, "run p --image=nginx"), "^pod/p created$")
	want(t, k.OK(t, "run q --image=busybox --restart=Never --env=A=b --labels=a=b --command -- sleep 100"), "^pod/q created$")
	equal(t, "command", k.OK(t, "get pod q -o", "jsonpath={.spec.containers[0].command} {.spec.restartPolicy} {.metadata.labels.a}"), `["sleep","100"] Never b`)
	want(t, k.Fails(t, "run p --image=nginx"), `pods "p" already exists`)
	want(t, k.Fails(t, "run P --image=nginx"), "Invalid value|invalid")
	want(t, k.OK(t, "get pod p -o yaml"), `^  dnsPolicy: ClusterFirst$`, `^  terminationGracePeriodSeconds: 30$`, `^  phase: Pending$`, `^  qosClass: BestEffort$`, `^    imagePullPolicy: Always$`)
	want(t, k.Fails(t, "patch pod p -p", `{"spec":{"terminationGracePeriodSeconds":5}}`), `The Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than`)
	want(t, k.OK(t, "set image pod/p p=nginx:2"), "image updated")
	want(t, k.OK(t, "debug p --image=busybox --attach=false", "--container=d"), ".*")
	equal(t, "ephemeral containers", k.OK(t, "get pod p -o", "jsonpath={.spec.ephemeralContainers[*].name}"), "d")
}

func autoscale(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	want(t, k.OK(t, "autoscale deployment web --min=2 --max=5 --cpu=80%"), "^horizontalpodautoscaler.autoscaling/web autoscaled$")
	want(t, k.OK(t, "get hpa"), `^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE$`, `^web +Deployment/web +cpu: <unknown>/80% +2 +5 +0 +`)
	equal(t, "in v1", k.OK(t, "get horizontalpodautoscalers.v1.autoscaling web -o", "jsonpath={.spec.targetCPUUtilizationPercentage}"), "80")
	equal(t, "in v2", k.OK(t, "get hpa web -o", "jsonpath={.spec.metrics[0].resource.target.averageUtilization}"), "80")
	want(t, k.Fails(t, "autoscale deployment web --min=5 --max=2 --name=bad"), "max")
	want(t, k.OK(t, "describe hpa web"), `^Reference: +Deployment/web$`)
}

func cronJobs(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create cronjob often --image=busybox", "--schedule=*/5 * * * *")
	want(t, k.OK(t, "get cronjobs"), `^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE$`, `^often +\*/5 \* \* \* \* +<none> +False +0 +<none> +`)
	want(t, k.Fails(t, "create cronjob bad --image=busybox", "--schedule=nonsense"), `spec.schedule: Invalid value: "nonsense"`)
	want(t, k.OK(t, "create job now --from=cronjob/often"), "created")
	want(t, k.OK(t, "get job now -o yaml"), `^    cronjob.kubernetes.io/instantiate: manual$`, `^    kind: CronJob$`, `batch.kubernetes.io/controller-uid: `)
	k.OK(t, "patch job now --subresource=status --type=merge -p", `{"status":{"startTime":"2026-01-01T00:00:00Z","active":1}}`)
	want(t, k.Fails(t, "patch job now -p", `{"spec":{"completions":5}}`), `spec.completions: Invalid value: 5: field is immutable`)
}
