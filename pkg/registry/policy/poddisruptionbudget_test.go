package policy

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestPodDisruptionBudget(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "{}", Want: "metadata: {generation: 1}\nspec: {}\nstatus: {currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0}\n"},
		{Name: "any name", Body: "metadata: {name: 'Bad_Name!'}"},
		{Name: "both", Body: "spec: {minAvailable: 1, maxUnavailable: 1}", Err: `spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set`},
		{Name: "share", Body: "spec: {minAvailable: 101%}", Err: `spec.minAvailable: Invalid value: "101%": must not be greater than 100%`},
		{Name: "negative", Body: "spec: {maxUnavailable: -1, unhealthyPodEvictionPolicy: Foo}", Err: `[spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0, spec.unhealthyPodEvictionPolicy: Unsupported value: "Foo": supported values: "AlwaysAllow", "IfHealthyBudget"]`},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "spec", Old: "spec: {minAvailable: 1}", Body: "spec: {maxUnavailable: 50%, selector: {matchLabels: {a: b}}}", Want: "metadata: {generation: 2}\nspec: {maxUnavailable: 50%, selector: {matchLabels: {a: b}}}\nstatus: {currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0}\n"}.Run(t, r)
	kindtest.Updates{Name: "status", Sub: "status", Old: "{}", Body: "status: {currentHealthy: -1, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0}", Err: "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0"}.Run(t, r)
	kindtest.Row{Name: "row", Body: "spec: {maxUnavailable: 25%}\nstatus: {currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 2, expectedPods: 0}", Want: "x | N/A | 25% | 2 | <age>"}.Run(t, r)
	if got, want := kindtest.Header(r), "Name | Min Available | Max Unavailable | Allowed Disruptions# | Age"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}
