package e2e

import (
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// waitScenarios are about kubectl wait, and the watches under it.
var waitScenarios = []scenario{
	{"wait-condition", waitCondition},
	{"wait-jsonpath", waitJSONPath},
	{"wait-delete", waitDelete},
	{"wait-create", waitCreate},
}

func waitCondition(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create deployment web --image=nginx:1")
	want(t, k.Fails(t, "wait --for=condition=Available deployment/web --timeout=1s"), "timed out waiting for the condition on deployments/web")
	w := k.Start(t, "wait --for=condition=Available deployment/web --timeout=50s")
	k.OK(t, "patch deployment web --subresource=status -p", `{"status":{"conditions":[{"type":"Available","status":"True","reason":"Test"}]}}`)
	w.Expect(t, `^deployment.apps/web condition met$`)
	equal(t, "exit code", w.Wait(t), 0)
	want(t, k.OK(t, "wait --for=condition=available deployments --all"), "condition met")
	want(t, k.OK(t, "wait --for=condition=Available=true deployment -l app=web"), "condition met")

	k.OK(t, "run p --image=nginx")
	ready := k.Start(t, "wait --for=condition=Ready pod/p --timeout=50s")
	k.OK(t, "patch pod p --subresource=status -p", `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`)
	equal(t, "exit code", ready.Wait(t), 0)
	want(t, k.OK(t, "get pods"), `^p +\d/1 +Running +0 +`)
}

func waitJSONPath(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap conf --from-literal=state=new")
	w := k.Start(t, "wait configmap/conf --for=jsonpath={.data.state}=done --timeout=50s")
	k.OK(t, "patch configmap conf -p", `{"data":{"state":"half"}}`)
	k.OK(t, "patch configmap conf -p", `{"data":{"state":"done"}}`)
	equal(t, "exit code", w.Wait(t), 0)
	want(t, k.Fails(t, "wait configmap/conf --for=jsonpath={.data.state}=other --timeout=1s"), "timed out")
}

func waitDelete(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create configmap a")
	k.OK(t, "create configmap b")
	w := k.Start(t, "wait --for=delete configmap/a configmap/b --timeout=50s")
	k.OK(t, "delete configmap a")
	k.OK(t, "delete configmap b")
	equal(t, "exit code", w.Wait(t), 0)
	k.OK(t, "wait --for=delete configmap/a --timeout=5s") // gone already
	k.OK(t, "create configmap c")
	want(t, k.Fails(t, "wait --for=delete configmap/c --timeout=1s"), "timed out")
}

func waitCreate(t *testing.T, k *kubectl.Tool) {
	w := k.Start(t, "wait --for=create configmap/late --timeout=50s")
	k.OK(t, "create configmap late")
	equal(t, "exit code", w.Wait(t), 0)
}
