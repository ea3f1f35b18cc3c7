package codec

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxDepth is how deep the objects and arrays of a body may be nested. Real
// objects stay below 100 (a CustomResourceDefinition with a pod template in its
// schema); some decoders work at every level on all that is below it, so that
// their time is the body's size times its depth.
const MaxDepth = 512

// CheckDepth returns an error when the JSON text data nests objects and arrays
// deeper than MaxDepth. It does not check the syntax.
func CheckDepth(data []byte) error {
	if s := scanBody(data); s.tooDeep {
		return errTooDeep
	}
	return nil
}

var errTooDeep = fmt.Errorf("json: exceeded max depth of %d", MaxDepth)

// maxWork bounds, for decoders that read at every level all that is below it, the
// bytes they read: the sum of the depths of all bytes. A
// CustomResourceDefinition of 1.5 MB with its bytes 40 levels deep stays below
// half of it.
const maxWork = 128 << 20

var errTooMuchWork = errors.New("json: too deeply nested for its size")

// bodyScan is what a body shows without being decoded.
type bodyScan struct {
	tooDeep bool
	work    int // the sum of the depths of all bytes
	// plain: the body looks like one JSON object whose kind and apiVersion are
	// plain strings, and the only keys that could be read as such. kind and
	// apiVersion are then what every JSON decoder finds. It may still be
	// malformed elsewhere.
	plain            bool
	kind, apiVersion string
}

// scanBody looks through JSON text once. Any text may be given.
func scanBody(data []byte) bodyScan {
	var s bodyScan
	c := cursor{b: data}
	c.space()
	s.plain = c.at < len(data) && data[c.at] == '{'
	depth := 0
	since := 0       // the position up to which work is summed
	wantKey := false // the next string is a key of the outermost object
	kinds, versions := 0, 0
	for c.at < len(data) {
		ch := data[c.at]
		c.at++
		switch ch {
		case '{', '[':
			s.work += (c.at - since) * depth
			since = c.at
			depth++
			if depth > MaxDepth {
				s.tooDeep = true
				return s
			}
			wantKey = depth == 1
		case '}', ']':
			s.work += (c.at - since) * depth
			since = c.at
			depth--
			wantKey = false
		case ',':
			wantKey = depth == 1
		case '"':
			start := c.at
			if !c.closeString() {
				s.plain = false
				return s
			}
			if !wantKey {
				continue
			}
			wantKey = false
			switch key := data[start : c.at-1]; {
			case string(key) == "kind":
				kinds++
				s.kind, s.plain = c.plainMember(s.plain)
			case string(key) == "apiVersion":
				versions++
				s.apiVersion, s.plain = c.plainMember(s.plain)
			case mayFold(key):
				s.plain = false
			}
		}
	}
	s.plain = s.plain && depth == 0 && kinds < 2 && versions < 2
	return s
}

// plainMember reads the value of a key just read: a string without escapes and
// other bytes than ASCII.
func (c *cursor) plainMember(plain bool) (string, bool) {
	if !plain || !c.take(':') {
		return "", false
	}
	value, ok := c.str()
	if !ok || !isPlain(value) {
		return "", false
	}
	return string(value), true
}

func isPlain(s []byte) bool {
	for _, ch := range s {
		if ch < ' ' || ch >= 0x7f || ch == '\\' {
			return false
		}
	}
	return true
}

// mayFold says that a decoder which ignores case or resolves escapes could take
// key for kind or apiVersion.
func mayFold(key []byte) bool {
	return !isPlain(key) || bytes.EqualFold(key, []byte("kind")) || bytes.EqualFold(key, []byte("apiVersion"))
}
