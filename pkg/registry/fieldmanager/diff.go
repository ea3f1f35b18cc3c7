package fieldmanager

import (
	"reflect"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// differ collects what an update changes.
type differ struct {
	changed fieldpath.Set // what is there now and was not, or was otherwise
	removed fieldpath.Set // what was there and is not
	path    fieldpath.Path
	failed  bool // the library must do it
}

func (d *differ) push(pe fieldpath.PathElement) { d.path = append(d.path, pe) }
func (d *differ) pop()                          { d.path = d.path[:len(d.path)-1] }

// side is a value before or after an update; without a value it is absent.
type side struct{ reflect.Value }

// present looks behind pointers.
func present(v reflect.Value) side {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return side{v}
}

// null says that there is nothing to look into: absent, or nil.
func (s side) null() bool { return !s.IsValid() || isNil(s.Value) }

// whole records a value that is owned as one.
func (d *differ) whole(l, r side, equal bool) {
	switch {
	case !l.IsValid():
		d.changed.Insert(d.path)
	case !r.IsValid():
		d.removed.Insert(d.path)
	case !equal:
		d.changed.Insert(d.path)
	}
}

// walk compares l, before, with r, after, of which at least one is present.
func (d *differ) walk(p *plan, l, r side, passed *mask) {
	switch p.shape {
	case leaf:
		d.whole(l, r, l.null() == r.null() && (l.null() || equalValues(l.Value, r.Value)))
		return
	case object:
		if !d.object(p, l, r, passed) {
			d.whole(l, r, l.null() == r.null())
			return
		}
	case dict, keyed, set:
		if (l.null() || l.Len() == 0) && (r.null() || r.Len() == 0) {
			d.whole(l, r, l.null() == r.null())
			return
		}
		switch p.shape {
		case dict:
			d.dict(l, r)
		default:
			d.list(p, l, r)
		}
	default:
		d.failed = true
		return
	}
	if passed != nil && passed.nameless {
		return
	}
	switch {
	case !l.IsValid():
		d.changed.Insert(d.path)
	case !r.IsValid():
		d.removed.Insert(d.path)
	}
}

// object compares two structs and reports whether either has any field at all.
func (d *differ) object(p *plan, l, r side, passed *mask) (any bool) {
	hasL, hasR := !l.null(), !r.null()
	for i := range p.fields {
		f := &p.fields[i]
		var x, y side
		if hasL {
			if v := f.get(l.Value); !f.absent(v) {
				x = present(v)
			}
		}
		if hasR {
			if v := f.get(r.Value); !f.absent(v) {
				y = present(v)
			}
		}
		if !x.IsValid() && !y.IsValid() {
			continue
		}
		any = true
		below := passed.child(f.name)
		if below != nil && below.all {
			continue
		}
		if f.plan == nil {
			d.failed = true
			return any
		}
		d.push(fieldpath.PathElement{FieldName: &f.name})
		d.walk(f.plan, x, y, below)
		d.pop()
		if d.failed {
			return any
		}
	}
	return any
}

// dict compares two maps, whose values are each owned as a whole.
func (d *differ) dict(l, r side) {
	entry := func(key string, x, y side) {
		d.push(fieldpath.PathElement{FieldName: &key})
		d.whole(x, y, x.IsValid() && y.IsValid() && equalValues(x.Value, y.Value))
		d.pop()
	}
	if !r.null() {
		for it := r.MapRange(); it.Next(); {
			var was side
			if !l.null() {
				was = side{l.MapIndex(it.Key())}
			}
			if now := it.Value(); !was.IsValid() || !equalValues(was.Value, now) {
				entry(it.Key().String(), was, side{now})
			}
		}
	}
	if !l.null() {
		for it := l.MapRange(); it.Next(); {
			if r.null() || !r.MapIndex(it.Key()).IsValid() {
				entry(it.Key().String(), side{it.Value()}, side{})
			}
		}
	}
}

// list compares two lists whose items are owned apart. The order is nobody's.
func (d *differ) list(p *plan, l, r side) {
	before, ok := itemsOf(p, l)
	after, also := itemsOf(p, r)
	if !ok || !also {
		d.failed = true
		return
	}
	for i := range after {
		var was side
		if j := find(before, &after[i], i); j >= 0 {
			was = present(l.Index(before[j].index))
		}
		d.item(p, &after[i], was, present(r.Index(after[i].index)))
	}
	for i := range before {
		if find(after, &before[i], i) < 0 {
			d.item(p, &before[i], present(l.Index(before[i].index)), side{})
		}
	}
}

func (d *differ) item(p *plan, k *itemKey, was, is side) {
	if p.shape == set {
		if was.IsValid() && is.IsValid() {
			return
		}
		v := value.NewValueInterface(k.first.value())
		d.push(fieldpath.PathElement{Value: &v})
	} else {
		d.push(fieldpath.PathElement{Key: k.fields()})
	}
	d.walk(p.elem, was, is, nil)
	d.pop()
}

// itemsOf reads the keys of a list's items; false when an item has none, or two
// have the same.
func itemsOf(p *plan, s side) ([]itemKey, bool) {
	if s.null() {
		return nil, true
	}
	items := make([]itemKey, s.Len())
	for i := range items {
		k := &items[i]
		if p.shape == set {
			k.first = scalarKey(s.Index(i))
		} else if !k.read(p, s.Index(i)) {
			return nil, false
		}
		k.index = i
	}
	if len(items) > manyItems {
		sortItems(items)
	}
	return items, distinct(items)
}

// manyItems is from where on items are sorted rather than compared each with each.
const manyItems = 32

func distinct(items []itemKey) bool {
	if len(items) > manyItems {
		for i := 1; i < len(items); i++ {
			if items[i-1].compare(&items[i]) == 0 {
				return false
			}
		}
		return true
	}
	for i := range items {
		for j := range i {
			if items[i].compare(&items[j]) == 0 {
				return false
			}
		}
	}
	return true
}

// find returns where k is among items, -1 for nowhere. likely is tried first.
func find(items []itemKey, k *itemKey, likely int) int {
	if likely < len(items) && items[likely].compare(k) == 0 {
		return likely
	}
	if len(items) > manyItems {
		i, ok := slices.BinarySearchFunc(items, k, func(a itemKey, k *itemKey) int { return a.compare(k) })
		if !ok {
			return -1
		}
		return i
	}
	for i := range items {
		if items[i].compare(k) == 0 {
			return i
		}
	}
	return -1
}

func (k key) value() any {
	if k.text {
		return k.string
	}
	return k.number
}

// fields is the library's form of an item's keys.
func (k *itemKey) fields() *value.FieldList {
	list := make(value.FieldList, k.len())
	for i := range list {
		one := k.at(i)
		list[i] = value.Field{Name: one.name, Value: value.NewValueInterface(one.value())}
	}
	return &list
}
