package node

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestRuntimeClass(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []kindtest.Creates{
		{Name: "rich", Body: "handler: runc\noverhead: {podFixed: {cpu: 250m}}\nscheduling: {nodeSelector: {a: b}, tolerations: [{key: k, operator: Exists}]}\n"},
		{Name: "nothing", Body: "{}", Err: "handler: Required value"},
		{Name: "dots", Body: "handler: a.b", Err: `handler: Invalid value: "a.b": must not contain dots`},
		{Name: "overhead", Body: "handler: h\noverhead: {podFixed: {cpu: -1}}", Err: `overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`},
		{Name: "tolerations", Body: "handler: h\nscheduling: {tolerations: [{key: a, operator: Exists}, {key: a, operator: Exists}, {operator: Equal}, {key: b, effect: Foo}]}",
			Err: `[scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}, ` +
				"scheduling.tolerations[2].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\", " +
				`scheduling.tolerations[3].effect: Unsupported value: "Foo": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"]`},
	} {
		c.Run(t, r)
	}
	kindtest.Updates{Name: "handler", Old: "handler: a", Body: "handler: b", Err: `handler: Invalid value: "b": field is immutable`}.Run(t, r)
	kindtest.Updates{Name: "overhead", Old: "handler: a", Body: "handler: a\noverhead: {podFixed: {cpu: 1}}"}.Run(t, r)
	kindtest.Row{Name: "row", Body: "handler: h", Want: "x | h | <age>"}.Run(t, r)
	if !r.AllowCreateOnUpdate || !r.RefuseUnconditionalUpdate {
		t.Error("update may create, and demands a version")
	}
}
