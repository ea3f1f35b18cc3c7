package e2e

import (
	"testing"

	"github.com/binnacle-io/binnacle/test/internal/kubectl"
	"github.com/binnacle-io/binnacle/test/internal/testserver"
)

// scenario is what somebody does with kubectl in a namespace of its own.
type scenario struct {
	name string
	play func(*testing.T, *kubectl.Tool)
}

// TestKubectl plays every scenario against one server, several at a time, as
// people share one.
func TestKubectl(t *testing.T) {
	s := testserver.Start(t)
	k := newKubectl(t, s.Kubeconfig)
	for _, group := range [][]scenario{objectScenarios, getScenarios, applyScenarios, workloadScenarios, waitScenarios, clusterScenarios, refusalScenarios} {
		for _, sc := range group {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				want(t, k.OK(t, "create namespace", sc.name), "^namespace/"+sc.name+" created$")
				sc.play(t, k.In(sc.name))
			})
		}
	}
}
