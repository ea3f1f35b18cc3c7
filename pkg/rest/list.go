package rest

import (
	"bytes"
	"context"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	listscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	listvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// chunkSize is how much of a list is written at once. Large writes cost the
// HTTP/2 server about half of what its default of 4 KiB does.
const chunkSize = 256 << 10

// gzipAbove is the size from which an answer is compressed for clients that take
// gzip, as in kube-apiserver.
const gzipAbove = 128 << 10

func (c *call) get(ctx context.Context) error {
	if len(c.query["export"]) > 0 {
		return apierrors.NewBadRequest("the export parameter, deprecated since v1.14, is no longer supported")
	}
	o, err := c.Registry.Get(ctx, c.ep, c.target.namespace, c.target.name, first(c.query, "resourceVersion"))
	if err != nil {
		return err
	}
	return c.object(http.StatusOK, cachedItem(c.ep, o))
}

// listOptions reads and checks the options of a list or watch.
func (c *call) listOptions(watch bool) (*internalversion.ListOptions, error) {
	opts := &internalversion.ListOptions{}
	if len(c.query) == 0 && !watch {
		return opts, nil
	}
	if err := listscheme.ParameterCodec.DecodeParameters(c.query, metav1.SchemeGroupVersion, opts); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	opts.Watch = watch
	if watch {
		internalversion.SetListOptionsDefaults(opts, true)
	}
	if errs := listvalidation.ValidateListOptions(opts, true); len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	return opts, nil
}

func (c *call) list(ctx context.Context) error {
	opts, err := c.listOptions(false)
	if err != nil {
		return err
	}
	l, err := c.Registry.List(ctx, c.ep, c.target.namespace, opts)
	if err != nil {
		return err
	}
	return c.writeList(ctx, l)
}

// listKind is the kind of a list of the endpoint's objects.
func listKind(gvk schema.GroupVersionKind) schema.GroupVersionKind {
	gvk.Kind += "List"
	return gvk
}

func listMeta(l *registry.List) *metav1.ListMeta {
	return &metav1.ListMeta{ResourceVersion: strconv.FormatInt(l.Revision, 10), Continue: l.Continue, RemainingItemCount: l.Remaining}
}

func (c *call) writeList(ctx context.Context, l *registry.List) error {
	meta := listMeta(l)
	switch n := c.accept; {
	case n.shape == shapePartial:
		return notAcceptable("you requested PartialObjectMetadata, but the requested object is a list ("+listKind(c.ep.GVK).Kind+")", nil)
	case n.shape == shapeTable:
		return c.writeTable(ctx, meta, l)
	case n.medium == mediumProtobuf:
		return c.writeProtobufList(ctx, meta, l)
	}
	return c.writeJSONList(ctx, meta, l)
}

// writeJSONList streams a list in JSON or YAML.
func (c *call) writeJSONList(ctx context.Context, meta *metav1.ListMeta, l *registry.List) error {
	gvk := listKind(c.ep.GVK)
	partial := c.accept.shape == shapePartialList
	if partial {
		gvk = schema.GroupVersionKind{Group: metav1.GroupName, Version: c.accept.version, Kind: "PartialObjectMetadataList"}
	}
	if c.laidOut() {
		none := "[]"
		if partial {
			none = "null"
		}
		return c.layOut(ctx, codec.AppendJSONListHead(nil, gvk, meta), "items", none, c.members(partial, l))
	}
	out := c.stream()
	defer out.release()
	out.buf = codec.AppendJSONListHead(out.buf, gvk, meta)
	comma := false
	for o := range l.Items {
		if comma {
			out.buf = append(out.buf, ',')
		}
		comma = true
		it := cachedItem(c.ep, o)
		wire, err := it.listItem(partial, c.accept.version)
		if err != nil {
			return err
		}
		if partial {
			out.buf = append(out.buf, wire...)
		} else if out.buf, err = codec.AppendJSONItem(out.buf, wire, codec.Keep); err != nil {
			return err
		}
		if err := out.full(ctx); err != nil {
			return err
		}
	}
	if partial && !comma { // kube-apiserver writes the empty list of metadata so
		out.buf = append(bytes.TrimSuffix(out.buf, []byte("[")), "null}\n"...)
		return out.end()
	}
	out.buf = append(codec.AppendJSONListTail(out.buf), '\n')
	return out.end()
}

// members yields the items of a list as they stand in JSON.
func (c *call) members(partial bool, l *registry.List) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for o := range l.Items {
			it := cachedItem(c.ep, o)
			wire, err := it.listItem(partial, c.accept.version)
			if err == nil && !partial {
				wire, err = codec.AppendJSONItem(nil, wire, codec.Keep)
			}
			if !yield(wire, err) {
				return
			}
		}
	}
}

func (it *item) listItem(partial bool, version string) ([]byte, error) {
	if partial {
		return it.partialJSON(version)
	}
	return it.json()
}

// writeProtobufList needs every item's size before the first byte, and so goes
// over the items twice. The protobuf forms that have to be made are remembered
// in between.
func (c *call) writeProtobufList(ctx context.Context, meta *metav1.ListMeta, l *registry.List) error {
	gvk := listKind(c.ep.GVK)
	partial := c.accept.shape == shapePartialList
	if partial {
		gvk = schema.GroupVersionKind{Group: metav1.GroupName, Version: c.accept.version, Kind: "PartialObjectMetadataList"}
	}
	part := func(o *watchcache.Object) (codec.Proto, error) {
		it := cachedItem(c.ep, o)
		p, err := it.proto()
		if partial && err == nil {
			p = p.Metadata()
		}
		return p, err
	}
	size := 0
	for o := range l.Items {
		p, err := part(o)
		if err != nil {
			return err
		}
		size += p.ItemSize()
	}
	out := c.stream()
	defer out.release()
	var err error
	if out.buf, err = codec.AppendProtobufListHead(out.buf, gvk, meta, size); err != nil {
		return err
	}
	for o := range l.Items {
		p, err := part(o)
		if err != nil {
			return err
		}
		out.buf = p.AppendItem(out.buf)
		if err := out.full(ctx); err != nil {
			return err
		}
	}
	out.buf = codec.AppendProtobufListTail(out.buf)
	return out.end()
}

// stream is an answer written in chunks.
type stream struct {
	c     *call
	buf   []byte
	held  *[]byte // where buf goes back to
	gz    *gzip.Writer
	begun bool
}

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize+(16<<10)); return &b }}

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil { // the level is a constant
		panic(err)
	}
	return w
}}

func (c *call) stream() *stream {
	b := chunks.Get().(*[]byte)
	return &stream{c: c, buf: (*b)[:0], held: b}
}

// maxChunk is the largest buffer that is kept for the next answer.
const maxChunk = 1 << 20

func (s *stream) release() {
	if s.gz != nil {
		s.gz.Reset(nil)
		gzips.Put(s.gz)
	}
	if cap(s.buf) <= maxChunk {
		*s.held = s.buf[:0]
		chunks.Put(s.held)
	}
}

// full writes the buffer out when it is.
func (s *stream) full(ctx context.Context) error {
	if len(s.buf) < chunkSize {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) flush() error {
	if !s.begun {
		s.begin()
	}
	var err error
	if s.gz != nil {
		_, err = s.gz.Write(s.buf)
	} else {
		_, err = s.c.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
	if err != nil { // the client has gone
		return context.Canceled
	}
	return nil
}

func (s *stream) begin() {
	s.begun = true
	s.c.sendWarnings()
	h := s.c.w.Header()
	h["Content-Type"] = contentTypes[s.c.accept.medium]
	if len(s.buf) > gzipAbove && acceptsGzip(s.c.r) {
		h["Content-Encoding"] = []string{"gzip"}
		h.Add("Vary", "Accept-Encoding")
		s.gz = gzips.Get().(*gzip.Writer)
		s.gz.Reset(s.c.w)
	}
	s.c.w.WriteHeader(http.StatusOK)
}

// end writes what is left.
func (s *stream) end() error {
	if !s.begun && len(s.buf) <= gzipAbove {
		s.c.w.Header()["Content-Length"] = []string{strconv.Itoa(len(s.buf))}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.gz != nil {
		if err := s.gz.Close(); err != nil {
			return context.Canceled
		}
	}
	return nil
}

func acceptsGzip(r *http.Request) bool {
	for _, v := range r.Header["Accept-Encoding"] {
		for _, e := range strings.Split(v, ",") {
			if e, q, _ := strings.Cut(strings.TrimSpace(e), ";"); e == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}
