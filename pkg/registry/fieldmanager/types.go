package fieldmanager

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// Types knows the schema of every kind, as structured-merge-diff needs it. It
// reads the document of a group version when it is first needed, which takes
// some ten milliseconds; [Types.Load] does so ahead of need.
type Types struct {
	load func(path string) (map[string]*spec.Schema, error)

	mu     sync.Mutex
	groups map[schema.GroupVersion]*group
}

// group is the schemas of one group version.
type group struct {
	once      sync.Once
	converter managedfields.TypeConverter
	err       error
}

// NewTypes makes Types of what load returns for "api/v1", "apis/apps/v1":
// schemas by model name, with references among them.
func NewTypes(load func(path string) (map[string]*spec.Schema, error)) *Types {
	return &Types{load: load, groups: map[schema.GroupVersion]*group{}}
}

// Load reads the schemas of a group version unless they are there already.
func (t *Types) Load(gv schema.GroupVersion) error {
	_, err := t.of(gv)
	return err
}

func (t *Types) of(gv schema.GroupVersion) (managedfields.TypeConverter, error) {
	t.mu.Lock()
	g := t.groups[gv]
	if g == nil {
		g = &group{}
		t.groups[gv] = g
	}
	t.mu.Unlock()
	g.once.Do(func() {
		path := "apis/" + gv.String()
		if gv.Group == "" {
			path = "api/" + gv.Version
		}
		var schemas map[string]*spec.Schema
		if schemas, g.err = t.load(path); g.err == nil {
			g.converter, g.err = managedfields.NewTypeConverter(schemas, false)
		}
		if g.err != nil {
			g.err = fmt.Errorf("schemas of %s: %w", gv, g.err)
		}
	})
	return g.converter, g.err
}

// kindTypes is Types as the library wants it, for one kind, which may have its
// schema in the document of another group version.
type kindTypes struct {
	*Types
	kind     schema.GroupVersionKind
	document schema.GroupVersion
}

// ObjectToTyped gives an object its schema and checks it against that. The
// object must say its kind.
func (t kindTypes) ObjectToTyped(o runtime.Object, opts ...typed.ValidationOptions) (*typed.TypedValue, error) {
	if v, ok := o.(*typedObject); ok {
		return v.value, nil
	}
	gvk := o.GetObjectKind().GroupVersionKind()
	gv := gvk.GroupVersion()
	if gvk == t.kind {
		gv = t.document
	}
	c, err := t.of(gv)
	if err != nil {
		return nil, err
	}
	return c.ObjectToTyped(o, opts...)
}

// TypedToObject returns a value as an object. Its content is made only if it is
// asked for: the library mostly asks for the kind alone.
func (t kindTypes) TypedToObject(v *typed.TypedValue) (runtime.Object, error) {
	if v.AsValue() == nil || !v.AsValue().IsMap() {
		return nil, errors.New("a value that is no object")
	}
	o := &typedObject{value: v}
	m := v.AsValue().AsMap()
	if apiVersion, ok := m.Get("apiVersion"); ok && apiVersion.IsString() {
		o.kind.APIVersion = apiVersion.AsString()
	}
	if kind, ok := m.Get("kind"); ok && kind.IsString() {
		o.kind.Kind = kind.AsString()
	}
	return o, nil
}

// typedObject is an object in the form of structured-merge-diff.
type typedObject struct {
	kind  runtime.TypeMeta
	value *typed.TypedValue
}

func (o *typedObject) GetObjectKind() schema.ObjectKind { return &o.kind }
func (o *typedObject) DeepCopyObject() runtime.Object   { return o.unstructured() }

func (o *typedObject) unstructured() *unstructured.Unstructured {
	content, _ := o.value.AsValue().Unstructured().(map[string]any)
	return &unstructured.Unstructured{Object: content}
}
