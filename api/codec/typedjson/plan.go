package typedjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A node is what a type was compiled into. Both functions take the address of a
// value of that type.
type node struct {
	encode func(dst []byte, at unsafe.Pointer) ([]byte, error)
	decode func(d *decoder, at unsafe.Pointer) bool
}

// A plan is a compiled type with all that it is made of.
type plan struct {
	root *node
	// false: the type follows rules that are not implemented here.
	encodes, decodes bool
}

// plans holds what was compiled: as many as there are types of objects.
var plans sync.Map // reflect.Type -> *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	c := compiler{nodes: map[reflect.Type]*node{}, plan: plan{encodes: true, decodes: true}}
	c.plan.root = c.node(t)
	p, _ := plans.LoadOrStore(t, &c.plan)
	return p.(*plan)
}

// A compiler compiles one type.
type compiler struct {
	nodes map[reflect.Type]*node // types may contain themselves
	plan  plan
}

var (
	marshalerType       = reflect.TypeFor[json.Marshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (c *compiler) node(t reflect.Type) *node {
	if n := c.nodes[t]; n != nil {
		return n
	}
	n := &node{}
	c.nodes[t] = n
	switch t {
	case reflect.TypeFor[metav1.Time]():
		n.encode, n.decode = appendTime, decodeTime
	case reflect.TypeFor[resource.Quantity]():
		n.encode, n.decode = appendQuantity, decodeBySelf(t)
	case reflect.TypeFor[intstr.IntOrString]():
		n.encode, n.decode = appendIntOrString, decodeIntOrString
	case reflect.TypeFor[metav1.FieldsV1]():
		n.encode, n.decode = appendFields, decodeBySelf(t)
	default:
		c.compile(n, t)
	}
	return n
}

// compile fills n for a type that is not one of the well-known.
func (c *compiler) compile(n *node, t reflect.Type) {
	pointer := reflect.PointerTo(t)
	if t.Kind() != reflect.Pointer {
		marshals := pointer.Implements(marshalerType) || pointer.Implements(textMarshalerType)
		unmarshals := pointer.Implements(unmarshalerType)
		if marshals && !t.Implements(marshalerType) || pointer.Implements(textUnmarshalerType) && !unmarshals {
			c.refuse(n, t) // which method is called depends on where the value stands
			return
		}
		if marshals != unmarshals {
			c.refuse(n, t)
			return
		}
		if marshals {
			n.encode, n.decode = encodeForeign(t), decodeBySelf(t)
			return
		}
	}
	switch t.Kind() {
	case reflect.String:
		n.encode, n.decode = appendStringAt, decodeString
	case reflect.Bool:
		n.encode, n.decode = appendBool, decodeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.encode, n.decode = integer(t.Kind())
	case reflect.Float32, reflect.Float64:
		n.encode, n.decode = encodeForeign(t), giveUp
	case reflect.Pointer:
		elem := c.node(t.Elem())
		n.encode, n.decode = encodePointer(elem), decodePointer(t.Elem(), elem)
	case reflect.Slice:
		c.slice(n, t)
	case reflect.Map:
		c.mapping(n, t)
	case reflect.Struct:
		c.structure(n, t)
	case reflect.Interface:
		n.encode, n.decode = encodeForeign(t), giveUp
	default:
		c.refuse(n, t)
	}
}

// refuse marks a type that only the library knows how to treat.
func (c *compiler) refuse(n *node, t reflect.Type) {
	c.plan.encodes, c.plan.decodes = false, false
	n.encode, n.decode = encodeForeign(t), giveUp
}

func (c *compiler) slice(n *node, t reflect.Type) {
	if t.Elem().Kind() == reflect.Uint8 {
		if t.Elem() != reflect.TypeFor[byte]() {
			c.refuse(n, t)
			return
		}
		n.encode, n.decode = appendBytesAt, decodeBytes
		return
	}
	elem := c.node(t.Elem())
	n.encode, n.decode = encodeSlice(t.Elem().Size(), elem), decodeSlice(t, elem)
}

func (c *compiler) mapping(n *node, t reflect.Type) {
	key := t.Key()
	if key.Kind() != reflect.String || key.Implements(textMarshalerType) || reflect.PointerTo(key).Implements(textUnmarshalerType) {
		c.refuse(n, t)
		return
	}
	if t.Key() == reflect.TypeFor[string]() && t.Elem() == reflect.TypeFor[string]() {
		n.encode, n.decode = encodeStrings, decodeStrings
		return
	}
	elem := c.node(t.Elem())
	n.encode, n.decode = encodeMap(t, elem), decodeMap(t, elem)
}

// A field of a struct; those of embedded structs are among them.
type field struct {
	name   string
	prefix string // ,"name":
	offset uintptr
	absent func(at unsafe.Pointer) bool // what omitempty and omitzero leave out; nil: always written
	node   *node
}

// maxFields is how many fields a struct may have for its decoder to tell
// repeated ones.
const maxFields = 256

func (c *compiler) structure(n *node, t reflect.Type) {
	fields, ok := c.fields(nil, t, 0)
	byName := make(map[string]int, len(fields))
	for i, f := range fields {
		byName[f.name] = i
	}
	if !ok || len(byName) < len(fields) || len(fields) > maxFields {
		c.refuse(n, t)
		return
	}
	n.encode, n.decode = encodeStruct(fields), decodeStruct(fields, byName)
}

// fields appends the fields of t, which is embedded at offset. false: t follows
// rules that are not implemented.
func (c *compiler) fields(into []field, t reflect.Type, offset uintptr) ([]field, bool) {
	for sf := range fieldsOf(t) {
		tag := sf.Tag.Get("json")
		if tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if sf.Anonymous && name == "" {
			if sf.Type.Kind() != reflect.Struct || !sf.IsExported() {
				return nil, false
			}
			if reflect.PointerTo(sf.Type).Implements(marshalerType) {
				return nil, false
			}
			var ok bool
			if into, ok = c.fields(into, sf.Type, offset+sf.Offset); !ok {
				return nil, false
			}
			continue
		}
		if name == "" {
			name = sf.Name
		}
		f := field{name: name, offset: offset + sf.Offset, node: c.node(sf.Type)}
		f.prefix = "," + string(appendString(nil, name)) + ":"
		var ok bool
		if f.absent, ok = absence(sf.Type, options); !ok || f.prefix != `,"`+name+`":` {
			return nil, false
		}
		into = append(into, f)
	}
	return into, true
}

func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// absence returns what a field's options leave out; false for options that are
// not implemented.
func absence(t reflect.Type, options string) (func(unsafe.Pointer) bool, bool) {
	var empty, zero func(unsafe.Pointer) bool
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "", "inline":
		case "omitempty":
			empty = emptiness(t)
		case "omitzero":
			zero = zeroness(t)
		case "string":
			return nil, false
		}
	}
	switch {
	case empty == nil:
		return zero, true
	case zero == nil:
		return empty, true
	default:
		return func(at unsafe.Pointer) bool { return empty(at) || zero(at) }, true
	}
}

// emptiness returns encoding/json's idea of an empty value; nil: there is none.
func emptiness(t reflect.Type) func(unsafe.Pointer) bool {
	switch t.Kind() {
	case reflect.String:
		return func(at unsafe.Pointer) bool { return len(*(*string)(at)) == 0 }
	case reflect.Bool:
		return func(at unsafe.Pointer) bool { return !*(*bool)(at) }
	case reflect.Int32:
		return func(at unsafe.Pointer) bool { return *(*int32)(at) == 0 }
	case reflect.Int64:
		return func(at unsafe.Pointer) bool { return *(*int64)(at) == 0 }
	case reflect.Pointer:
		return func(at unsafe.Pointer) bool { return *(*unsafe.Pointer)(at) == nil }
	case reflect.Slice:
		return func(at unsafe.Pointer) bool { return (*slice)(at).len == 0 }
	case reflect.Map:
		// A nil map is told without reflection; most are.
		return func(at unsafe.Pointer) bool {
			return *(*unsafe.Pointer)(at) == nil || reflect.NewAt(t, at).Elem().Len() == 0
		}
	case reflect.Struct:
		return nil
	case reflect.Interface:
		return func(at unsafe.Pointer) bool { return reflect.NewAt(t, at).Elem().IsNil() }
	case reflect.Array:
		return func(unsafe.Pointer) bool { return t.Len() == 0 }
	default:
		return func(at unsafe.Pointer) bool { return reflect.NewAt(t, at).Elem().IsZero() }
	}
}

// zeroness returns encoding/json's idea of a zero value: what IsZero says, if
// there is one.
func zeroness(t reflect.Type) func(unsafe.Pointer) bool {
	type zeroer interface{ IsZero() bool }
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(reflect.TypeFor[zeroer]()) {
		return func(at unsafe.Pointer) bool { return reflect.NewAt(t, at).Interface().(zeroer).IsZero() }
	}
	return func(at unsafe.Pointer) bool { return reflect.NewAt(t, at).Elem().IsZero() }
}

// slice is how Go lays a slice out.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}
