package rest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// A row of a table is remembered like any other form, except that it must not
// grow old: the places where an age stands are kept apart from the text. A row
// form is
//
//	uvarint  number of ages
//	per age: uvarint bytes of text before it since the last one, varint Unix seconds
//	text
//
// and what goes out is the text with the ages written in.

// defaultColumns are those of a kind without columns of its own.
var defaultColumns = []registry.Column{
	{Name: "Name", Type: "string", Format: "name", Description: "Name must be unique within a namespace."},
	{Name: "Created At", Type: "date", Description: "CreationTimestamp is a timestamp representing the server time when this object was created."},
}

func defaultCells(o registry.Object) []any {
	return []any{o.GetName(), o.GetCreationTimestamp().UTC().Format(time.RFC3339)}
}

func columnsOf(ep *registry.Endpoint) ([]registry.Column, func(registry.Object) []any) {
	columns, cells := ep.ColumnsAndCells()
	if columns == nil || cells == nil {
		return defaultColumns, defaultCells
	}
	return columns, cells
}

// rowForm says what of each object a row carries.
func (c *call) rowForm() (int, error) {
	beta := c.accept.version == "v1beta1"
	switch include := first(c.query, "includeObject"); include {
	case "", string(metav1.IncludeMetadata):
		if beta {
			return formRowBeta, nil
		}
		return formRowV1, nil
	case string(metav1.IncludeObject):
		return formRowObject, nil
	case string(metav1.IncludeNone):
		return formRowNone, nil
	default:
		return 0, apierrors.NewBadRequest(fmt.Sprintf("Unable to convert to Table as requested: includeObject: Invalid value: %q: must be 'Metadata', 'Object', 'None', or empty", include))
	}
}

// tableOf answers with a table of one object.
func (c *call) tableOf(code int, it item) error {
	form, err := c.rowForm()
	if err != nil {
		return err
	}
	meta := &metav1.ListMeta{}
	if it.revision > 0 {
		meta.ResourceVersion = strconv.FormatInt(it.revision, 10)
	}
	body := c.tableHead(nil, meta, true)
	if body, err = it.appendRow(body, form, c.accept.version, c.Now()); err != nil {
		return err
	}
	body = append(body, "]}"...)
	if body, err = finish(c.accept.medium, body); err != nil {
		return err
	}
	if c.accept.pretty {
		body = indent(body)
	}
	c.send(code, c.accept.medium, body)
	return nil
}

// writeTable streams a list as a table.
func (c *call) writeTable(ctx context.Context, meta *metav1.ListMeta, l *registry.List) error {
	form, err := c.rowForm()
	if err != nil {
		return err
	}
	now := c.Now()
	if c.laidOut() {
		return c.layOut(ctx, c.tableHead(nil, meta, true), "rows", "[]", func(yield func([]byte, error) bool) {
			for o := range l.Items {
				it := cachedItem(c.ep, o)
				if row, err := it.appendRow(nil, form, c.accept.version, now); !yield(row, err) {
					return
				}
			}
		})
	}
	out := c.stream()
	defer out.release()
	out.buf = c.tableHead(out.buf, meta, true)
	comma := false
	for o := range l.Items {
		if comma {
			out.buf = append(out.buf, ',')
		}
		comma = true
		it := cachedItem(c.ep, o)
		if out.buf, err = it.appendRow(out.buf, form, c.accept.version, now); err != nil {
			return err
		}
		if err := out.full(ctx); err != nil {
			return err
		}
	}
	out.buf = append(out.buf, "]}\n"...)
	return out.end()
}

// tableHead appends a table up to its first row.
func (c *call) tableHead(dst []byte, meta *metav1.ListMeta, columns bool) []byte {
	defs, _ := columnsOf(c.ep)
	if !columns {
		defs = nil
	}
	return c.tableHeadOf(dst, meta, defs)
}

// tableHeadOf is tableHead with columns of its own, nil for none.
func (c *call) tableHeadOf(dst []byte, meta *metav1.ListMeta, defs []registry.Column) []byte {
	gvk := schema.GroupVersionKind{Group: metav1.GroupName, Version: c.accept.version, Kind: "Table"}
	dst = append(dst, `{"kind":"Table","apiVersion":"`...)
	dst = append(dst, gvk.GroupVersion().String()...)
	dst = append(dst, `","metadata":`...)
	dst = appendJSON(dst, meta)
	dst = append(dst, `,"columnDefinitions":`...)
	if defs != nil {
		out := make([]metav1.TableColumnDefinition, len(defs))
		for i, d := range defs {
			out[i] = metav1.TableColumnDefinition{Name: d.Name, Type: d.Type, Format: d.Format, Description: d.Description, Priority: d.Priority}
		}
		dst = appendJSON(dst, out)
	} else {
		dst = append(dst, "null"...)
	}
	return append(dst, `,"rows":[`...)
}

// appendJSON appends what always has a JSON form.
func appendJSON(dst []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(dst, b...)
}

// appendRow appends a row with its ages as of now.
func (it *item) appendRow(dst []byte, form int, version string, now time.Time) ([]byte, error) {
	row, err := it.form(form, func() ([]byte, error) { return it.makeRow(form, version) })
	if err != nil {
		return nil, err
	}
	n, used := binary.Uvarint(row)
	ages := row[used:]
	text := ages
	for range n {
		_, a := binary.Uvarint(text)
		_, b := binary.Varint(text[a:])
		text = text[a+b:]
	}
	for range n {
		before, a := binary.Uvarint(ages)
		unix, b := binary.Varint(ages[a:])
		ages = ages[a+b:]
		dst = append(dst, text[:before]...)
		text = text[before:]
		dst = append(dst, duration.HumanDuration(now.Sub(time.Unix(unix, 0)))...)
	}
	return append(dst, text...), nil
}

// makeRow makes the form of a row.
func (it *item) makeRow(form int, version string) ([]byte, error) {
	obj, err := it.typed()
	if err != nil {
		return nil, err
	}
	_, cells := columnsOf(it.ep)
	var r rowMaker
	r.text = append(r.text, `{"cells":[`...)
	for i, cell := range cells(obj) {
		if i > 0 {
			r.text = append(r.text, ',')
		}
		r.cell(cell)
	}
	r.text = append(r.text, ']')
	if it.ep.RowConditions != nil {
		if conditions := it.ep.RowConditions(obj); len(conditions) > 0 {
			r.text = appendJSON(append(r.text, `,"conditions":`...), conditions)
		}
	}
	r.text = append(r.text, `,"object":`...)
	object := []byte("null")
	switch form {
	case formRowV1, formRowBeta:
		object, err = it.partialJSON(version)
	case formRowObject:
		object, err = it.json()
	}
	if err != nil {
		return nil, err
	}
	r.text = append(append(r.text, object...), '}')
	out := binary.AppendUvarint(make([]byte, 0, len(r.ages)+len(r.text)+binary.MaxVarintLen64), r.n)
	out = append(out, r.ages...)
	return append(out, r.text...), nil
}

// rowMaker collects the text and the ages of a row.
type rowMaker struct {
	text, ages []byte
	n          uint64
	last       int // end of the text before the last age
}

func (r *rowMaker) cell(v any) {
	switch v := v.(type) {
	case registry.Age:
		r.aged("", v.Time, "")
	case registry.AgeText:
		r.aged(v.Before, v.Time, v.After)
	default:
		r.text = appendJSON(r.text, v)
	}
}

// aged writes a string around an age.
func (r *rowMaker) aged(before string, t metav1.Time, after string) {
	if t.IsZero() {
		r.text = appendJSON(r.text, before+"<unknown>"+after)
		return
	}
	b := appendJSON(nil, before)
	r.text = append(r.text, b[:len(b)-1]...) // without the closing quote
	r.ages = binary.AppendUvarint(r.ages, uint64(len(r.text)-r.last))
	r.ages = binary.AppendVarint(r.ages, t.Unix())
	r.last = len(r.text)
	r.n++
	a := appendJSON(nil, after)
	r.text = append(r.text, a[1:]...) // without the opening quote
}

// tableOfObjects answers deletecollection in table form.
func (c *call) tableOfObjects(meta *metav1.ListMeta, objs []registry.Object) error {
	form, err := c.rowForm()
	if err != nil {
		return err
	}
	body := c.tableHead(nil, meta, true)
	for i, o := range objs {
		if i > 0 {
			body = append(body, ',')
		}
		it := item{ep: c.ep, object: o}
		if body, err = it.appendRow(body, form, c.accept.version, c.Now()); err != nil {
			return err
		}
	}
	if body, err = finish(c.accept.medium, append(body, "]}"...)); err != nil {
		return err
	}
	c.send(http.StatusOK, c.accept.medium, body)
	return nil
}
