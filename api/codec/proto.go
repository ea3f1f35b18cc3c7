package codec

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var (
	// ErrMalformed is returned when bytes that should be a stored or wire form
	// are not one.
	ErrMalformed = errors.New("malformed object encoding")
	// ErrNoMetadata is returned when a form has no object metadata to splice.
	ErrNoMetadata = errors.New("object encoding has no metadata")
	// ErrNotProtobuf is returned when an object's Go type has no protobuf form
	// (custom resources).
	ErrNotProtobuf = errors.New("object has no protobuf form")
)

// Wire types of protobuf.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// Tags of the messages that are put together here by hand. All fields are
// length-delimited and have numbers below 16, so that a tag is one byte.
const (
	tagUnknownTypeMeta     = 1<<3 | wireBytes
	tagUnknownRaw          = 2<<3 | wireBytes
	tagUnknownEncoding     = 3<<3 | wireBytes
	tagUnknownContentType  = 4<<3 | wireBytes
	tagTypeMetaAPIVersion  = 1<<3 | wireBytes
	tagTypeMetaKind        = 2<<3 | wireBytes
	tagObjectMeta          = 1<<3 | wireBytes // of every kind
	tagMetaResourceVersion = 6<<3 | wireBytes
	tagListMeta            = 1<<3 | wireBytes
	tagListItem            = 2<<3 | wireBytes
	tagWatchType           = 1<<3 | wireBytes
	tagWatchObject         = 2<<3 | wireBytes
	tagRawExtensionRaw     = 1<<3 | wireBytes
)

// varintSize is the number of bytes of v as a varint.
func varintSize(v int) int { return (bits.Len64(uint64(v)|1) + 6) / 7 }

// fieldSize is the size of a length-delimited field with a one-byte tag.
func fieldSize(n int) int { return 1 + varintSize(n) + n }

// appendField appends tag and length of a length-delimited field of n bytes.
func appendField(dst []byte, tag byte, n int) []byte {
	return binary.AppendUvarint(append(dst, tag), uint64(n))
}

func appendString(dst []byte, tag byte, s string) []byte {
	return append(appendField(dst, tag, len(s)), s...)
}

// A field is one field of a protobuf message: number, wire type, and where it
// lies in the message. value is set for length-delimited ones only.
type field struct {
	number     int
	wire       int
	start, end int
	value      []byte
}

// nextField reads the field that starts at m[at]. at must be below len(m).
func nextField(m []byte, at int) (field, bool) {
	f := field{start: at}
	tag, n := uvarint(m[at:])
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, false
	}
	f.number, f.wire = int(tag>>3), int(tag&7)
	at += n
	switch f.wire {
	case wireVarint:
		_, n := uvarint(m[at:])
		if n <= 0 {
			return f, false
		}
		f.end = at + n
	case wire64:
		f.end = at + 8
	case wire32:
		f.end = at + 4
	case wireBytes:
		size, n := uvarint(m[at:])
		if n <= 0 || size > uint64(len(m)-at-n) {
			return f, false
		}
		f.end = at + n + int(size)
		f.value = m[at+n : f.end : f.end]
	default: // groups: no kind has them
		return f, false
	}
	return f, f.end <= len(m)
}

// uvarint is binary.Uvarint with a short way for one byte.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
