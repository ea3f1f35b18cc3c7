package codec

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// revisionRoom is what a spliced resourceVersion adds to a form at most.
const revisionRoom = len(`"resourceVersion":"",`) + 20

// places says where the parts of a JSON wire form lie that are spliced.
type places struct {
	meta       span // the value of metadata, from { to behind }
	revision   span // between the quotes of metadata.resourceVersion
	found      bool // there is a resourceVersion
	member     span // the whole member and the comma that goes with it
	insert     int  // where a member would go when there is none
	before     bool // a comma goes before an inserted member
	after      bool // a comma goes behind it
	sortedKeys bool
}

type span struct{ start, end int }

// locate finds the places of a form. It reads the form up to its
// resourceVersion, or to the end of its metadata when there is none.
func locate(form []byte, wholeMeta bool) (places, error) {
	var p places
	c := cursor{b: form}
	if !c.take('{') {
		return p, ErrMalformed
	}
	for first := true; ; first = false {
		key, ok := c.key(first)
		if !ok {
			return p, ErrMalformed
		}
		if key == nil {
			return p, ErrNoMetadata
		}
		if string(key) == "metadata" {
			break
		}
		if first {
			// Maps (custom resources) are written in the order of their keys.
			p.sortedKeys = string(key) != "kind"
		}
		if !c.skip() {
			return p, ErrMalformed
		}
	}
	c.space()
	p.meta.start = c.at
	if err := p.locateRevision(&c); err != nil {
		return p, err
	}
	if wholeMeta || !p.found {
		c.at = p.meta.start
		if !c.skipNested() {
			return p, ErrMalformed
		}
		p.meta.end = c.at
	}
	return p, nil
}

// locateRevision reads the metadata that begins at the cursor.
func (p *places) locateRevision(c *cursor) error {
	if !c.take('{') {
		return ErrMalformed
	}
	p.insert = c.at
	placed := false
	for first := true; ; first = false {
		start := c.at
		key, ok := c.key(first)
		if !ok {
			return ErrMalformed
		}
		if key == nil {
			if !placed {
				p.before = !first
				if !first {
					p.insert = start
				}
			}
			return nil
		}
		if string(key) == "resourceVersion" {
			return p.locateMember(c, start, first)
		}
		if !placed && p.follows(key) {
			placed = true
			if first {
				p.after = true
			} else {
				p.insert, p.before = start, true
			}
		}
		if !c.skip() {
			return ErrMalformed
		}
	}
}

// follows says that key comes behind resourceVersion where both are.
func (p *places) follows(key []byte) bool {
	if p.sortedKeys {
		return string(key) > "resourceVersion"
	}
	switch string(key) {
	case "name", "generateName", "namespace", "selfLink", "uid":
		return false
	}
	return true
}

// locateMember reads the value of resourceVersion at the cursor. start is where
// its member begins: at the comma before it, unless it is the first.
func (p *places) locateMember(c *cursor, start int, first bool) error {
	value, ok := c.str()
	if !ok {
		return ErrMalformed
	}
	p.found = true
	p.revision = span{c.at - 1 - len(value), c.at - 1}
	p.member = span{start, c.at}
	if first && c.take(',') {
		p.member.end = c.at
	}
	return nil
}

// AppendJSONObject appends a JSON wire form, replacing its resourceVersion by
// revision; 0 takes it out, Keep leaves it. The form may be without one. It
// returns ErrMalformed or ErrNoMetadata for what is not a wire form.
func AppendJSONObject(dst, form []byte, revision int64) ([]byte, error) {
	if revision == Keep {
		return append(dst, form...), nil
	}
	p, err := locate(form, false)
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, len(form)+revisionRoom)
	return p.appendSpliced(dst, form, 0, len(form), revision), nil
}

// AppendJSONItem appends a JSON wire form as an item of a list of a built-in
// kind, which does not repeat kind and apiVersion; revision is as in
// AppendJSONObject.
func AppendJSONItem(dst, form []byte, revision int64) ([]byte, error) {
	rest, ok := cutHead(form)
	if !ok {
		return dst, ErrMalformed
	}
	if revision == Keep {
		dst = slices.Grow(dst, 1+len(rest))
		return append(append(dst, '{'), rest...), nil
	}
	p, err := locate(form, false)
	if err != nil {
		return dst, err
	}
	dst = append(slices.Grow(dst, len(form)+revisionRoom), '{')
	return p.appendSpliced(dst, form, len(form)-len(rest), len(form), revision), nil
}

// cutHead returns what follows kind and apiVersion in a wire form: the inside of
// the object that a list item is, with its closing brace, sharing form's memory.
func cutHead(form []byte) ([]byte, bool) {
	c := cursor{b: form}
	if !c.take('{') {
		return nil, false
	}
	for i, want := range [...]string{"kind", "apiVersion"} {
		key, ok := c.key(i == 0)
		if !ok || string(key) != want {
			return nil, false
		}
		if _, ok := c.str(); !ok {
			return nil, false
		}
	}
	return c.members()
}

// members returns what is left of the object whose member was read last: the
// next member or the closing brace, and all that follows.
func (c *cursor) members() ([]byte, bool) {
	if c.take(',') {
		return c.b[c.at:], true
	}
	return c.b[c.at:], c.at < len(c.b) && c.b[c.at] == '}'
}

// AppendJSONMetadata appends the PartialObjectMetadata of a JSON wire form, of
// meta.k8s.io and version; revision is as in AppendJSONObject.
func AppendJSONMetadata(dst, form []byte, version string, revision int64) ([]byte, error) {
	p, err := locate(form, true)
	if err != nil {
		return dst, err
	}
	gvk := metaPartialObject
	gvk.Version = version
	n := p.meta.end - p.meta.start
	out := slices.Grow(dst, len(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/","metadata":}`)+len(version)+n+revisionRoom)
	out = append(appendJSONHead(out, gvk), `"metadata":`...)
	if revision == Keep {
		out = append(out, form[p.meta.start:p.meta.end]...)
	} else {
		out = p.appendSpliced(out, form, p.meta.start, p.meta.end, revision)
	}
	return append(out, '}'), nil
}

// appendSpliced appends form[start:end], which holds the metadata, with the
// resourceVersion replaced, inserted or taken out.
func (p *places) appendSpliced(dst, form []byte, start, end int, revision int64) []byte {
	switch {
	case p.found && revision == 0:
		dst = append(dst, form[start:p.member.start]...)
		return append(dst, form[p.member.end:end]...)
	case p.found:
		dst = append(dst, form[start:p.revision.start]...)
		dst = strconv.AppendInt(dst, revision, 10)
		return append(dst, form[p.revision.end:end]...)
	case revision == 0:
		return append(dst, form[start:end]...)
	}
	dst = append(dst, form[start:p.insert]...)
	if p.before {
		dst = append(dst, ',')
	}
	dst = append(dst, `"resourceVersion":"`...)
	dst = strconv.AppendInt(dst, revision, 10)
	dst = append(dst, '"')
	if p.after {
		dst = append(dst, ',')
	}
	return append(dst, form[p.insert:end]...)
}

// PartialObjectMetadata is the kind of metadata-only objects of a version of
// meta.k8s.io.
func PartialObjectMetadata(version string) schema.GroupVersionKind {
	gvk := metaPartialObject
	gvk.Version = version
	return gvk
}
