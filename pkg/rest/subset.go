package rest

import (
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
)

// A patch mostly touches one of an object's top-level fields, and the map form
// that strategic merge needs costs more than all else of a patch. So only the
// fields that the patch names are taken through it.

// topLevel maps the JSON names of a struct type's top-level fields to their
// places. Embedded structs without a name of their own are not among them.
func topLevel(t reflect.Type) map[string]int {
	if m, ok := topLevels.Load(t); ok {
		return m.(map[string]int)
	}
	m := map[string]int{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			m[name] = i
		}
	}
	topLevels.Store(t, m)
	return m
}

// topLevels caches topLevel by type; the types are those of the scheme.
var topLevels sync.Map

// subset returns a shallow copy of obj that has the fields named by the patch
// only, and the places of the fields that it leaves out. ok is false when the
// patch names something else than fields: then the whole object is needed.
func subset(obj runtime.Object, patch map[string]any) (part runtime.Object, others []int, ok bool) {
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, nil, false
	}
	fields := topLevel(v.Elem().Type())
	copied := reflect.New(v.Elem().Type())
	copied.Elem().Set(v.Elem())
	for name := range patch {
		if _, known := fields[name]; !known {
			return nil, nil, false
		}
	}
	for name, i := range fields {
		if _, named := patch[name]; !named {
			copied.Elem().Field(i).SetZero()
			others = append(others, i)
		}
	}
	part, ok = copied.Interface().(runtime.Object)
	return part, others, ok
}

// restore puts the fields at places back from obj into into.
func restore(into, obj runtime.Object, places []int) {
	to, from := reflect.ValueOf(into).Elem(), reflect.ValueOf(obj).Elem()
	for _, i := range places {
		to.Field(i).Set(from.Field(i))
	}
}
