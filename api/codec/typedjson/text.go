package typedjson

import "unicode/utf8"

const hex = "0123456789abcdef"

// verbatim holds the bytes that stand for themselves in a string as encoding/json
// writes it: printable ASCII but quotes, backslashes and what HTML knows.
var verbatim = func() (safe [256]bool) {
	for c := ' '; c <= 0x7f; c++ {
		safe[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return safe
}()

// appendString appends s, quoted as encoding/json quotes it.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if verbatim[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029': // line ends to JavaScript
			dst = append(append(dst, s[start:i]...), `\u202`...)
			dst = append(dst, hex[r&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
}

// text reads a string. The result is valid until the next call of text; shared
// says that it is a part of the input.
func (d *decoder) text() (s []byte, ok bool) {
	d.space()
	if d.at == len(d.b) || d.b[d.at] != '"' {
		return nil, false
	}
	start := d.at + 1
	ascii := true
	for i := start; i < len(d.b); i++ {
		switch c := d.b[i]; {
		case c == '"':
			d.at = i + 1
			s = d.b[start:i]
			return s, ascii || utf8.Valid(s)
		case c == '\\':
			return d.escaped(start, i)
		case c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// escaped goes on with a string that began at start and has its first escape at i.
func (d *decoder) escaped(start, i int) (s []byte, ok bool) {
	buf := append(d.buf[:0], d.b[start:i]...)
	for i < len(d.b) {
		c := d.b[i]
		switch {
		case c == '"':
			d.at, d.buf = i+1, buf
			return buf, utf8.Valid(buf)
		case c < ' ':
			return nil, false
		case c != '\\':
			buf = append(buf, c)
			i++
			continue
		}
		r, size := unescape(d.b[i:])
		if size == 0 {
			return nil, false
		}
		buf = utf8.AppendRune(buf, r)
		i += size
	}
	return nil, false
}

// unescape returns what the escape at the beginning of b stands for, and how long
// it is: 0 for none, and for halves of a rune, which are left to others.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeHex(b)
	default:
		return 0, 0
	}
}

func unescapeHex(b []byte) (rune, int) {
	const size = len(`\u0000`)
	if len(b) < size {
		return 0, 0
	}
	var r rune
	for _, c := range b[2:size] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, 0
		}
	}
	if !utf8.ValidRune(r) {
		return 0, 0
	}
	return r, size
}
