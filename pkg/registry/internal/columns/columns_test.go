package columns

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestColumns(t *testing.T) {
	if c := Name(); c.Name != "Name" || c.Type != "string" || c.Format != "name" || c.Priority != 0 || c.Description == "" {
		t.Errorf("Name() = %+v", c)
	}
	if c := Age(); c.Name != "Age" || c.Type != "string" || c.Format != "" || c.Description == "" {
		t.Errorf("Age() = %+v", c)
	}
	if c := Wide(Integer("Count", "how many")); c.Priority != 1 || c.Type != "integer" {
		t.Errorf("Wide(Integer()) = %+v", c)
	}
}

func TestCells(t *testing.T) {
	names, images := Containers([]corev1.Container{{Name: "a", Image: "x:1"}, {Name: "b", Image: "y"}})
	for _, c := range []struct{ name, got, want string }{
		{"empty", OrNone(""), "<none>"},
		{"something", OrNone("a"), "a"},
		{"no labels", Labels(nil), "<none>"},
		{"labels in order", Labels(map[string]string{"c": "d", "a": "b"}), "a=b,c=d"},
		{"nil selector", Selector(nil), "<none>"},
		{"selector", Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"},
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "c", Operator: "In", Values: []string{"e", "d"}}}}), "a=b,c in (d,e)"},
		{"broken selector", Selector(&metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "c", Operator: "Is"}}}), "<error>"},
		{"container names", names, "a,b"},
		{"container images", images, "x:1,y"},
		{"access modes in their order, once each", AccessModes([]corev1.PersistentVolumeAccessMode{
			"ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce", "ReadWriteOnce", "ReadWriteOncePod"}), "RWO,ROX,RWX,RWOP"},
		{"no access mode", AccessModes(nil), ""},
		{"none of a list", Some(nil, 3), "<none>"},
		{"all of a list", Some([]string{"a", "b", "c"}, 3), "a,b,c"},
		{"some of a list", Some([]string{"a", "b", "c", "d", "e"}, 3), "a,b,c + 2 more..."},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
