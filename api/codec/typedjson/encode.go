package typedjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// maxScratch is the largest buffer that is kept for the next object.
const maxScratch = 256 << 10

var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Append appends the JSON form of the struct that obj points to. dst grows by no
// more than that, since forms are kept for long.
func Append(dst []byte, obj any) ([]byte, error) {
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return appendForeign(dst, obj)
	}
	p := planOf(v.Type().Elem())
	if !p.encodes {
		return appendForeign(dst, obj)
	}
	buf := scratch.Get().(*[]byte)
	form, err := p.root.encode((*buf)[:0], v.UnsafePointer())
	runtime.KeepAlive(obj)
	if err == nil {
		dst = appendExactly(dst, form)
	}
	if cap(form) <= maxScratch {
		*buf = form
	}
	scratch.Put(buf)
	return dst, err
}

func appendExactly(dst, p []byte) []byte {
	if cap(dst)-len(dst) < len(p) {
		dst = append(make([]byte, 0, len(dst)+len(p)), dst...)
	}
	return append(dst, p...)
}

// appendForeign lets encoding/json write a value.
func appendForeign(dst []byte, v any) ([]byte, error) {
	form, err := json.Marshal(v)
	if err != nil {
		return dst, err
	}
	return appendExactly(dst, form), nil
}

func encodeForeign(t reflect.Type) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(dst []byte, at unsafe.Pointer) ([]byte, error) {
		form, err := json.Marshal(reflect.NewAt(t, at).Interface())
		return append(dst, form...), err
	}
}

func encodeStruct(fields []field) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(dst []byte, at unsafe.Pointer) ([]byte, error) {
		dst = append(dst, '{')
		skip := 1 // the first field's comma
		for i := range fields {
			f := &fields[i]
			p := unsafe.Add(at, f.offset)
			if f.absent != nil && f.absent(p) {
				continue
			}
			dst = append(dst, f.prefix[skip:]...)
			skip = 0
			var err error
			if dst, err = f.node.encode(dst, p); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
}

func encodePointer(elem *node) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(dst []byte, at unsafe.Pointer) ([]byte, error) {
		if p := *(*unsafe.Pointer)(at); p != nil {
			return elem.encode(dst, p)
		}
		return append(dst, "null"...), nil
	}
}

func encodeSlice(size uintptr, elem *node) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(dst []byte, at unsafe.Pointer) ([]byte, error) {
		s := (*slice)(at)
		if s.data == nil {
			return append(dst, "null"...), nil
		}
		dst = append(dst, '[')
		for i := range s.len {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = elem.encode(dst, unsafe.Add(s.data, uintptr(i)*size)); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
}

func encodeStrings(dst []byte, at unsafe.Pointer) ([]byte, error) {
	m := *(*map[string]string)(at)
	if m == nil {
		return append(dst, "null"...), nil
	}
	var room [16]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		dst = appendString(dst, m[k])
	}
	return append(dst, '}'), nil
}

func encodeMap(t reflect.Type, elem *node) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(dst []byte, at unsafe.Pointer) ([]byte, error) {
		m := reflect.NewAt(t, at).Elem()
		if m.IsNil() {
			return append(dst, "null"...), nil
		}
		keys := m.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		dst = append(dst, '{')
		value := reflect.New(t.Elem())
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k.String()), ':')
			value.Elem().Set(m.MapIndex(k))
			var err error
			if dst, err = elem.encode(dst, value.UnsafePointer()); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
}

func appendStringAt(dst []byte, at unsafe.Pointer) ([]byte, error) {
	return appendString(dst, *(*string)(at)), nil
}

func appendBool(dst []byte, at unsafe.Pointer) ([]byte, error) {
	return strconv.AppendBool(dst, *(*bool)(at)), nil
}

func appendBytesAt(dst []byte, at unsafe.Pointer) ([]byte, error) {
	b := *(*[]byte)(at)
	if b == nil {
		return append(dst, "null"...), nil
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"'), nil
}

func appendTime(dst []byte, at unsafe.Pointer) ([]byte, error) {
	t := (*metav1.Time)(at)
	if t.IsZero() {
		return append(dst, "null"...), nil
	}
	return append(t.UTC().AppendFormat(append(dst, '"'), time.RFC3339), '"'), nil
}

func appendQuantity(dst []byte, at unsafe.Pointer) ([]byte, error) {
	form, err := (*resource.Quantity)(at).MarshalJSON()
	return append(dst, form...), err
}

func appendIntOrString(dst []byte, at unsafe.Pointer) ([]byte, error) {
	v := (*intstr.IntOrString)(at)
	switch v.Type {
	case intstr.Int:
		return strconv.AppendInt(dst, int64(v.IntVal), 10), nil
	case intstr.String:
		return appendString(dst, v.StrVal), nil
	default:
		form, err := v.MarshalJSON() // which says what is wrong
		return append(dst, form...), err
	}
}

// appendFields writes the fields of an entry of managedFields, which are JSON
// already: as they stand if they look as they are mostly written.
func appendFields(dst []byte, at unsafe.Pointer) ([]byte, error) {
	f := (*metav1.FieldsV1)(at)
	raw := f.GetRawBytes()
	if rest, ok := plainFields(raw); ok && len(rest) == 0 {
		return append(dst, raw...), nil
	}
	form, err := json.Marshal(f)
	return append(dst, form...), err
}

// plainFields reads a JSON object that has nothing but such objects as members,
// without spaces and without what a JSON writer escapes, and returns what follows.
func plainFields(b []byte) (rest []byte, ok bool) {
	for depth := 0; ; {
		if len(b) < 2 || b[0] != '{' {
			return nil, false
		}
		depth++
		b = b[1:]
		if b[0] == '}' {
			for len(b) > 0 && b[0] == '}' {
				b = b[1:]
				if depth--; depth == 0 {
					return b, true
				}
			}
			if len(b) == 0 || b[0] != ',' {
				return nil, false
			}
			b = b[1:]
		}
		if b, ok = plainName(b); !ok {
			return nil, false
		}
	}
}

// plainName reads a quoted name and its colon. The quotes in names like
// k:{"name":"x"} are escaped; no other escape is plain.
func plainName(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			if !bytes.HasPrefix(b[i:], []byte(`":`)) {
				return nil, false
			}
			return b[i+2:], true
		case b[i] == '\\':
			if i++; i == len(b) || b[i] != '"' && b[i] != '\\' {
				return nil, false
			}
		case !verbatim[b[i]]:
			return nil, false
		}
	}
	return nil, false
}

func integer(kind reflect.Kind) (func([]byte, unsafe.Pointer) ([]byte, error), func(*decoder, unsafe.Pointer) bool) {
	switch kind {
	case reflect.Int32:
		return appendInt[int32], decodeInt[int32]
	case reflect.Int64:
		return appendInt[int64], decodeInt[int64]
	case reflect.Int16:
		return appendInt[int16], decodeInt[int16]
	case reflect.Int8:
		return appendInt[int8], decodeInt[int8]
	default:
		return appendInt[int], decodeInt[int]
	}
}

type signed interface {
	int | int8 | int16 | int32 | int64
}

func appendInt[T signed](dst []byte, at unsafe.Pointer) ([]byte, error) {
	return strconv.AppendInt(dst, int64(*(*T)(at)), 10), nil
}
