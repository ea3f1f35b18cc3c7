package scheduling

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestPriorityClass(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: "value: 5", Want: "metadata: {generation: 1}\npreemptionPolicy: PreemptLowerPriority\nvalue: 5\n"},
		{Name: "system", Body: "metadata: {name: system-node-critical}\nvalue: 2000001000\n"},
		{Name: "system of another value", Body: "metadata: {name: system-node-critical}\nvalue: 1\n", Err: "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value in class system-node-critical should be 2000001000"},
		{Name: "system of nobody", Body: "metadata: {name: system-foo}\nvalue: 1\n", Err: "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-foo is not a known system priority class"},
		{Name: "high", Body: "value: 1000000001", Err: "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"},
		{Name: "policy", Body: "preemptionPolicy: Foo", Err: `preemptionPolicy: Unsupported value: "Foo": supported values: "PreemptLowerPriority", "Never"`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "description", Old: "value: 1", Body: "value: 1\ndescription: new\nglobalDefault: true\n", Want: "metadata: {generation: 1}\ndescription: new\nglobalDefault: true\npreemptionPolicy: PreemptLowerPriority\nvalue: 1\n"},
		{Name: "value", Old: "value: 1", Body: "value: 2\npreemptionPolicy: Never\n", Err: `[value: Forbidden: may not be changed in an update., preemptionPolicy: Invalid value: "Never": field is immutable]`},
	} {
		c.Run(t, r)
	}
	kindtest.Row{Name: "row", Body: "value: 42\nglobalDefault: true\n", Want: "x | 42 | true | <age> | PreemptLowerPriority"}.Run(t, r)
	for name, want := range map[string]string{
		"x":                    "",
		"system-node-critical": `priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted`,
	} {
		got := ""
		if err := r.BeforeDelete(kindtest.Request(), kindtest.Read(t, r, "metadata: {name: "+name+"}")); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("delete of %s: %q, want %q", name, got, want)
		}
	}
}
