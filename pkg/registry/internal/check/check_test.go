package check

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func text(errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return errs.ToAggregate().Error()
}

func TestShares(t *testing.T) {
	path := field.NewPath("f")
	for _, c := range []struct {
		v     intstr.IntOrString
		n     int
		wrong string
	}{
		{intstr.FromInt32(3), 3, ""},
		{intstr.FromString("25%"), 25, ""},
		{intstr.FromString("101%"), 101, `f: Invalid value: "101%": must not be greater than 100%`},
		{intstr.FromInt32(-1), -1, "f: Invalid value: -1: must be greater than or equal to 0"},
		{intstr.FromString("x"), 0, `f: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`},
	} {
		if got := IntOrPercentValue(c.v); got != c.n {
			t.Errorf("%s is %d, want %d", &c.v, got, c.n)
		}
		if got := text(append(IntOrPercent(c.v, path), AtMostWhole(c.v, path)...)); got != c.wrong {
			t.Errorf("%s: %s, want %s", &c.v, got, c.wrong)
		}
	}
}

func TestImmutable(t *testing.T) {
	type pair struct{ A, B string }
	path := field.NewPath("f")
	for _, c := range []struct {
		obj, old any
		want     string
	}{
		{"a", "a", ""},
		{[]string{}, []string(nil), ""},
		{"a", "b", `f: Invalid value: "a": field is immutable`},
		{pair{"a", "<"}, pair{}, `f: Invalid value: {"A":"a","B":"\u003c"}: field is immutable`},
		{&metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, &metav1.LabelSelector{}, `f: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable`},
		{(*pair)(nil), &pair{}, "f: Invalid value: null: field is immutable"},
	} {
		if got := text(Immutable(c.obj, c.old, path)); got != c.want {
			t.Errorf("%v over %v: %s, want %s", c.obj, c.old, got, c.want)
		}
	}
}
