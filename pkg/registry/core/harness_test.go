package core

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// testNow is when every request of these tests is made.
var testNow = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

func request() *registry.Request {
	return &registry.Request{Namespace: "ns", Now: testNow}
}

// read decodes YAML as a request body: strictly, and defaulted.
func read(t *testing.T, r *registry.Resource, text string) registry.Object {
	t.Helper()
	o := r.New()
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if r.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace("ns")
	}
	if o.GetName() == "" {
		o.SetName("x")
	}
	if r.Default != nil {
		r.Default(o)
	}
	return o
}

// created passes an object through what a create does of a kind's.
func created(r *registry.Resource, o registry.Object) field.ErrorList {
	o.SetUID("11111111-2222-3333-4444-555555555555")
	if r.Status != nil && !r.KeepStatusOnCreate {
		reflect.ValueOf(r.Status(o)).Elem().SetZero()
	}
	if r.Prepare != nil {
		r.Prepare(request(), o)
	}
	if r.Validate == nil {
		return nil
	}
	return r.Validate(o)
}

// updated passes obj through what an update of old does of a kind's.
func updated(r *registry.Resource, obj, old registry.Object) (errs field.ErrorList) {
	obj.SetResourceVersion("7")
	if r.Status != nil {
		reflect.ValueOf(r.Status(obj)).Elem().Set(reflect.ValueOf(r.Status(old)).Elem())
	}
	if r.PrepareUpdate != nil {
		r.PrepareUpdate(request(), obj, old)
	}
	if r.Validate != nil {
		errs = r.Validate(obj)
	}
	if r.ValidateUpdate != nil {
		errs = append(errs, r.ValidateUpdate(obj, old)...)
	}
	return errs
}

// text joins errors as a client sees them.
func text(errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return errs.ToAggregate().Error()
}

// tidy writes YAML the same way however it was written.
func tidy(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// show prints an object without the metadata that the tests' harness gave it.
func show(t *testing.T, o registry.Object) string {
	t.Helper()
	j, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(j, &m); err != nil {
		t.Fatal(err)
	}
	meta := m["metadata"].(map[string]any)
	for _, k := range []string{"name", "namespace", "uid", "resourceVersion"} {
		delete(meta, k)
	}
	if len(meta) == 0 {
		delete(m, "metadata")
	}
	out, err := yaml.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// creates checks what becomes of bodies that are created, and with which errors.
type creates struct{ name, body, want, err string }

func (c creates) run(t *testing.T, r *registry.Resource) {
	t.Run(c.name, func(t *testing.T) {
		o := read(t, r, c.body)
		errs := created(r, o)
		if got := text(errs); got != c.err {
			t.Fatalf("errors:\n got %s\nwant %s", got, c.err)
		}
		if c.want == "" {
			return
		}
		if got, want := show(t, o), tidy(t, c.want); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

// updates checks what becomes of an object that is updated to another body.
type updates struct{ name, old, body, want, err string }

func (c updates) run(t *testing.T, r *registry.Resource) {
	t.Run(c.name, func(t *testing.T) {
		old := read(t, r, c.old)
		if errs := created(r, old); len(errs) > 0 {
			t.Fatal(text(errs))
		}
		obj := read(t, r, c.body)
		errs := updated(r, obj, old)
		if got := text(errs); got != c.err {
			t.Fatalf("errors:\n got %s\nwant %s", got, c.err)
		}
		if c.want == "" {
			return
		}
		if got, want := show(t, obj), tidy(t, c.want); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

// rows checks the cells of an object; ages stand as <age>, other times by
// themselves.
type rows struct {
	name, body string
	want       []any
}

func (c rows) run(t *testing.T, r *registry.Resource) {
	t.Run(c.name, func(t *testing.T) {
		o := read(t, r, c.body)
		got := r.Cells(o)
		if len(got) != len(r.Columns) {
			t.Fatalf("%d cells, %d columns", len(got), len(r.Columns))
		}
		for i := range got {
			if _, ok := got[i].(registry.Age); ok {
				got[i] = "<age>"
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("got  %#v\nwant %#v", got, c.want)
		}
	})
}
