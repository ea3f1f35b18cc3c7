package typedjson

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"time"
	"unsafe"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// maxDepth is how deep values may be nested for Decode.
const maxDepth = 1000

// Decode reads the JSON text data into the struct that into points to, which must
// be zero. false: something about the text is not plainly right; what into then
// holds is of no use. Nothing of data is kept.
func Decode(data []byte, into any) bool {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct || !v.Elem().IsZero() {
		return false
	}
	p := planOf(v.Type().Elem())
	if !p.decodes {
		return false
	}
	d := decoder{b: data}
	ok := p.root.decode(&d, v.UnsafePointer())
	runtime.KeepAlive(into)
	d.space()
	return ok && d.at == len(data)
}

// A decoder reads one text.
type decoder struct {
	b     []byte
	at    int
	depth int
	buf   []byte // the last string with escapes
}

func (d *decoder) space() {
	for d.at < len(d.b) {
		switch d.b[d.at] {
		case ' ', '\n', '\t', '\r':
			d.at++
		default:
			return
		}
	}
}

// take reads the byte c, if it is next.
func (d *decoder) take(c byte) bool {
	d.space()
	if d.at < len(d.b) && d.b[d.at] == c {
		d.at++
		return true
	}
	return false
}

// word reads a literal, if it is next.
func (d *decoder) word(w string) bool {
	d.space()
	if end := d.at + len(w); end <= len(d.b) && string(d.b[d.at:end]) == w {
		d.at = end
		return true
	}
	return false
}

// null reads null, if it is next.
func (d *decoder) null() bool {
	d.space()
	return d.at < len(d.b) && d.b[d.at] == 'n' && d.word("null")
}

// members reads an object and calls member behind each name's colon.
func (d *decoder) members(member func(name []byte) bool) bool {
	if d.depth++; d.depth > maxDepth || !d.take('{') {
		return false
	}
	if !d.take('}') {
		for {
			name, ok := d.text()
			if !ok || !d.take(':') || !member(name) {
				return false
			}
			if d.take(',') {
				continue
			}
			if !d.take('}') {
				return false
			}
			break
		}
	}
	d.depth--
	return true
}

func giveUp(*decoder, unsafe.Pointer) bool { return false }

func decodeStruct(fields []field, byName map[string]int) func(*decoder, unsafe.Pointer) bool {
	return func(d *decoder, at unsafe.Pointer) bool {
		if d.null() {
			return true
		}
		var seen [maxFields / 64]uint64
		next := 0 // most texts have the fields in their order
		return d.members(func(name []byte) bool {
			i := next
			if i >= len(fields) || fields[i].name != string(name) {
				var ok bool
				if i, ok = byName[string(name)]; !ok {
					return false
				}
			}
			if seen[i/64]&(1<<(i%64)) != 0 {
				return false
			}
			seen[i/64] |= 1 << (i % 64)
			next = i + 1
			f := &fields[i]
			return f.node.decode(d, unsafe.Add(at, f.offset))
		})
	}
}

func decodePointer(t reflect.Type, elem *node) func(*decoder, unsafe.Pointer) bool {
	return func(d *decoder, at unsafe.Pointer) bool {
		if d.null() {
			return true
		}
		p := reflect.New(t).UnsafePointer()
		*(*unsafe.Pointer)(at) = p
		return elem.decode(d, p)
	}
}

func decodeSlice(t reflect.Type, elem *node) func(*decoder, unsafe.Pointer) bool {
	size := t.Elem().Size()
	return func(d *decoder, at unsafe.Pointer) bool {
		if d.null() {
			return true
		}
		if d.depth++; d.depth > maxDepth || !d.take('[') {
			return false
		}
		v := reflect.NewAt(t, at).Elem()
		if d.take(']') {
			v.Set(reflect.MakeSlice(t, 0, 0))
			d.depth--
			return true
		}
		for n := 0; ; n++ {
			if n == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n + 1)
			if !elem.decode(d, unsafe.Add(v.UnsafePointer(), uintptr(n)*size)) {
				return false
			}
			if d.take(',') {
				continue
			}
			d.depth--
			return d.take(']')
		}
	}
}

func decodeStrings(d *decoder, at unsafe.Pointer) bool {
	if d.null() {
		return true
	}
	m := map[string]string{}
	*(*map[string]string)(at) = m
	return d.members(func(name []byte) bool {
		key := string(name)
		value, ok := d.text()
		if _, repeated := m[key]; repeated || !ok {
			return false // null as well: a rare thing to say of a string
		}
		m[key] = string(value)
		return true
	})
}

func decodeMap(t reflect.Type, elem *node) func(*decoder, unsafe.Pointer) bool {
	return func(d *decoder, at unsafe.Pointer) bool {
		if d.null() {
			return true
		}
		m := reflect.NewAt(t, at).Elem()
		m.Set(reflect.MakeMap(t))
		return d.members(func(name []byte) bool {
			key := reflect.ValueOf(string(name)).Convert(t.Key())
			if m.MapIndex(key).IsValid() {
				return false
			}
			value := reflect.New(t.Elem())
			if !elem.decode(d, value.UnsafePointer()) {
				return false
			}
			m.SetMapIndex(key, value.Elem())
			return true
		})
	}
}

func decodeString(d *decoder, at unsafe.Pointer) bool {
	if s, ok := d.text(); ok {
		*(*string)(at) = string(s)
		return true
	}
	return d.null()
}

func decodeBool(d *decoder, at unsafe.Pointer) bool {
	if d.word("true") {
		*(*bool)(at) = true
		return true
	}
	return d.word("false") || d.null()
}

func decodeBytes(d *decoder, at unsafe.Pointer) bool {
	if d.null() {
		return true
	}
	s, ok := d.text()
	if !ok {
		return false
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(b, s)
	*(*[]byte)(at) = b[:n]
	return err == nil
}

func decodeInt[T signed](d *decoder, at unsafe.Pointer) bool {
	n, ok := d.integer()
	*(*T)(at) = T(n)
	return ok && int64(T(n)) == n || d.null()
}

// integer reads a number that is written without fraction and exponent, and is
// far from the end of int64.
func (d *decoder) integer() (int64, bool) {
	d.space()
	start := d.at
	negative := start < len(d.b) && d.b[start] == '-'
	if negative {
		start++
	}
	var n int64
	i := start
	for ; i < len(d.b) && '0' <= d.b[i] && d.b[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(d.b[i]-'0')
	}
	if i == start || d.b[start] == '0' && i > start+1 {
		return 0, false
	}
	if i < len(d.b) && (d.b[i] == '.' || d.b[i] == 'e' || d.b[i] == 'E') {
		return 0, false
	}
	d.at = i
	if negative {
		n = -n
	}
	return n, true
}

func decodeIntOrString(d *decoder, at unsafe.Pointer) bool {
	v := (*intstr.IntOrString)(at)
	if s, ok := d.text(); ok {
		*v = intstr.FromString(string(s))
		return true
	}
	n, ok := d.integer()
	v.Type, v.IntVal = intstr.Int, int32(n)
	return ok && int64(int32(n)) == n
}

func decodeTime(d *decoder, at unsafe.Pointer) bool {
	s, ok := d.text()
	if !ok {
		return d.null()
	}
	t, err := time.Parse(time.RFC3339, string(s))
	(*metav1.Time)(at).Time = t.Local()
	return err == nil
}

// decodeBySelf decodes types that have a method for it.
func decodeBySelf(t reflect.Type) func(*decoder, unsafe.Pointer) bool {
	return func(d *decoder, at unsafe.Pointer) bool {
		raw, ok := d.value()
		return ok && reflect.NewAt(t, at).Interface().(json.Unmarshaler).UnmarshalJSON(raw) == nil
	}
}

// value reads any value and returns its text.
func (d *decoder) value() ([]byte, bool) {
	d.space()
	start := d.at
	if start == len(d.b) {
		return nil, false
	}
	ok := false
	switch d.b[start] {
	case '"':
		_, ok = d.text()
	case 'n':
		ok = d.null()
	case '{', '[':
		if rest, plain := plainFields(d.b[start:]); plain {
			d.at = len(d.b) - len(rest)
			return d.b[start:d.at], true
		}
		d.skipNested()
		ok = json.Valid(d.b[start:d.at])
	default:
		_, ok = d.integer()
	}
	return d.b[start:d.at], ok
}

// skipNested moves behind the object or array that begins here, or to the end.
func (d *decoder) skipNested() {
	depth := 0
	for d.at < len(d.b) {
		switch d.b[d.at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			for d.at++; d.at < len(d.b) && d.b[d.at] != '"'; d.at++ {
				if d.b[d.at] == '\\' {
					d.at++
				}
			}
			if d.at >= len(d.b) {
				d.at = len(d.b)
				return
			}
		}
		d.at++
		if depth == 0 {
			return
		}
	}
}
