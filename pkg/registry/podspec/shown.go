package podspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/diff"
)

// goNames writes a value as JSON whose keys are the names of the Go fields, with
// none left out. kube-apiserver's messages show values so, and pod specs with
// the host's namespaces inside the security context.
type goNames struct{ v any }

func (g goNames) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := writeGoNames(&b, reflect.ValueOf(g.v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var jsonMarshaler = reflect.TypeFor[json.Marshaler]()

func writeGoNames(b *bytes.Buffer, v reflect.Value) error {
	if v.IsValid() && v.Type().Implements(jsonMarshaler) && v.Kind() != reflect.Pointer {
		return writeJSON(b, v.Interface())
	}
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("null")
		return nil
	case reflect.Pointer, reflect.Interface:
		return writeGoNames(b, v.Elem())
	case reflect.Struct:
		if spec, ok := v.Interface().(corev1.PodSpec); ok {
			return writePodSpec(b, &spec)
		}
		b.WriteByte('{')
		first := true
		err := writeFields(b, v, &first, nil)
		b.WriteByte('}')
		return err
	case reflect.Slice:
		if v.IsNil() {
			b.WriteString("null")
			return nil
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeGoNames(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	return writeJSON(b, v.Interface())
}

// writeFields writes the fields of a struct; those of embedded ones as its own.
func writeFields(b *bytes.Buffer, v reflect.Value, first *bool, skip map[string]bool) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if skip[f.Name] {
			continue
		}
		if f.Anonymous {
			if err := writeFields(b, v.Field(i), first, nil); err != nil {
				return err
			}
			continue
		}
		if err := writeField(b, f.Name, v.Field(i), first); err != nil {
			return err
		}
	}
	return nil
}

func writeField(b *bytes.Buffer, name string, v reflect.Value, first *bool) error {
	if !*first {
		b.WriteByte(',')
	}
	*first = false
	fmt.Fprintf(b, "%q:", name)
	return writeGoNames(b, v)
}

func writeJSON(b *bytes.Buffer, v any) error {
	j, err := json.Marshal(v)
	b.Write(j)
	return err
}

// hostNamespaces are the fields of a pod spec that the messages show within its
// security context.
var hostNamespaces = []string{"HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers"}

func writePodSpec(b *bytes.Buffer, s *corev1.PodSpec) error {
	skip := map[string]bool{"DeprecatedServiceAccount": true}
	for _, name := range hostNamespaces {
		skip[name] = true
	}
	v := reflect.ValueOf(s).Elem()
	b.WriteByte('{')
	first := true
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if skip[f.Name] {
			continue
		}
		if f.Name != "SecurityContext" {
			if err := writeField(b, f.Name, v.Field(i), &first); err != nil {
				return err
			}
			continue
		}
		b.WriteString(`,"SecurityContext":{`)
		inner := true
		for _, name := range hostNamespaces {
			if err := writeField(b, name, v.FieldByName(name), &inner); err != nil {
				return err
			}
		}
		if s.SecurityContext != nil {
			if err := writeFields(b, v.Field(i).Elem(), &inner, nil); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return nil
}

// Shown wraps a value for a message, see goNames.
func Shown(v any) json.Marshaler { return goNames{v} }

// Diff shows what changed between two values, line by line. It is bounded: what
// changed too much is not shown.
func Diff(old, obj any) string {
	if tooLong(old) || tooLong(obj) {
		return "(too long to show)\n"
	}
	return diff.Diff(goNames{old}, goNames{obj})
}

// maxDiffLines bounds the work of a diff, which grows with the square of its input.
const maxDiffLines = 4000

func tooLong(v any) bool {
	j, err := json.MarshalIndent(goNames{v}, "", " ")
	return err != nil || strings.Count(string(j), "\n") > maxDiffLines
}
