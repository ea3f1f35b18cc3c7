package fieldmanager

import (
	"math/rand/v2"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// filler makes random objects: small ones, whose values repeat, so that two of
// them have much in common.
type filler struct {
	*rand.Rand
	sparse int // one field of so many is set
	odd    bool
}

var words = []string{"a", "b", "name", "x.y/z", "TCP", "UDP", "k-1"}
var oddWords = []string{"", "é", "a\"b", "<c>", "d&e", "f\\g", "\u2028", "\x7f"}

func (f filler) word() string {
	if f.odd && f.IntN(12) == 0 {
		return oddWords[f.IntN(len(oddWords))]
	}
	return words[f.IntN(len(words))]
}

func (f filler) fill(v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *metav1.TypeMeta:
		return
	case *[]metav1.ManagedFieldsEntry:
		return
	case *resource.Quantity:
		*p = resource.MustParse([]string{"1", "1000m", "5Gi", "0"}[f.IntN(4)])
		return
	case *metav1.Time:
		*p = metav1.NewTime(time.Unix(int64(f.IntN(3)), 0).UTC())
		return
	case *metav1.MicroTime:
		*p = metav1.NewMicroTime(time.Unix(int64(f.IntN(3)), 1000).UTC())
		return
	case *intstr.IntOrString:
		*p = intstr.FromInt32(int32(f.IntN(3)))
		if f.IntN(2) == 0 {
			*p = intstr.FromString(f.word())
		}
		return
	case *runtime.RawExtension:
		p.Raw = []byte(`{"a":1}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.word())
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.IntN(3)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.IntN(3)) / 2)
	case reflect.Uint8:
		v.SetUint(uint64(f.IntN(3)))
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		n := f.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.IntN(4) {
			k, x := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(k, depth-1)
			f.fill(x, depth-1)
			v.SetMapIndex(k, x)
		}
	case reflect.Struct:
		f.fields(v, depth)
	}
}

func (f filler) fields(v reflect.Value, depth int) {
	if depth <= 0 {
		return
	}
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if !t.IsExported() || !t.Anonymous && f.IntN(f.sparse) != 0 && depth < 12 && t.Name != "Name" && t.Name != "Spec" {
			continue
		}
		f.fill(v.Field(i), depth-1)
	}
}

// mutate changes some of an object.
func (f filler) mutate(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.mutate(v.Elem(), depth)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]metav1.ManagedFieldsEntry]() {
			return
		}
		switch n := v.Len(); {
		case f.IntN(8) == 0:
			f.fill(v, depth)
		case n > 1 && f.IntN(4) == 0:
			i, j := f.IntN(n), f.IntN(n)
			a, b := reflect.New(v.Type().Elem()).Elem(), reflect.New(v.Type().Elem()).Elem()
			a.Set(v.Index(i))
			b.Set(v.Index(j))
			v.Index(i).Set(b)
			v.Index(j).Set(a)
		default:
			for i := range n {
				if f.IntN(3) == 0 {
					f.mutate(v.Index(i), depth-1)
				}
			}
		}
	case reflect.Struct:
		switch v.Interface().(type) {
		case resource.Quantity, metav1.Time, metav1.MicroTime, intstr.IntOrString:
			f.fill(v, depth)
			return
		case metav1.TypeMeta:
			return
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			switch f.IntN(12) {
			case 0:
				v.Field(i).SetZero()
			case 1:
				f.fill(v.Field(i), depth-1)
			case 2, 3, 4:
				f.mutate(v.Field(i), depth-1)
			}
		}
	default:
		if f.IntN(4) == 0 {
			f.fill(v, depth)
		}
	}
}

var _ = corev1.Pod{}
