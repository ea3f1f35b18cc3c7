package codec

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/api/codec/typedjson"
)

// AppendJSON appends the JSON wire form of obj under the kind gvk: kind and
// apiVersion first, whatever the object's own say, then its fields as encoding/json
// writes them; no newline. An unstructured object is written as it is. obj is
// only read.
func AppendJSON(dst []byte, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	if u, ok := obj.(runtime.Unstructured); ok {
		return appendValue(dst, u)
	}
	own := obj.GetObjectKind().GroupVersionKind()
	if own == gvk {
		return appendValue(dst, obj)
	}
	out := appendJSONHead(dst, gvk)
	at := len(out)
	out, err := appendValue(out, obj)
	if err != nil {
		return dst, err
	}
	rest, ok := cutTypeMeta(out[at:], own)
	if !ok {
		return dst, fmt.Errorf("encode %s: not a JSON object that begins with its kind", gvk.Kind)
	}
	if rest[0] == '}' {
		at-- // the head's comma
	}
	return append(out[:at], rest...), nil
}

// cutTypeMeta returns what follows the opening brace of form and the kind and
// apiVersion that the object itself has written.
func cutTypeMeta(form []byte, own schema.GroupVersionKind) ([]byte, bool) {
	c := cursor{b: form}
	if !c.take('{') {
		return nil, false
	}
	if own.Kind == "" && own.Version == "" && own.Group == "" {
		return form[c.at:], c.at < len(form)
	}
	for first := true; ; first = false {
		rest := c
		key, ok := c.key(first)
		if !ok {
			return nil, false
		}
		if key == nil || string(key) != "kind" && string(key) != "apiVersion" {
			if first {
				return form[rest.at:], rest.at < len(form)
			}
			return rest.members()
		}
		if !c.skip() {
			return nil, false
		}
	}
}

// EncodeJSON is AppendJSON into a buffer of its own.
func EncodeJSON(obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	return AppendJSON(nil, obj, gvk)
}

// appendJSONHead appends {"kind":"Pod","apiVersion":"v1",
func appendJSONHead(dst []byte, gvk schema.GroupVersionKind) []byte {
	dst = appendQuoted(append(dst, `{"kind":`...), gvk.Kind)
	dst = append(dst, `,"apiVersion":"`...)
	if gvk.Group != "" {
		dst = appendEscaped(dst, gvk.Group)
		dst = append(dst, '/')
	}
	dst = appendEscaped(dst, gvk.Version)
	return append(dst, '"', ',')
}

func appendValue(dst []byte, v any) ([]byte, error) {
	dst, err := typedjson.Append(dst, v)
	if err != nil {
		return dst, fmt.Errorf("encode %T: %w", v, err)
	}
	return dst, nil
}

func appendQuoted(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends s as the inside of a JSON string. Kinds, group names,
// event types and continue tokens need no escape; what does takes the long way.
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			q, err := json.Marshal(s)
			if err != nil {
				return dst // strings always have a JSON form
			}
			return append(dst, q[1:len(q)-1]...)
		}
	}
	return append(dst, s...)
}

// AppendYAML appends a JSON wire form as YAML, keys in alphabetical order.
func AppendYAML(dst, wire []byte) ([]byte, error) {
	y, err := yaml.JSONToYAML(wire)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return append(dst, y...), nil
}
