package e2e

import (
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// refusalScenarios are about what needs parts that this server has not: each
// must fail at once and say why.
var refusalScenarios = []scenario{
	{"refuse-kubelet", refuseKubelet},
	{"refuse-others", refuseOthers},
}

func refuseKubelet(t *testing.T, k *kubectl.Tool) {
	k.Stdin(`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: c}]}}`).OK(t, "create -f -")
	k.OK(t, "patch pod p --subresource=status -p", `{"status":{"phase":"Running"}}`)
	const why = `needs a kubelet or a network to the pod, and this server has neither`
	want(t, k.Fails(t, "logs p"), `pods/log `+why)
	want(t, k.Fails(t, "logs -f p -c c"), `pods/log `+why)
	want(t, k.Fails(t, "exec p -- ls"), `pods/exec `+why)
	want(t, k.Fails(t, "attach p"), `pods/attach `+why)
	want(t, k.Fails(t, "port-forward p 0:80"), `pods/portforward `+why)
	want(t, k.Fails(t, "cp p:/etc/hosts", t.TempDir()+"/hosts"), `pods/exec `+why)
	want(t, k.Fails(t, "logs none"), `pods "none" not found`)
}

func refuseOthers(t *testing.T, k *kubectl.Tool) {
	k.OK(t, "create serviceaccount robot")
	want(t, k.Fails(t, "create token robot"), `^error: failed to create token: .+`)
	want(t, k.Fails(t, "top pods"), `Metrics API not available`)
	want(t, k.Fails(t, "top nodes"), `Metrics API not available`)
	want(t, k.Stdin(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.org}}`).Fails(t, "create -f -"),
		`no matches for kind "CustomResourceDefinition" in version "apiextensions.k8s.io/v1"`)
	want(t, k.In("").Fails(t, "nonsense"), `unknown command "nonsense"`)
	want(t, k.Fails(t, "get pods --nonsense"), `unknown flag: --nonsense`)
	want(t, k.Fails(t, "get pods -s https://127.0.0.1:1"), `connection refused|was refused`)
}
