package fieldmanager

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A create's only entry owns all that the object has beyond the zero value of
// its type. The emitter writes it as it finds it.

// before is what was in a field's place before a create.
type before uint8

const (
	absent before = iota // nothing
	null                 // a nil pointer, map or list
	zero                 // the zero value of a struct or scalar
)

// emitter writes a field set in its stored form. Once failed, what it has
// written means nothing.
type emitter struct {
	buf    []byte
	failed bool
	keys   []string // of maps, for sorting
}

// fail gives up: the library must do it.
func (e *emitter) fail() { e.failed = true }

// object writes the fields of a struct that are owned, separated by commas, and
// reports whether there are any. was is what was in its place.
func (e *emitter) object(p *plan, was before, v reflect.Value, passed *mask, more bool) (any bool) {
	for i := range p.fields {
		f := &p.fields[i]
		below := passed.child(f.name)
		if below != nil && below.all {
			continue
		}
		x := f.get(v)
		if f.absent(x) {
			continue
		}
		if f.plan == nil {
			e.fail()
			return any
		}
		had := absent
		if was == zero && !f.absentInZero {
			had = zero
			switch x.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice:
				had = null
			}
		}
		any = e.member(f.opening, f.plan, had, x, below, more || any) || any
		if e.failed {
			return any
		}
	}
	return any
}

// member writes one element of a set if it is owned or has parts that are:
// opening, what is below it, and the closing brace. more says that others went
// before it.
func (e *emitter) member(opening string, p *plan, was before, v reflect.Value, passed *mask, more bool) bool {
	start := len(e.buf)
	if more {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(e.buf, opening...)
	owned, parts := e.content(p, was, v, passed)
	if !owned && !parts {
		e.buf = e.buf[:start]
		return false
	}
	e.buf = append(e.buf, '}')
	return true
}

const self = `".":{}`

// content writes what is below an element. owned says that the element itself is
// owned, parts that something below it is.
func (e *emitter) content(p *plan, was before, v reflect.Value, passed *mask) (owned, parts bool) {
	if p.shape == leaf {
		return was == absent || was == null && !isNil(v) || was == zero && !isZeroValue(v), false
	}
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch p.shape {
	case object, dict, keyed, set:
	default:
		e.fail()
		return false, false
	}
	nameless := passed != nil && passed.nameless
	if isNil(v) {
		return was == absent && !nameless, false
	}
	if p.shape == object && isEmptyObject(p, v) || p.shape != object && v.Len() == 0 {
		return was != zero && !nameless, false
	}
	owned = was == absent && !nameless
	if owned {
		e.buf = append(e.buf, self...)
	}
	switch p.shape {
	case object:
		parts = e.object(p, was, v, passed, owned)
	case dict:
		parts = e.dict(p, v, owned)
	case keyed:
		parts = e.keyed(p, v, owned)
	case set:
		parts = e.set(v, owned)
	}
	return owned, parts
}

func (e *emitter) dict(p *plan, v reflect.Value, more bool) bool {
	first := len(e.keys)
	for it := v.MapRange(); it.Next(); {
		e.keys = append(e.keys, it.Key().String())
	}
	keys := e.keys[first:]
	slices.Sort(keys)
	for i, k := range keys {
		if !plain(k) {
			e.fail()
			break
		}
		if more || i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(append(append(e.buf, `"f:`...), k...), `":{}`...)
	}
	e.keys = e.keys[:first]
	return true
}

func (e *emitter) set(v reflect.Value, more bool) bool {
	items := make([]itemKey, v.Len())
	for i := range items {
		items[i] = itemKey{index: i, first: scalarKey(v.Index(i))}
	}
	if !e.order(items) {
		return false
	}
	for i := range items {
		if more || i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, `"v:`...)
		e.scalar(items[i].first)
		e.buf = append(e.buf, `":{}`...)
	}
	return true
}

func (e *emitter) keyed(p *plan, v reflect.Value, more bool) bool {
	items := make([]itemKey, v.Len())
	for i := range items {
		if !items[i].read(p, v.Index(i)) {
			e.fail()
			return false
		}
		items[i].index = i
	}
	if !e.order(items) {
		return false
	}
	for i := range items {
		if more || i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, `"k:{`...)
		for j, n := 0, items[i].len(); j < n; j++ {
			if j > 0 {
				e.buf = append(e.buf, ',')
			}
			k := items[i].at(j)
			e.buf = append(append(append(e.buf, `\"`...), k.name...), `\":`...)
			e.scalar(k)
		}
		e.buf = append(e.buf, `}":{`...)
		if p.elem.shape == leaf {
			e.buf = append(e.buf, '}')
			continue
		}
		e.buf = append(e.buf, self...)
		e.object(p.elem, absent, v.Index(items[i].index), nil, true)
		if e.failed {
			return false
		}
		e.buf = append(e.buf, '}')
	}
	return true
}

// order sorts the items of a list as their set is; false when two are the same.
func (e *emitter) order(items []itemKey) bool {
	sortItems(items)
	for i := 1; i < len(items); i++ {
		if items[i-1].compare(&items[i]) == 0 {
			e.fail()
			return false
		}
	}
	return true
}

func sortItems(items []itemKey) {
	slices.SortFunc(items, func(a, b itemKey) int { return a.compare(&b) })
}

// scalar writes the value of a key within a JSON string.
func (e *emitter) scalar(k key) {
	if !k.text {
		e.buf = strconv.AppendInt(e.buf, k.number, 10)
		return
	}
	if !plain(k.string) {
		e.fail()
		return
	}
	e.buf = append(append(append(e.buf, `\"`...), k.string...), `\"`...)
}

// plain strings are the same in every form of JSON.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// key is a value that tells items of a list apart.
type key struct {
	name   string
	string string
	number int64
	text   bool // string, otherwise number
}

func (a key) compare(b key) int {
	if c := strings.Compare(a.name, b.name); c != 0 {
		return c
	}
	switch {
	case a.text && b.text:
		return strings.Compare(a.string, b.string)
	case a.text:
		return 1 // numbers go first
	case b.text:
		return -1
	case a.number < b.number:
		return -1
	case a.number > b.number:
		return 1
	}
	return 0
}

// itemKey is what tells an item of a list apart: mostly one key.
type itemKey struct {
	index int
	first key
	more  []key
	none  bool
}

func (k *itemKey) len() int {
	if k.none {
		return 0
	}
	return 1 + len(k.more)
}

func (k *itemKey) at(i int) key {
	if i == 0 {
		return k.first
	}
	return k.more[i-1]
}

// read takes the keys of an item; false when it has none.
func (k *itemKey) read(p *plan, item reflect.Value) bool {
	k.none = true
	for i := range p.keys {
		pk := &p.keys[i]
		x := pk.entry.GetFrom(item)
		var one key
		switch {
		case !pk.entry.CanOmit(x):
			for x.Kind() == reflect.Pointer {
				if x.IsNil() {
					return false
				}
				x = x.Elem()
			}
			one = scalarKey(x)
		case pk.fallback != nil:
			switch v := pk.fallback.(type) {
			case string:
				one = key{text: true, string: v}
			case int64:
				one = key{number: v}
			}
		default:
			continue
		}
		one.name = pk.name
		if k.none {
			k.first, k.none = one, false
			continue
		}
		if k.more == nil {
			k.more = make([]key, 0, len(p.keys)-1)
		}
		k.more = append(k.more, one)
	}
	return !k.none
}

func (k *itemKey) compare(b *itemKey) int {
	for i := 0; ; i++ {
		switch {
		case i >= k.len() && i >= b.len():
			return 0
		case i >= k.len():
			return -1
		case i >= b.len():
			return 1
		}
		if c := k.at(i).compare(b.at(i)); c != 0 {
			return c
		}
	}
}

func scalarKey(v reflect.Value) key {
	if v.Kind() == reflect.String {
		return key{text: true, string: v.String()}
	}
	return key{number: v.Int()}
}
