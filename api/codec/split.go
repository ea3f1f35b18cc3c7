package codec

import (
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Keep, as a resourceVersion, leaves the one that a form holds.
const Keep int64 = -1

// metaPartialObject is the kind of metadata-only objects.
var metaPartialObject = schema.GroupVersionKind{Group: "meta.k8s.io", Version: "v1", Kind: "PartialObjectMetadata"}

// Proto is a protobuf form taken apart around its resourceVersion, ready to be
// put together again. Its slices point into the bytes that were split. It is a
// value: passing it allocates nothing.
type Proto struct {
	env      envelope
	before   []byte // of the metadata, up to the resourceVersion
	after    []byte // of the metadata, behind it
	rest     []byte // of the object, behind the metadata
	revision [20]byte
	digits   int
}

// Split takes a stored form or protobuf wire form apart, to be put together
// under another resourceVersion: 0 leaves it blank, Keep leaves what is there.
// ErrMalformed and ErrNoMetadata are returned for bytes that are no such form.
//
// It relies on how every encoder of these types writes: the metadata first and
// once, its fields in the order of their numbers.
func Split(form []byte, revision int64) (Proto, error) {
	var p Proto
	var err error
	if p.env, err = parseEnvelope(form); err != nil {
		return p, err
	}
	raw := p.env.raw
	if len(raw) == 0 || raw[0] != tagObjectMeta {
		return p, ErrNoMetadata
	}
	meta, ok := nextField(raw, 0)
	if !ok {
		return p, fmt.Errorf("%w: metadata", ErrMalformed)
	}
	p.rest = raw[meta.end:]
	m := meta.value
	at := skipShort(m)
	for at < len(m) {
		f, ok := nextField(m, at)
		if !ok {
			return p, fmt.Errorf("%w: metadata", ErrMalformed)
		}
		if f.number >= 6 {
			break
		}
		at = f.end
	}
	p.before, p.after = m[:at], m[at:]
	var old []byte
	if len(p.after) > 0 && p.after[0] == tagMetaResourceVersion {
		f, ok := nextField(p.after, 0)
		if !ok {
			return p, fmt.Errorf("%w: metadata", ErrMalformed)
		}
		old, p.after = f.value, p.after[f.end:]
	}
	if revision == Keep {
		if len(old) > len(p.revision) {
			return p, fmt.Errorf("%w: resourceVersion", ErrMalformed)
		}
		p.digits = copy(p.revision[:], old)
	} else if revision > 0 {
		p.digits = len(strconv.AppendInt(p.revision[:0], revision, 10))
	}
	return p, nil
}

// skipShort skips the fields of metadata that come before the resourceVersion,
// as long as they are strings of less than 128 bytes, as names usually are.
func skipShort(m []byte) int {
	at := 0
	for at+1 < len(m) && m[at] < tagMetaResourceVersion && m[at]&7 == wireBytes && m[at+1] < 0x80 && int(m[at+1]) <= len(m)-at-2 {
		at += 2 + int(m[at+1])
	}
	return at
}

// Metadata returns p without anything but its metadata: the content of a
// PartialObjectMetadata.
func (p Proto) Metadata() Proto {
	p.rest = nil
	return p
}

// DecodeMetadata decodes the metadata alone.
func (p *Proto) DecodeMetadata(into *metav1.ObjectMeta) error {
	m := p.appendMeta(make([]byte, 0, p.metaSize()))
	if err := into.Unmarshal(m); err != nil {
		return fmt.Errorf("%w: metadata: %w", ErrMalformed, err)
	}
	return nil
}

func (p *Proto) metaSize() int { return len(p.before) + fieldSize(p.digits) + len(p.after) }

func (p *Proto) rawSize() int { return fieldSize(p.metaSize()) + len(p.rest) }

func (p *Proto) appendMeta(dst []byte) []byte {
	dst = append(dst, p.before...)
	dst = appendField(dst, tagMetaResourceVersion, p.digits)
	dst = append(dst, p.revision[:p.digits]...)
	return append(dst, p.after...)
}

func (p *Proto) appendRaw(dst []byte) []byte {
	dst = appendField(dst, tagObjectMeta, p.metaSize())
	return append(p.appendMeta(dst), p.rest...)
}

// ItemSize is the number of bytes that AppendItem appends.
func (p *Proto) ItemSize() int { return fieldSize(p.rawSize()) }

// AppendItem appends the object as an item of a list message.
func (p *Proto) AppendItem(dst []byte) []byte {
	n := p.rawSize()
	dst = appendField(slices.Grow(dst, fieldSize(n)), tagListItem, n)
	return p.appendRaw(dst)
}

// ObjectSize is the number of bytes that AppendObject appends.
func (p *Proto) ObjectSize(gvk schema.GroupVersionKind) int { return envelopeSize(gvk, p.rawSize()) }

// AppendObject appends the object as a message of its own, under the kind gvk.
func (p *Proto) AppendObject(dst []byte, gvk schema.GroupVersionKind) []byte {
	n := p.rawSize()
	dst = appendEnvelopeHead(slices.Grow(dst, envelopeSize(gvk, n)), gvk, n)
	return appendEnvelopeTail(p.appendRaw(dst))
}

// AppendFrame appends a frame of a protobuf watch stream: the length in four
// bytes, and a WatchEvent whose object is the object under the kind gvk.
func (p *Proto) AppendFrame(dst []byte, eventType string, gvk schema.GroupVersionKind) []byte {
	n := p.ObjectSize(gvk)
	dst = appendFrameHead(slices.Grow(dst, frameSize(eventType, n)), eventType, n)
	return p.AppendObject(dst, gvk)
}
