// Package kindtest passes objects through a kind's own functions as the generic
// verbs do, for the tests of the kinds. It is for tests only.
package kindtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// What every object of a test has, unless its body says otherwise.
const (
	Namespace           = "ns"
	Name                = "x"
	UID       types.UID = "11111111-2222-3333-4444-555555555555"
)

// Now is when every request is made.
var Now = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// Request is made by jane at Now.
func Request() *registry.Request {
	return &registry.Request{Namespace: Namespace, Name: Name, Now: Now,
		User: registry.User{Name: "jane", UID: "u1", Groups: []string{"devs"}, Extra: map[string][]string{"k": {"v"}}}}
}

// Find returns the kind of a resource.
func Find(t testing.TB, kinds []*registry.Resource, resource string) *registry.Resource {
	t.Helper()
	for _, r := range kinds {
		if r.Resource == resource {
			return r
		}
	}
	t.Fatalf("no kind for %s", resource)
	return nil
}

// Read decodes YAML as a request body: strictly, and defaulted.
func Read(t testing.TB, r *registry.Resource, body string) registry.Object {
	t.Helper()
	o := r.New()
	if err := yaml.UnmarshalStrict([]byte(body), o); err != nil {
		t.Fatalf("%s\n%v", body, err)
	}
	if r.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace(Namespace)
	}
	if o.GetName() == "" {
		o.SetName(Name)
	}
	if r.Default != nil {
		r.Default(o)
	}
	return o
}

// Create is what a create makes of an object.
func Create(r *registry.Resource, o registry.Object) field.ErrorList {
	o.SetUID(UID)
	o.SetCreationTimestamp(Now)
	if r.Spec != nil {
		o.SetGeneration(1)
	}
	if r.Status != nil && !r.KeepStatusOnCreate {
		reflect.ValueOf(r.Status(o)).Elem().SetZero()
	}
	if r.Prepare != nil {
		r.Prepare(Request(), o)
	}
	names := validation.ValidateNameFunc(validation.NameIsDNSSubdomain)
	if r.ValidateName != nil {
		names = r.ValidateName
	}
	errs := validation.ValidateObjectMetaAccessor(o, r.Namespaced, names, field.NewPath("metadata"))
	if r.Validate != nil {
		errs = append(errs, r.Validate(o)...)
	}
	return errs
}

// Update is what a write of obj over old makes of obj. sub is "", "status" or
// the name of a part.
func Update(r *registry.Resource, sub string, obj, old registry.Object) (registry.Object, field.ErrorList) {
	obj.SetUID(old.GetUID())
	obj.SetCreationTimestamp(old.GetCreationTimestamp())
	obj.SetGeneration(old.GetGeneration())
	var errs field.ErrorList
	var own func(obj, old registry.Object) field.ErrorList
	switch sub {
	case "":
		if r.Status != nil {
			setStatus(r, obj, old)
		}
		if r.PrepareUpdate != nil {
			r.PrepareUpdate(Request(), obj, old)
		}
		if r.Validate != nil {
			errs = r.Validate(obj)
		}
		own = r.ValidateUpdate
	case "status":
		kept := old.DeepCopyObject().(registry.Object)
		meta := reflect.ValueOf(obj).Elem().FieldByName("ObjectMeta")
		reflect.ValueOf(kept).Elem().FieldByName("ObjectMeta").Set(meta)
		setStatus(r, kept, obj)
		obj = kept
		if r.PrepareStatus != nil {
			r.PrepareStatus(Request(), obj, old)
		}
		own = r.ValidateStatus
	default:
		for _, p := range r.Parts {
			if p.Name == sub {
				p.Prepare(Request(), obj, old)
				own = p.Validate
			}
		}
	}
	if sub != "status" && r.Spec != nil && !equality.Semantic.DeepEqual(r.Spec(obj), r.Spec(old)) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
	if own != nil {
		errs = append(errs, own(obj, old)...)
	}
	return obj, errs
}

func setStatus(r *registry.Resource, to, from registry.Object) {
	reflect.ValueOf(r.Status(to)).Elem().Set(reflect.ValueOf(r.Status(from)).Elem())
}

// Text joins errors as a client sees them.
func Text(errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return errs.ToAggregate().Error()
}

// Creates is a body that is created: what becomes of it, or why not.
type Creates struct{ Name, Body, Want, Err string }

// Run runs the case. An empty Want does not look at the object.
func (c Creates) Run(t *testing.T, r *registry.Resource) {
	t.Run(c.Name, func(t *testing.T) {
		o := Read(t, r, c.Body)
		compare(t, o, Create(r, o), c.Want, c.Err)
	})
}

// Updates is a body that is written over an object.
type Updates struct{ Name, Old, Sub, Body, Want, Err string }

// Run runs the case. Old is created first; a status in it is kept.
func (c Updates) Run(t *testing.T, r *registry.Resource) {
	t.Run(c.Name, func(t *testing.T) {
		old := Read(t, r, c.Old)
		status := old.DeepCopyObject().(registry.Object)
		if errs := Create(r, old); len(errs) > 0 {
			t.Fatal(Text(errs))
		}
		if r.Status != nil {
			setStatus(r, old, status)
		}
		obj, errs := Update(r, c.Sub, Read(t, r, c.Body), old)
		compare(t, obj, errs, c.Want, c.Err)
	})
}

func compare(t *testing.T, o registry.Object, errs field.ErrorList, want, wantErr string) {
	t.Helper()
	if got := Text(errs); got != wantErr {
		t.Fatalf("errors:\n got %s\nwant %s", got, wantErr)
	}
	if want == "" {
		return
	}
	if got, want := show(t, o), tidy(t, want); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// show prints an object without the metadata that the harness gave it.
func show(t testing.TB, o registry.Object) string {
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
	for _, k := range []string{"name", "namespace", "uid", "creationTimestamp"} {
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

// tidy writes YAML the same way however it was written.
func tidy(t testing.TB, text string) string {
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

// Row is the cells of an object: its own text for each, <age> for an age.
type Row struct{ Name, Body, Want string }

// Run runs the case. Cells are joined by " | ".
func (c Row) Run(t *testing.T, r *registry.Resource) {
	t.Run(c.Name, func(t *testing.T) {
		o := Read(t, r, c.Body)
		o.SetUID(UID)
		o.SetCreationTimestamp(Now)
		got := ""
		for i, cell := range r.Cells(o) {
			if i > 0 {
				got += " | "
			}
			switch x := cell.(type) {
			case registry.Age:
				got += "<age>"
				if !x.Time.Equal(&Now) {
					got += " of another time"
				}
			default:
				got += fmt.Sprint(cell)
			}
		}
		if got != c.Want {
			t.Errorf("\n got %s\nwant %s", got, c.Want)
		}
	})
}

// Header is the names of a kind's columns, joined by " | "; an integer column has
// # behind it, a boolean one ?, one that is wide *.
func Header(r *registry.Resource) string {
	text := ""
	for i, c := range r.Columns {
		if i > 0 {
			text += " | "
		}
		text += c.Name
		switch c.Type {
		case "integer":
			text += "#"
		case "boolean":
			text += "?"
		}
		if c.Priority > 0 {
			text += "*"
		}
	}
	return text
}
