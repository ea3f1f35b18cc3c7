package fieldmanager

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// A plan joins a Go type with its schema: for every field, whether it is one
// value, or whose parts are owned apart.

// shape is what a value is to ownership.
type shape uint8

const (
	// odd values are left to the library.
	odd shape = iota
	// leaf values are owned as one: scalars and atomic maps, structs and lists.
	leaf
	// object is a struct whose fields are owned apart.
	object
	// dict is a map whose entries are owned apart.
	dict
	// keyed is a list of structs that some of their fields tell apart, and that
	// are owned as a whole or field by field.
	keyed
	// set is a list of scalars, each owned apart.
	set
)

// plan is the plan of one type. It is immutable once it is built.
type plan struct {
	shape  shape
	fields []planField // of an object, in the order of their names
	elem   *plan       // of a dict, keyed or set
	keys   []planKey   // of a keyed list, in the order of their names
}

// planField is a field of a struct.
type planField struct {
	name  string
	entry *value.FieldCacheEntry
	plan  *plan // nil for a field that the schema does not have
	// opening is what stands before the field's set: `"f:name":{`.
	opening string
	// index is where the field is: its place in the struct, and in the embedded
	// structs that it is in. none: entry must find it.
	index []int
	// omit says when the field is not there.
	omit omission
	// absentInZero says that the zero value of the struct is without the field.
	absentInZero bool
}

// planKey is a field that tells the items of a list apart.
type planKey struct {
	name  string
	entry *value.FieldCacheEntry
	// fallback is the value of items without the field: string, int64 or nil.
	fallback any
}

// rootPlan is the plan of a kind for one Manager.
type rootPlan struct {
	*plan
	// ignored is what writes pass over, unowned the part of it that nobody owns.
	ignored, unowned *mask
}

// mask is a tree of fields that are passed over.
type mask struct {
	all      bool // the whole of it
	nameless bool // it itself, but not what is below it
	fields   map[string]*mask
}

func (m *mask) child(name string) *mask {
	if m == nil {
		return nil
	}
	return m.fields[name]
}

func (m *mask) add(path []string) {
	if len(path) == 0 {
		m.all = true
		return
	}
	if m.fields == nil {
		m.fields = map[string]*mask{}
	}
	next := m.fields[path[0]]
	if next == nil {
		next = &mask{}
		m.fields[path[0]] = next
	}
	next.add(path[1:])
}

// unowned are the fields that nobody owns, whatever the kind: who somebody is,
// and what the server alone writes.
var unowned = [][]string{
	{"apiVersion"}, {"kind"},
	{"metadata", "name"}, {"metadata", "namespace"}, {"metadata", "creationTimestamp"}, {"metadata", "selfLink"},
	{"metadata", "uid"}, {"metadata", "clusterName"}, {"metadata", "generation"}, {"metadata", "managedFields"},
	{"metadata", "resourceVersion"},
}

func unownedFields() *mask {
	all := &mask{}
	for _, path := range unowned {
		all.add(path)
	}
	all.fields["metadata"].nameless = true
	return all
}

// newPlan makes the Manager's plan, nil when its writes are left to the library.
func (m *Manager) newPlan() *rootPlan {
	if len(m.Only) > 0 {
		return nil
	}
	empty, err := m.Versions.New(m.Kind)
	if err != nil {
		return nil
	}
	empty.GetObjectKind().SetGroupVersionKind(m.Kind)
	value, err := kindTypes{Types: m.Types, kind: m.Kind, document: m.Document}.ObjectToTyped(empty, typed.AllowDuplicates)
	if err != nil {
		return nil
	}
	b := builder{schema: value.Schema(), made: map[planID]*plan{}}
	root := b.plan(reflect.TypeOf(empty), value.TypeRef())
	if root.shape != object {
		return nil
	}
	p := &rootPlan{plan: root, ignored: unownedFields(), unowned: unownedFields()}
	for _, path := range m.Ignored {
		p.ignored.add(splitPath(path))
	}
	return p
}

// builder makes plans.
type builder struct {
	schema *schema.Schema
	made   map[planID]*plan // by what they are of, for types that have themselves as a part
}

type planID struct {
	typ  reflect.Type
	name string
	rel  schema.ElementRelationship
}

func (b *builder) plan(t reflect.Type, ref schema.TypeRef) *plan {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	id := planID{typ: t}
	if ref.NamedType != nil {
		id.name = *ref.NamedType
		if ref.ElementRelationship != nil {
			id.rel = *ref.ElementRelationship
		}
		if p := b.made[id]; p != nil {
			return p
		}
	}
	p := &plan{}
	if ref.NamedType != nil {
		b.made[id] = p
	}
	if atom, ok := b.schema.Resolve(ref); ok {
		b.fill(p, t, atom)
	}
	return p
}

// fill makes *p the plan of t as atom says. It leaves p odd when the two do not
// fit in one of the usual ways.
func (b *builder) fill(p *plan, t reflect.Type, atom schema.Atom) {
	if value.TypeReflectEntryOf(t).CanConvertToUnstructured() { // Time, Quantity, IntOrString
		if atom.Scalar != nil && (atom.Map == nil && atom.List == nil || t == reflect.TypeFor[intstr.IntOrString]()) {
			p.shape = leaf
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if atom.Map != nil {
			b.fillObject(p, t, atom.Map)
		}
	case reflect.Map:
		if atom.Map != nil && t.Key().Kind() == reflect.String {
			b.fillDict(p, t, atom.Map)
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			if atom.Scalar != nil {
				p.shape = leaf
			}
			return
		}
		if atom.List != nil {
			b.fillList(p, t, atom.List)
		}
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		if atom.Scalar != nil {
			p.shape = leaf
		}
	}
}

func (b *builder) fillObject(p *plan, t reflect.Type, m *schema.Map) {
	if m.ElementRelationship == schema.Atomic {
		p.shape = leaf
		return
	}
	if m.ElementType != (schema.TypeRef{}) {
		return // a struct with more than its fields
	}
	p.shape = object
	zero := reflect.New(t).Elem()
	for _, entry := range value.TypeReflectEntryOf(t).OrderedFields() {
		at := entry.GetFrom(zero)
		f := planField{name: entry.JsonName, entry: entry, opening: `"f:` + entry.JsonName + `":{`, absentInZero: entry.CanOmit(at), omit: otherwise}
		if tag, index, ok := locate(t, entry.JsonName); ok {
			f.index, f.omit = index, omissionOf(tag, at.Kind())
		}
		if sf, ok := m.FindField(entry.JsonName); ok {
			f.plan = b.plan(at.Type(), sf.Type)
		}
		p.fields = append(p.fields, f)
	}
}

func (b *builder) fillDict(p *plan, t reflect.Type, m *schema.Map) {
	switch {
	case m.ElementRelationship == schema.Atomic:
		p.shape = leaf
	case m.ElementType != (schema.TypeRef{}) && len(m.Fields) == 0:
		if elem := b.plan(t.Elem(), m.ElementType); elem.shape == leaf {
			p.shape, p.elem = dict, elem
		}
	}
}

func (b *builder) fillList(p *plan, t reflect.Type, l *schema.List) {
	if l.ElementRelationship != schema.Associative {
		p.shape = leaf
		return
	}
	elem := b.plan(t.Elem(), l.ElementType)
	if len(l.Keys) == 0 {
		if k := t.Elem().Kind(); elem.shape == leaf && (k == reflect.String || isInt(k)) && !value.TypeReflectEntryOf(t.Elem()).CanConvertToUnstructured() {
			p.shape, p.elem = set, elem
		}
		return
	}
	items := t.Elem()
	if items.Kind() != reflect.Struct || elem.shape != object && elem.shape != leaf {
		return
	}
	fields := value.TypeReflectEntryOf(items).Fields()
	atom, _ := b.schema.Resolve(l.ElementType)
	for _, name := range l.Keys {
		entry := fields[name]
		if entry == nil {
			return
		}
		kind := entry.GetFrom(reflect.New(items).Elem()).Type()
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.String && !isInt(kind.Kind()) || value.TypeReflectEntryOf(kind).CanConvertToUnstructured() {
			return
		}
		k := planKey{name: name, entry: entry}
		sf, _ := atom.Map.FindField(name)
		switch v := sf.Default.(type) {
		case nil:
		case string:
			k.fallback = v
		case float64:
			if v != float64(int64(v)) {
				return
			}
			k.fallback = int64(v)
		default:
			return
		}
		p.keys = append(p.keys, k)
	}
	slices.SortFunc(p.keys, func(a, b planKey) int { return compareStrings(a.name, b.name) })
	p.shape, p.elem = keyed, elem
}

func isInt(k reflect.Kind) bool {
	switch k {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return true
	}
	return false
}

// get returns the field of a struct.
func (f *planField) get(of reflect.Value) reflect.Value {
	if f.index == nil {
		return f.entry.GetFrom(of)
	}
	for _, i := range f.index {
		of = of.Field(i)
	}
	return of
}

// absent reports whether a field with the value v is not there.
func (f *planField) absent(v reflect.Value) bool {
	switch f.omit {
	case never:
		return false
	case whenNil:
		return v.IsNil()
	case whenEmpty:
		return v.Len() == 0
	case whenZero:
		return v.IsZero()
	}
	return f.entry.CanOmit(v)
}

// omission says when a field is left out of JSON.
type omission uint8

const (
	never omission = iota
	whenNil
	whenEmpty
	whenZero
	otherwise // as the library says
)

// omissionOf reads the options of a json tag.
func omissionOf(tag string, kind reflect.Kind) omission {
	_, options, _ := strings.Cut(tag, ",")
	switch options {
	case "":
		return never
	case "omitempty":
	default:
		return otherwise
	}
	switch kind {
	case reflect.Pointer:
		return whenNil
	case reflect.Map, reflect.Slice, reflect.String:
		return whenEmpty
	case reflect.Struct:
		return never
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return whenZero
	}
	return otherwise
}

// locate finds a field of a struct, or of structs embedded in it.
func locate(t reflect.Type, name string) (tag string, index []int, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		own, options, _ := strings.Cut(tag, ",")
		if own == name {
			return tag, []int{i}, true
		}
		if f.Type.Kind() == reflect.Struct && (own == "" && (options == "inline" || f.Anonymous)) {
			if tag, index, ok := locate(f.Type, name); ok {
				return tag, append([]int{i}, index...), true
			}
		}
	}
	return "", nil, false
}

// reaches reports whether a set has, under the plan, only what a set made by
// this schema can have: nothing below a leaf, and none of the unowned fields.
// Other sets stem from other schemas or from a client's hand.
func (p *plan) reaches(s *fieldpath.Set, passed *mask) bool {
	ok := true
	if passed != nil {
		for pe := range s.Members.All() {
			if pe.FieldName != nil {
				if below := passed.child(*pe.FieldName); below != nil && (below.all || below.nameless) {
					return false
				}
			}
		}
	}
	for pe := range s.Children.All() {
		child, _ := s.Children.Get(pe)
		var next *plan
		var below *mask
		switch {
		case pe.FieldName != nil && p.shape == object:
			next, below = p.field(*pe.FieldName), passed.child(*pe.FieldName)
		case pe.FieldName != nil && p.shape == dict, pe.Key != nil && p.shape == keyed, pe.Value != nil && p.shape == set:
			next = p.elem
		}
		ok = ok && next != nil && next.shape != leaf && next.shape != odd && (below == nil || !below.all) && next.reaches(child, below)
	}
	return ok
}

// field finds the plan of a field by its name, nil for none.
func (p *plan) field(name string) *plan {
	i, ok := slices.BinarySearchFunc(p.fields, name, func(f planField, name string) int { return compareStrings(f.name, name) })
	if !ok {
		return nil
	}
	return p.fields[i].plan
}
