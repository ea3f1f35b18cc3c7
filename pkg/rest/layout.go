package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/binnacle-io/binnacle/api/codec"
)

// A list for a person, in YAML or indented, is laid out member by member. Made
// from the whole, YAML would take some hundred and fifty times the memory of the
// list.

// laidOut reports whether the answer is for a person.
func (c *call) laidOut() bool { return c.accept.medium == mediumYAML || c.accept.pretty }

// layOut writes a list from its JSON: head is what comes before the first
// member, up to the bracket that opens the list under key. none is what stands
// there instead when there are no members: "[]" or "null".
func (c *call) layOut(ctx context.Context, head []byte, key, none string, members iter.Seq2[[]byte, error]) error {
	out := c.stream()
	defer out.release()
	l := layoutOf(c.accept.medium)
	before, after, err := l.frame(head, key)
	if err != nil {
		return err
	}
	out.buf = append(out.buf, before...)
	n := 0
	for wire, err := range members {
		if err != nil {
			return err
		}
		if out.buf, err = l.member(out.buf, wire, n == 0); err != nil {
			return err
		}
		n++
		if err := out.full(ctx); err != nil {
			return err
		}
	}
	out.buf = l.end(out.buf, none, n)
	out.buf = append(out.buf, after...)
	return out.end()
}

// layout is how the members of a list are set.
type layout interface {
	// frame takes a document apart that has no members yet: before ends with the
	// colon of the key.
	frame(head []byte, key string) (before, after []byte, err error)
	member(dst, wire []byte, first bool) ([]byte, error)
	// end closes a list of n members.
	end(dst []byte, none string, n int) []byte
}

func layoutOf(m medium) layout {
	if m == mediumYAML {
		return yamlLayout{}
	}
	return &indentedLayout{}
}

var errNoList = errors.New("the list is not where it should be")

// indentedLayout is JSON with two spaces per level and no newline at its end.
type indentedLayout struct{ scratch bytes.Buffer }

func (l *indentedLayout) frame(head []byte, _ string) (before, after []byte, err error) {
	whole := indent(append(bytes.Clone(head), "]}"...))
	before, ok := bytes.CutSuffix(whole, []byte("[]\n}"))
	if !ok {
		return nil, nil, errNoList
	}
	return before, []byte("\n}"), nil
}

func (l *indentedLayout) member(dst, wire []byte, first bool) ([]byte, error) {
	l.scratch.Reset()
	if err := json.Indent(&l.scratch, wire, "    ", "  "); err != nil {
		return dst, err
	}
	if first {
		dst = append(dst, "[\n    "...)
	} else {
		dst = append(dst, ",\n    "...)
	}
	return append(dst, l.scratch.Bytes()...), nil
}

func (l *indentedLayout) end(dst []byte, none string, n int) []byte {
	if n == 0 {
		return append(dst, none...)
	}
	return append(dst, "\n  ]"...)
}

// yamlLayout is block YAML with sorted keys.
type yamlLayout struct{}

func (yamlLayout) frame(head []byte, key string) (before, after []byte, err error) {
	whole, err := codec.AppendYAML([]byte("\n"), append(bytes.Clone(head), "]}"...))
	if err != nil {
		return nil, nil, err
	}
	// Only keys of the document itself begin a line.
	before, after, ok := bytes.Cut(whole, []byte("\n"+key+": []\n"))
	if !ok {
		return nil, nil, errNoList
	}
	before = append(bytes.Clone(before), "\n"+key+":"...)
	return before[1:], after, nil
}

// member sets an item of a block sequence: its lines, moved to the right.
func (yamlLayout) member(dst, wire []byte, first bool) ([]byte, error) {
	if first {
		dst = append(dst, '\n')
	}
	text, err := codec.AppendYAML(nil, wire)
	if err != nil {
		return dst, err
	}
	lead := "- "
	for line := range bytes.Lines(text) {
		if len(line) > 1 {
			dst = append(dst, lead...)
		}
		dst = append(dst, line...)
		lead = "  "
	}
	return dst, nil
}

func (yamlLayout) end(dst []byte, none string, n int) []byte {
	if n > 0 {
		return dst
	}
	return append(append(append(dst, ' '), none...), '\n')
}
