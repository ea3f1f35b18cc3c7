package watchcache

import (
	"fmt"
	"sort"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// splitKey returns the key below the view's prefix and the length of its
// namespace (-1 for none); ok is false for keys that are not laid out as objects.
func (v *View) splitKey(full string) (key string, slash int, ok bool) {
	if len(full) <= len(v.Prefix) || full[:len(v.Prefix)] != v.Prefix {
		return "", 0, false
	}
	key = full[len(v.Prefix):]
	slash = strings.IndexByte(key, '/')
	if !v.Namespaced {
		return key, -1, slash < 0
	}
	return key, slash, slash > 0 && slash < len(key)-1 && strings.IndexByte(key[slash+1:], '/') < 0
}

// objectMaker makes objects of one cache. It serves one goroutine.
type objectMaker struct {
	view    *View
	budget  *budget
	strings interner
	// failed is told of values that cannot be decoded, once per object made; may be nil.
	failed func(kv *storage.KeyValue, err error)
}

// object makes the object of kv, nil when the key is not an object's. like is
// another revision of the object, or nil, to share with; when it is this very
// revision it is returned itself.
func (m *objectMaker) object(kv *storage.KeyValue, local any, like *Object) *Object {
	if like != nil && like.rev == kv.ModRevision {
		return like
	}
	key, slash, ok := m.view.splitKey(kv.Key)
	if !ok {
		return nil
	}
	o := &Object{key: key, slash: int32(slash), value: kv.Value, rev: kv.ModRevision, lease: kv.Lease, budget: m.budget}
	meta, err := m.meta(kv, local, o)
	if err != nil {
		o.bad, o.attrs = true, []string{err.Error()}
		if m.failed != nil {
			m.failed(kv, err)
		}
		return o
	}
	o.verbatim = meta.Verbatim
	if like != nil && like.sameMeta(meta) {
		o.attrs, o.nlabels = like.attrs, like.nlabels
	} else {
		o.setMeta(meta, &m.strings)
	}
	return o
}

func (m *objectMaker) meta(kv *storage.KeyValue, local any, o *Object) (meta Meta, err error) {
	if l, ok := local.(*Local); ok && l != nil {
		if l.Forms != nil {
			l.Forms.attach(m.budget)
			o.forms.Store(l.Forms)
		}
		meta = l.Meta
	} else if meta, err = m.view.Decode(kv); err != nil {
		return Meta{}, err
	}
	if len(meta.Fields) != len(m.view.FieldNames) {
		return Meta{}, fmt.Errorf("decoder gave %d selectable fields instead of %d", len(meta.Fields), len(m.view.FieldNames))
	}
	return meta, nil
}

func (o *Object) sameMeta(meta Meta) bool {
	if o.bad || int(o.nlabels) != len(meta.Labels) {
		return false
	}
	for i := 0; i < 2*int(o.nlabels); i += 2 {
		if v, ok := meta.Labels[o.attrs[i]]; !ok || v != o.attrs[i+1] {
			return false
		}
	}
	for i, v := range meta.Fields {
		if o.Field(i) != v {
			return false
		}
	}
	return true
}

func (o *Object) setMeta(meta Meta, in *interner) {
	n := len(meta.Labels)
	if n+len(meta.Fields) == 0 {
		return
	}
	o.nlabels = int32(n)
	o.attrs = make([]string, 0, 2*n+len(meta.Fields))
	for k, v := range meta.Labels {
		o.attrs = append(o.attrs, in.get(k), in.get(v))
	}
	if n > 1 {
		sort.Sort(labelPairs(o.attrs))
	}
	for _, v := range meta.Fields {
		o.attrs = append(o.attrs, in.get(v))
	}
}

// labelPairs sorts label key, label value, label key, ... by key.
type labelPairs []string

func (p labelPairs) Len() int           { return len(p) / 2 }
func (p labelPairs) Less(i, j int) bool { return p[2*i] < p[2*j] }
func (p labelPairs) Swap(i, j int) {
	p[2*i], p[2*j] = p[2*j], p[2*i]
	p[2*i+1], p[2*j+1] = p[2*j+1], p[2*i+1]
}

// interner gives equal strings one memory, as far as a bounded table remembers.
// What it returns does not share memory with what it was given, so that a label
// never pins the body it was decoded from.
type interner struct{ known map[string]string }

const (
	internedStrings = 4096
	internedLength  = 128 // longer strings are hardly ever shared
)

func (in *interner) get(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > internedLength {
		return strings.Clone(s)
	}
	if k, ok := in.known[s]; ok {
		return k
	}
	if in.known == nil {
		in.known = make(map[string]string)
	} else if len(in.known) >= internedStrings {
		clear(in.known)
	}
	s = strings.Clone(s)
	in.known[s] = s
	return s
}
