package podspec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// fixture is one pod of a file in testdata: what it becomes, or what is wrong
// with it.
type fixture struct {
	Name string     `json:"name"`
	Pod  corev1.Pod `json:"pod"`
	// Want is a part of the pod after its defaults: what it does not name is not compared.
	Want     any      `json:"want"`
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
	QOS      string   `json:"qos"`
	// Old says that the pod exists already.
	Old bool `json:"old"`
}

func fixtures(t *testing.T, file string) []fixture {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []fixture
	if err := yaml.UnmarshalStrict(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPods(t *testing.T) {
	for _, file := range []string{"testdata/defaults.yaml", "testdata/errors.yaml", "testdata/warnings.yaml"} {
		for _, f := range fixtures(t, file) {
			t.Run(f.Name, func(t *testing.T) { f.run(t) })
		}
	}
}

func (f fixture) run(t *testing.T) {
	p := f.Pod.DeepCopy()
	if p.Name == "" {
		p.Name = "p"
	}
	podspec.DefaultPod(p)
	once := p.DeepCopy()
	if podspec.DefaultPod(p); !reflect.DeepEqual(p, once) {
		t.Errorf("defaults are not idempotent:\n%s", podspec.Diff(once.Spec, p.Spec))
	}
	if f.Want != nil {
		if diff := missing(asJSON(t, p), f.Want, ""); diff != "" {
			t.Error(diff)
		}
	}
	if f.QOS != "" && string(podspec.QOSClass(&p.Spec)) != f.QOS {
		t.Errorf("QoS class %s, want %s", podspec.QOSClass(&p.Spec), f.QOS)
	}
	before := p.DeepCopy()
	compare(t, "errors", texts(podspec.ValidatePod(p, !f.Old)), f.Errors)
	if len(f.Errors) == 0 {
		compare(t, "warnings", podspec.PodWarnings(p), f.Warnings)
	}
	if !reflect.DeepEqual(before, p) {
		t.Error("validation changed the pod")
	}
}

func texts(errs field.ErrorList) (out []string) {
	for _, e := range errs {
		out = append(out, e.Error())
	}
	return out
}

func compare(t *testing.T, what string, have, want []string) {
	t.Helper()
	if len(have)+len(want) > 0 && !reflect.DeepEqual(have, want) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

func asJSON(t *testing.T, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// missing says where have lacks something of want: maps may have more keys,
// everything else must be equal. A want of "<absent>" wants the key not to be there.
func missing(have, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for k, v := range w {
			if got, ok := h[k]; v == "<absent>" {
				if ok {
					return fmt.Sprintf("%s.%s is there: %v", at, k, got)
				}
			} else if d := missing(got, v, at+"."+k); d != "" {
				return d
			}
		}
		return ""
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return fmt.Sprintf("%s: %d items, want %d: %v", at, len(h), len(w), have)
		}
		for i := range w {
			if d := missing(h[i], w[i], fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(have, want) {
		return fmt.Sprintf("%s: %v, want %v", at, have, want)
	}
	return ""
}

func TestTemplate(t *testing.T) {
	var tpl corev1.PodTemplateSpec
	if err := yaml.Unmarshal([]byte(`
metadata: {labels: {"a b": c}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: -1
  containers:
  - {name: c, image: " x", ports: [{containerPort: 80}], resources: {limits: {cpu: 1}}}
  ephemeralContainers: [{name: e, image: x}]
`), &tpl); err != nil {
		t.Fatal(err)
	}
	podspec.DefaultPodSpec(&tpl.Spec)
	path := field.NewPath("spec", "template")
	have := texts(podspec.ValidatePodTemplate(&tpl, path))
	if len(have) != 2 || !strings.HasPrefix(have[0], `spec.template.labels: Invalid value: "a b":`) ||
		have[1] != "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template" {
		t.Errorf("errors: %q", have)
	}
	// A template is not a pod: no request, no host port, no service links are made up for it.
	c := tpl.Spec.Containers[0]
	if c.Resources.Requests != nil || c.Ports[0].HostPort != 0 || tpl.Spec.EnableServiceLinks != nil {
		t.Errorf("defaulted as a pod: %+v", tpl.Spec)
	}
	compare(t, "warnings", podspec.TemplateWarnings(&tpl, path), []string{
		"spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"})
}

func TestDropUnserved(t *testing.T) {
	var s corev1.PodSpec
	if err := yaml.Unmarshal([]byte(`
schedulingGroup: {podGroupName: g}
containers:
- {name: a, lifecycle: {stopSignal: SIGTERM}}
- {name: b, lifecycle: {stopSignal: SIGTERM, preStop: {sleep: {seconds: 1}}}}
`), &s); err != nil {
		t.Fatal(err)
	}
	podspec.DropUnserved(&s)
	if s.SchedulingGroup != nil || s.Containers[0].Lifecycle != nil || s.Containers[1].Lifecycle.StopSignal != nil || s.Containers[1].Lifecycle.PreStop == nil {
		t.Errorf("left: %+v", s)
	}
}

func TestShown(t *testing.T) {
	have, err := podspec.Shown([]corev1.PodIP{{IP: "10.0.0.1"}}).MarshalJSON()
	if err != nil || string(have) != `[{"IP":"10.0.0.1"}]` {
		t.Errorf("%s, %v", have, err)
	}
	old := decodePod(t, `{"spec":{"containers":[{"name":"c","image":"x"}],"securityContext":{"runAsUser":1}}}`)
	now := old.DeepCopy()
	now.Spec.HostPID = true
	const want = "@@ -53,7 +53,7 @@\n  \"NodeName\": \"\",\n  \"SecurityContext\": {\n   \"HostNetwork\": false,\n" +
		"-  \"HostPID\": false,\n+  \"HostPID\": true,\n   \"HostIPC\": false,\n   \"ShareProcessNamespace\": null,\n   \"HostUsers\": null,\n"
	if d := podspec.Diff(old.Spec, now.Spec); !strings.HasSuffix(d, want[strings.Index(want, "\n"):]) {
		t.Errorf("diff:\n%s", d)
	}
	for range 2000 {
		now.Spec.Containers = append(now.Spec.Containers, corev1.Container{})
	}
	if d := podspec.Diff(old.Spec, now.Spec); len(d) > 100 {
		t.Errorf("a diff of %d bytes", len(d))
	}
}

// FuzzPod looks for pods on which the functions panic or the defaults do not settle.
func FuzzPod(f *testing.F) {
	f.Add([]byte(typicalPod))
	for _, file := range []string{"testdata/defaults.yaml", "testdata/errors.yaml", "testdata/warnings.yaml"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var all []struct{ Pod json.RawMessage }
		if err := yaml.Unmarshal(raw, &all); err != nil {
			f.Fatal(err)
		}
		for _, one := range all {
			f.Add([]byte(one.Pod))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p corev1.Pod
		if json.Unmarshal(body, &p) != nil {
			return
		}
		podspec.DefaultPod(&p)
		once, err := json.Marshal(&p)
		if err != nil {
			return
		}
		podspec.DefaultPod(&p)
		if twice, _ := json.Marshal(&p); string(once) != string(twice) {
			t.Fatalf("defaults are not idempotent:\n%s\n%s", once, twice)
		}
		podspec.DropUnserved(&p.Spec)
		podspec.AdoptAppArmorAnnotations(&p)
		for _, e := range podspec.ValidatePod(&p, true) {
			_ = e.Error()
		}
		podspec.PodWarnings(&p)
		podspec.QOSClass(&p.Spec)
	})
}
