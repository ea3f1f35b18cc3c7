package corevalidation

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// text joins errors as a client sees them.
func text(errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return errs.ToAggregate().Error()
}

func TestMessages(t *testing.T) {
	p := field.NewPath("f")
	const label = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
	for _, c := range []struct {
		name string
		got  field.ErrorList
		want string
	}{
		{"qualified name", QualifiedName("example.com/a", p), ""},
		{"bad qualified name", QualifiedName("a b", p), `f: Invalid value: "a b": ` + label},
		{"labels", Labels(map[string]string{"a": "b"}, p), ""},
		{"bad labels come sorted", Labels(map[string]string{"c d": "", "a b": ""}, p),
			`[f: Invalid value: "a b": ` + label + `, f: Invalid value: "c d": ` + label + `]`},
		{"one of", OneOf("x", p, "x", "y"), ""},
		{"none of", OneOf("z", p, "x", "y"), `f: Unsupported value: "z": supported values: "x", "y"`},
		{"required", RequiredOneOf("", p, "x", "y"), "f: Required value"},
		{"dots in a label", DNSLabel("a.b", p), `f: Invalid value: "a.b": must not contain dots`},
		{"subdomain", DNSSubdomain("a.b", p), ""},

		{"port", Port(80, p), ""},
		{"port 0", Port(0, p), "f: Invalid value: 0: must be between 1 and 65535, inclusive"},
		{"port name", PortNumberOrName(intstr.FromString("http"), p), ""},
		{"bad port name", PortNumberOrName(intstr.FromString("a_b"), p),
			`f: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`},
		{"port number", PortNumberOrName(intstr.FromInt32(70000), p), "f: Invalid value: 70000: must be between 1 and 65535, inclusive"},
		{"no protocol", Protocol("", p), "f: Required value"},
		{"bad protocol", Protocol("X", p), `f: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"`},
		{"ip", NonSpecialIP("10.0.0.1", p), ""},
		{"not an ip", NonSpecialIP("x", p), `f: Invalid value: "x": must be a valid IP address`},
		{"loopback", NonSpecialIP("127.0.0.1", p), `f: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
		{"loopback in v6", NonSpecialIP("::ffff:127.0.0.1", p), `f: Invalid value: "::ffff:127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
		{"unspecified", NonSpecialIP("0.0.0.0", p), `f: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)`},
		{"link-local", NonSpecialIP("169.254.1.1", p), `f: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)`},
		{"link-local multicast", NonSpecialIP("224.0.0.1", p), `f: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)`},

		{"negative", NonNegativeQuantity(resource.MustParse("-1"), p), `f: Invalid value: "-1": must be greater than or equal to 0`},
		{"zero", PositiveQuantity(resource.MustParse("0"), p), `f: Invalid value: "0": must be greater than zero`},
		{"half a pod", ResourceQuantity("pods", resource.MustParse("0.5"), p), `f: Invalid value: "500m": must be an integer`},
		{"half a cpu", ResourceQuantity("cpu", resource.MustParse("0.5"), p), ""},
		{"half a gpu", ResourceQuantity("example.com/gpu", resource.MustParse("0.5"), p), `f: Invalid value: "500m": must be an integer`},

		{"no selector", LabelSelector(nil, p), ""},
		{"In without values", LabelSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In"}}}, p),
			"f.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"},
		{"no terms", NodeSelector(&corev1.NodeSelector{}, p), "f.nodeSelectorTerms: Required value: must have at least one node selector term"},
		{"Gt of two", NodeSelectorTerm(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "a", Operator: "Gt", Values: []string{"1", "2"}}}}, p),
			"f.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"},
		{"unknown operator", NodeSelectorTerm(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "a", Operator: "Is"}}}, p),
			`f.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator`},
		{"unknown field", NodeSelectorTerm(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "spec.x", Operator: "In", Values: []string{"a"}}}}, p),
			`f.matchFields[0].key: Invalid value: "spec.x": not a valid field selector key`},

		{"taint twice", Taints([]corev1.Taint{{Key: "a", Value: "b", Effect: "NoSchedule"}, {Key: "a", Value: "c", Effect: "NoSchedule"}}, p),
			`f[1]: Duplicate value: {"Key":"a","Value":"c","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair`},
		{"taint without effect", Taints([]corev1.Taint{{Key: "a"}}, p), "f[0].effect: Required value"},
		{"unknown effect", Taints([]corev1.Taint{{Key: "a", Effect: "Foo"}}, p),
			`f[0].effect: Unsupported value: "Foo": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`},
		{"unknown access mode", AccessModes([]corev1.PersistentVolumeAccessMode{"Foo"}, p),
			`f: Unsupported value: "Foo": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`},
		{"not alone", AccessModes([]corev1.PersistentVolumeAccessMode{"ReadWriteOncePod", "ReadWriteOnce"}, p),
			"f: Forbidden: may not use ReadWriteOncePod with other access modes"},
	} {
		if got := text(c.got); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestResourceNames(t *testing.T) {
	for name, want := range map[corev1.ResourceName]bool{
		"example.com/gpu": true, "cpu": false, "kubernetes.io/x": false, "requests.example.com/gpu": false, "a b/c": false,
	} {
		if got := IsExtendedResource(name); got != want {
			t.Errorf("IsExtendedResource(%q) = %v", name, got)
		}
	}
}
