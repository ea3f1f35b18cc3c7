package fieldmanager

import (
	"bytes"
	"reflect"

	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// isNil says that a value is null in JSON.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// isEmptyObject says that a struct is {} in JSON.
func isEmptyObject(p *plan, v reflect.Value) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.absent(f.get(v)) {
			return false
		}
	}
	return true
}

// isZeroValue says that a value is what its type's zero value is in JSON.
func isZeroValue(v reflect.Value) bool {
	if v.IsZero() {
		return true
	}
	switch v.Kind() {
	case reflect.Struct:
		return equalValues(reflect.New(v.Type()).Elem(), v)
	}
	return false
}

// equalValues compares two values of one type that are owned as a whole, as the
// library does: by what they are in JSON, but lists by what they are in Go.
func equalValues(a, b reflect.Value) bool {
	for a.Kind() == reflect.Pointer && b.Kind() == reflect.Pointer {
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		a, b = a.Elem(), b.Elem()
	}
	switch a.Kind() {
	case reflect.String:
		return a.String() == b.String()
	case reflect.Bool:
		return a.Bool() == b.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return a.Int() == b.Int()
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float()
	case reflect.Slice:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		if a.Type().Elem().Kind() == reflect.Uint8 {
			return bytes.Equal(a.Bytes(), b.Bytes())
		}
		return reflect.DeepEqual(a.Interface(), b.Interface())
	}
	return equalAny(a, b)
}

// equalAny compares structs and maps.
func equalAny(a, b reflect.Value) bool {
	x, y := pointerTo(a), pointerTo(b)
	if reflect.DeepEqual(x, y) {
		return true
	}
	l, err := value.NewValueReflect(x)
	if err != nil {
		return false
	}
	r, err := value.NewValueReflect(y)
	return err == nil && value.Equals(l, r)
}

// pointerTo is a pointer to a value, or to a copy of it where it has no address.
func pointerTo(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface()
}
