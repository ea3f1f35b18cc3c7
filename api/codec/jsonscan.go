package codec

import "bytes"

// A cursor walks over JSON text by its structure: strings are skipped by their
// quotes, values by their brackets, so that nothing inside a string is ever
// taken for structure. It accepts every JSON text and some that is none; what
// it accepts it never leaves: all positions are within the text.
type cursor struct {
	b  []byte
	at int
}

// space skips white space.
func (c *cursor) space() {
	for c.at < len(c.b) {
		switch c.b[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// take skips white space and the byte want; false when another byte is there.
func (c *cursor) take(want byte) bool {
	c.space()
	if c.at < len(c.b) && c.b[c.at] == want {
		c.at++
		return true
	}
	return false
}

// str reads a string and returns what is between its quotes, escapes and all.
func (c *cursor) str() ([]byte, bool) {
	if !c.take('"') {
		return nil, false
	}
	start := c.at
	if !c.closeString() {
		return nil, false
	}
	return c.b[start : c.at-1], true
}

// closeString skips to behind the quote that ends the string the cursor is in.
func (c *cursor) closeString() bool {
	for {
		i := bytes.IndexByte(c.b[c.at:], '"')
		if i < 0 {
			return false
		}
		end := c.at + i
		slashes := 0
		for end-slashes > c.at && c.b[end-slashes-1] == '\\' {
			slashes++
		}
		c.at = end + 1
		if slashes%2 == 0 {
			return true
		}
	}
}

// skip skips one value.
func (c *cursor) skip() bool {
	c.space()
	if c.at == len(c.b) {
		return false
	}
	switch c.b[c.at] {
	case '"':
		c.at++
		return c.closeString()
	case '{', '[':
		return c.skipNested()
	}
	start := c.at
	for c.at < len(c.b) {
		switch c.b[c.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return c.at > start
		}
		c.at++
	}
	return c.at > start
}

// skipNested skips an object or array.
func (c *cursor) skipNested() bool {
	depth := 0
	for c.at < len(c.b) {
		ch := c.b[c.at]
		c.at++
		switch ch {
		case '"':
			if !c.closeString() {
				return false
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}

// key reads the next key of an object the cursor is in, and its colon. first
// says that no member was read yet. It returns nil and true at the object's end.
func (c *cursor) key(first bool) (key []byte, ok bool) {
	if c.take('}') {
		return nil, true
	}
	if !first && !c.take(',') {
		return nil, false
	}
	key, ok = c.str()
	if !ok || !c.take(':') {
		return nil, false
	}
	if key == nil {
		key = []byte{}
	}
	return key, true
}
