package fieldmanager

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Versions is what a Manager must know of the other versions of its kind. Its
// objects say their kind, those it is given and those it returns.
type Versions interface {
	// New makes an empty object; a runtime.IsNotRegisteredError error for a kind
	// that is not one of the versions.
	New(schema.GroupVersionKind) (runtime.Object, error)
	// Convert returns the object as of another version, which may share memory
	// with it. Errors are as those of New.
	Convert(o runtime.Object, to schema.GroupVersion) (runtime.Object, error)
}

// conversion is Versions as the library wants it.
type conversion struct {
	versions Versions
	gvk      schema.GroupVersionKind // of objects that do not say
}

func (c conversion) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	o, err := c.versions.New(gvk)
	if err == nil {
		o.GetObjectKind().SetGroupVersionKind(gvk)
	}
	return o, err
}

func (c conversion) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	gv, ok := to.(schema.GroupVersion)
	if !ok {
		return nil, fmt.Errorf("converting %T: to %v", in, to)
	}
	if v, ok := in.(*typedObject); ok {
		in = v.unstructured()
	}
	if u, ok := in.(runtime.Unstructured); ok {
		o, err := c.New(u.GetObjectKind().GroupVersionKind())
		if err != nil {
			return nil, err
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.UnstructuredContent(), o); err != nil {
			return nil, fmt.Errorf("unable to convert unstructured object to %v: %w", o.GetObjectKind().GroupVersionKind(), err)
		}
		in = o
	}
	if in.GetObjectKind().GroupVersionKind().Empty() {
		in.GetObjectKind().SetGroupVersionKind(c.gvk)
	}
	if in.GetObjectKind().GroupVersionKind().GroupVersion() == gv {
		return in, nil
	}
	return c.versions.Convert(in, gv)
}

func (c conversion) Convert(_, _, _ any) error { return fmt.Errorf("conversion into objects") }

func (c conversion) ConvertFieldLabel(_ schema.GroupVersionKind, _, _ string) (string, string, error) {
	return "", "", fmt.Errorf("conversion of field labels")
}

// defaulter is a function as a runtime.ObjectDefaulter.
type defaulter func(runtime.Object)

func (f defaulter) Default(o runtime.Object) {
	if f != nil {
		f(o)
	}
}
