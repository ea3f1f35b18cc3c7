package watchcache

import (
	"sort"
	"sync/atomic"
)

// Object is one revision of one stored object. It is immutable but for the
// encodings that it remembers. Whoever holds it may keep it for good.
//
// Thousands of them are kept, so the layout is tight: labels and fields share
// one slice, and strings that many objects have in common are kept once.
type Object struct {
	// What a scan looks at stands together.
	key string // "<namespace>/<name>" or "<name>"
	// attrs holds nlabels pairs of label key and value, sorted by key, and then
	// the fields. Revisions of an object share it while nothing in it changes.
	// Of an undecodable object it holds the reason alone.
	attrs    []string
	slash    int32 // length of the namespace in key, -1 when there is none
	nlabels  int32
	bad      bool // undecodable
	verbatim bool // Meta.Verbatim

	value  []byte
	rev    int64
	lease  int64
	forms  atomic.Pointer[Forms]
	budget *budget // of the forms
}

// Key returns "<namespace>/<name>", or "<name>" of a cluster-scoped object.
func (o *Object) Key() string { return o.key }

// Namespace returns the namespace, "" of a cluster-scoped object.
func (o *Object) Namespace() string {
	if o.slash < 0 {
		return ""
	}
	return o.key[:o.slash]
}

// Name returns the name.
func (o *Object) Name() string { return o.key[o.slash+1:] }

// Revision returns the revision of the write that made this state.
func (o *Object) Revision() int64 { return o.rev }

// Lease returns the lease that the key hangs on, 0 for none.
func (o *Object) Lease() int64 { return o.lease }

// Stored returns the stored bytes. They must not be changed.
func (o *Object) Stored() []byte { return o.value }

// Verbatim reports whether the stored bytes are what the current encoder would
// write, so that they may be sent without decoding them.
func (o *Object) Verbatim() bool { return o.verbatim }

// Labels returns the labels in a form that apimachinery's selectors take
// (labels.Labels), without allocating.
func (o *Object) Labels() *Labels { return (*Labels)(o) }

// Fields returns the values of the selectable fields, aligned with
// View.FieldNames; nil of an undecodable object. It must not be changed.
func (o *Object) Fields() []string {
	if o.bad {
		return nil
	}
	return o.attrs[2*int(o.nlabels):]
}

// Field returns the value of the i-th selectable field.
func (o *Object) Field(i int) string {
	if o.bad {
		return ""
	}
	return o.attrs[2*int(o.nlabels)+i]
}

// Undecodable returns why the stored bytes could not be read, "" when they
// could. Such an object is met through Snapshot.Get only.
func (o *Object) Undecodable() string {
	if !o.bad {
		return ""
	}
	return o.attrs[0]
}

// Forms returns the memo of the object's encodings.
func (o *Object) Forms() *Forms {
	if f := o.forms.Load(); f != nil {
		return f
	}
	f := &Forms{}
	f.budget.Store(o.budget)
	if o.forms.CompareAndSwap(nil, f) {
		return f
	}
	return o.forms.Load()
}

// retire drops the encodings of an object that has been replaced.
func (o *Object) retire() {
	if f := o.forms.Load(); f != nil {
		f.retire()
	}
}

// Labels are an object's labels. *Labels has the methods of apimachinery's
// labels.Labels.
type Labels Object

// Len returns the number of labels.
func (l *Labels) Len() int { return int(l.nlabels) }

// At returns the i-th label in order of the keys.
func (l *Labels) At(i int) (key, value string) { return l.attrs[2*i], l.attrs[2*i+1] }

// Lookup returns the value of a label and whether the object has it.
func (l *Labels) Lookup(key string) (value string, exists bool) {
	if l.nlabels > manyLabels {
		i := sort.Search(int(l.nlabels), func(i int) bool { return l.attrs[2*i] >= key })
		if i < int(l.nlabels) && l.attrs[2*i] == key {
			return l.attrs[2*i+1], true
		}
		return "", false
	}
	for i := 0; i < 2*int(l.nlabels); i += 2 {
		if l.attrs[i] == key {
			return l.attrs[i+1], true
		}
	}
	return "", false
}

// manyLabels is from where on a binary search is the faster one.
const manyLabels = 16

// Has reports whether the object has the label.
func (l *Labels) Has(key string) bool { _, ok := l.Lookup(key); return ok }

// Get returns the value of the label, "" when the object does not have it.
func (l *Labels) Get(key string) string { v, _ := l.Lookup(key); return v }
