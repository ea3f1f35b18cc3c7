package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// magic opens every protobuf form of an object.
const magic = "k8s\x00"

// marshaler is what the protobuf types of k8s.io/api implement.
type marshaler interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
}

type unmarshaler interface {
	Unmarshal([]byte) error
}

// AppendStored appends the stored form of a built-in kind: the protobuf
// envelope, with the resourceVersion blank whatever obj holds. It returns
// ErrNotProtobuf for a type without a protobuf form. obj is only read.
func AppendStored(dst []byte, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	if o, ok := obj.(metav1.Object); ok && o.GetResourceVersion() != "" {
		return appendBlanked(dst, obj, gvk)
	}
	return AppendProtobuf(dst, obj, gvk)
}

// EncodeStored is AppendStored into one allocation.
func EncodeStored(obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	return AppendStored(nil, obj, gvk)
}

// appendBlanked encodes with the resourceVersion and cuts it out again: blanking
// the field of the object itself would be seen by its other readers.
func appendBlanked(dst []byte, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	start := len(dst)
	out, err := AppendProtobuf(dst, obj, gvk)
	if err != nil {
		return dst, err
	}
	p, err := Split(out[start:], 0)
	if err != nil {
		return dst, err
	}
	// The cut form is shorter, and its pieces lie in the order in which they are
	// put, each at or behind its new place: they can be moved within the buffer.
	raw := p.rawSize()
	end := appendEnvelopeHead(out[:start], gvk, raw)
	end = p.appendRaw(end)
	return appendEnvelopeTail(end), nil
}

// AppendProtobuf appends the protobuf wire form of an object: as it is, with its
// resourceVersion. It returns ErrNotProtobuf for a type without one.
func AppendProtobuf(dst []byte, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	m, ok := obj.(marshaler)
	if !ok {
		return dst, fmt.Errorf("%w: %T", ErrNotProtobuf, obj)
	}
	size := m.Size()
	out := slices.Grow(dst, envelopeSize(gvk, size))
	out = appendEnvelopeHead(out, gvk, size)
	n, err := m.MarshalToSizedBuffer(out[len(out) : len(out)+size])
	if err != nil {
		return dst, fmt.Errorf("encode %s: %w", gvk.Kind, err)
	}
	if n != size {
		return dst, fmt.Errorf("encode %s: object of %d bytes wrote %d, it was changed meanwhile", gvk.Kind, size, n)
	}
	return appendEnvelopeTail(out[:len(out)+size]), nil
}

// EncodeProtobuf is AppendProtobuf into one allocation.
func EncodeProtobuf(obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	return AppendProtobuf(nil, obj, gvk)
}

// AppendStoredJSON appends the stored form of kinds that are stored as JSON:
// the wire form with its resourceVersion cut out, and a newline.
func AppendStoredJSON(dst []byte, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	wire, err := AppendJSON(nil, obj, gvk)
	if err != nil {
		return dst, err
	}
	out, err := AppendJSONObject(slices.Grow(dst, len(wire)+1), wire, 0)
	if err != nil {
		return dst, err
	}
	return append(out, '\n'), nil
}

// DecodeStored decodes a stored form, or a protobuf wire form, into an empty
// object of its Go type and returns the kind that the bytes say they are, which
// may be another version than the object's: the caller knows which ones convert.
// The resourceVersion of a stored form is blank: setting it is the caller's. The
// object's own kind and apiVersion stay empty, but for unstructured ones.
// ErrMalformed is returned for bytes in neither form.
func DecodeStored(data []byte, into runtime.Object) (schema.GroupVersionKind, error) {
	if len(data) > 0 && data[0] == '{' {
		return decodeStoredJSON(data, into)
	}
	env, err := parseEnvelope(data)
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	gvk := env.gvk()
	m, ok := into.(unmarshaler)
	if !ok {
		return gvk, fmt.Errorf("%w: %T", ErrNotProtobuf, into)
	}
	if err := checkProtobufDepth(recursiveKind(into), env.raw); err != nil {
		return gvk, err
	}
	if err := m.Unmarshal(env.raw); err != nil {
		return gvk, fmt.Errorf("%w: %s: %w", ErrMalformed, gvk.Kind, err)
	}
	return gvk, nil
}

func decodeStoredJSON(data []byte, into runtime.Object) (schema.GroupVersionKind, error) {
	if err := CheckDepth(data); err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if u, ok := into.(runtime.Unstructured); ok {
		content := map[string]any{}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &content); err != nil {
			return schema.GroupVersionKind{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		u.SetUnstructuredContent(content)
		return u.GetObjectKind().GroupVersionKind(), nil
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, into); err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	gvk := into.GetObjectKind().GroupVersionKind()
	into.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return gvk, nil
}

// StoredKind returns the kind that a stored form says it is, without decoding
// the object. ErrMalformed is returned for bytes in neither form.
func StoredKind(data []byte) (schema.GroupVersionKind, error) {
	if len(data) > 0 && data[0] == '{' {
		scan := scanBody(data)
		if !scan.plain {
			return schema.GroupVersionKind{}, ErrMalformed
		}
		return kindOf(scan.apiVersion, scan.kind), nil
	}
	env, err := parseEnvelope(data)
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	return env.gvk(), nil
}

// An envelope is a runtime.Unknown message taken apart; its slices point into
// the bytes it was parsed from.
type envelope struct {
	apiVersion, kind []byte
	raw              []byte
}

func (e envelope) gvk() schema.GroupVersionKind { return kindOf(string(e.apiVersion), string(e.kind)) }

func kindOf(apiVersion, kind string) schema.GroupVersionKind {
	group, version, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group, version = "", apiVersion
	}
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

func parseEnvelope(data []byte) (envelope, error) {
	var e envelope
	if !bytes.HasPrefix(data, []byte(magic)) {
		return e, fmt.Errorf("%w: neither JSON nor the protobuf envelope", ErrMalformed)
	}
	data = data[len(magic):]
	for at := 0; at < len(data); {
		f, ok := nextField(data, at)
		if !ok {
			return e, fmt.Errorf("%w: envelope", ErrMalformed)
		}
		at = f.end
		switch data[f.start] {
		case tagUnknownTypeMeta:
			if ok := e.parseTypeMeta(f.value); !ok {
				return e, fmt.Errorf("%w: envelope", ErrMalformed)
			}
		case tagUnknownRaw:
			e.raw = f.value
		}
	}
	return e, nil
}

func (e *envelope) parseTypeMeta(m []byte) bool {
	for at := 0; at < len(m); {
		f, ok := nextField(m, at)
		if !ok {
			return false
		}
		at = f.end
		switch m[f.start] {
		case tagTypeMetaAPIVersion:
			e.apiVersion = f.value
		case tagTypeMetaKind:
			e.kind = f.value
		}
	}
	return true
}

// apiVersionSize is the length of group/version.
func apiVersionSize(gvk schema.GroupVersionKind) int {
	if gvk.Group == "" {
		return len(gvk.Version)
	}
	return len(gvk.Group) + 1 + len(gvk.Version)
}

func appendAPIVersion(dst []byte, gvk schema.GroupVersionKind) []byte {
	if gvk.Group != "" {
		dst = append(append(dst, gvk.Group...), '/')
	}
	return append(dst, gvk.Version...)
}

// envelopeSize is the size of the protobuf form around raw bytes.
func envelopeSize(gvk schema.GroupVersionKind, raw int) int {
	typeMeta := fieldSize(apiVersionSize(gvk)) + fieldSize(len(gvk.Kind))
	return len(magic) + fieldSize(typeMeta) + fieldSize(raw) + envelopeTailSize
}

// appendEnvelopeHead appends everything up to the raw bytes, which follow.
func appendEnvelopeHead(dst []byte, gvk schema.GroupVersionKind, raw int) []byte {
	n := apiVersionSize(gvk)
	dst = append(dst, magic...)
	dst = appendField(dst, tagUnknownTypeMeta, fieldSize(n)+fieldSize(len(gvk.Kind)))
	dst = appendAPIVersion(appendField(dst, tagTypeMetaAPIVersion, n), gvk)
	dst = appendString(dst, tagTypeMetaKind, gvk.Kind)
	return appendField(dst, tagUnknownRaw, raw)
}

// The empty contentEncoding and contentType that follow the raw bytes.
const envelopeTailSize = 4

func appendEnvelopeTail(dst []byte) []byte {
	return append(dst, tagUnknownEncoding, 0, tagUnknownContentType, 0)
}
