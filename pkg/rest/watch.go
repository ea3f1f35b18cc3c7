package rest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// watch serves a watch: it moves a cursor until the client goes, the time is up
// or the server stops.
func (c *call) watch(ctx context.Context) error {
	if c.Stopping.Err() != nil {
		// A watch that ended with the server is begun anew at once. Were this
		// one to end at once as well, client-go would list everything again;
		// told to wait it goes on where it was when there is a server again.
		return apierrors.NewTooManyRequests("the server is stopping; watch again in a moment", 1)
	}
	opts, err := c.listOptions(true)
	if err != nil {
		return err
	}
	if c.accept.shape == shapePartialList {
		c.accept.shape = shapePartial
	}
	form := 0
	if c.accept.shape == shapeTable {
		if form, err = c.rowForm(); err != nil {
			return err
		}
	}
	w, err := c.Registry.Watch(ctx, c.ep, c.target.namespace, opts)
	var inStream *registry.StreamError
	if err != nil && !errors.As(err, &inStream) {
		return err
	}
	if w != nil {
		defer w.Close()
	}
	s := &watchStream{c: c, watch: w, rowForm: form, flusher: http.NewResponseController(c.w), bookmarks: opts.AllowWatchBookmarks}
	c.Observer.Watching(c.target.gv.Group, c.target.gv.Version, c.target.resource, 1)
	defer c.Observer.Watching(c.target.gv.Group, c.target.gv.Version, c.target.resource, -1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timeout := watchTimeout(opts.TimeoutSeconds)
	stalled := &ioEnd{conn: s.flusher}
	defer stalled.lift()
	defer context.AfterFunc(c.Stopping, func() {
		cancel()
		stalled.write(stalledGrace)
	})()
	defer time.AfterFunc(timeout+stalledGrace, func() { stalled.write(0) }).Stop()
	s.begin()
	if inStream != nil {
		return s.fail(inStream)
	}
	return s.run(ctx, timeout)
}

// watchTimeout is how long a watch lasts: what the client asks, otherwise a
// random time, so that watches do not end all at once.
func watchTimeout(asked *int64) time.Duration {
	if asked != nil && *asked > 0 {
		return time.Duration(min(*asked, int64((24*time.Hour)/time.Second))) * time.Second
	}
	return minWatchTimeout + rand.N(minWatchTimeout)
}

// watchStream writes the frames of one watch.
type watchStream struct {
	c         *call
	watch     *registry.Watch
	rowForm   int
	flusher   *http.ResponseController
	bookmarks bool
	tableSent bool // the columns went out with the first event
	buf       []byte
}

func (s *watchStream) begin() {
	s.c.sendWarnings()
	h := s.c.w.Header()
	h["Content-Type"] = contentTypes[s.c.accept.medium]
	if s.c.accept.medium == mediumProtobuf {
		h["Content-Type"] = watchProtobuf
	}
	s.c.w.WriteHeader(http.StatusOK)
}

var watchProtobuf = []string{"application/vnd.kubernetes.protobuf;stream=watch"}

func (s *watchStream) run(ctx context.Context, timeout time.Duration) error {
	end := time.Now().Add(timeout)
	if err := s.initial(ctx); err != nil {
		return s.fail(err)
	}
	if err := s.flush(); err != nil {
		return nil
	}
	for {
		// One timer serves the wait until the next bookmark or the end, however
		// many events come in between.
		tick := time.Now().Add(bookmarkEvery)
		if before := end.Add(-2 * time.Second); tick.After(before) && time.Now().Before(before) {
			tick = before
		}
		if tick.After(end) {
			tick = end
		}
		if done, err := s.until(ctx, tick); done {
			return err
		}
		if !time.Now().Before(end) {
			return nil
		}
		if s.bookmarks {
			if err := s.bookmark(s.watch.Revision(), false); err != nil {
				return s.fail(err)
			}
			if err := s.flush(); err != nil {
				return nil
			}
		}
	}
}

// until sends events as they come until the moment tick. done: the watch ends.
func (s *watchStream) until(ctx context.Context, tick time.Time) (done bool, err error) {
	wait, cancel := context.WithDeadline(ctx, tick)
	defer cancel()
	for {
		events, err := s.watch.Next(wait)
		for i := range events {
			if err := s.event(&events[i]); err != nil {
				return true, s.fail(err)
			}
			if len(s.buf) < chunkSize {
				continue
			}
			if err := s.flush(); err != nil {
				return true, nil
			}
		}
		if len(events) > 0 {
			if err := s.flush(); err != nil {
				return true, nil
			}
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return true, nil
		case wait.Err() != nil:
			return false, nil
		default:
			return true, s.fail(err)
		}
	}
}

// flush sends what was written. An error means that the client has gone.
func (s *watchStream) flush() error {
	if len(s.buf) > 0 {
		_, err := s.c.w.Write(s.buf)
		s.buf = s.buf[:0]
		if cap(s.buf) > maxChunk {
			s.buf = nil
		}
		if err != nil {
			return err
		}
	}
	return s.flusher.Flush()
}

// initial sends the objects that exist, and the bookmark behind them.
func (s *watchStream) initial(ctx context.Context) error {
	if s.watch.Initial == nil {
		return nil
	}
	for o := range s.watch.Initial {
		if err := s.frame(watchcache.Added, o, o.Revision(), nil); err != nil {
			return err
		}
		if len(s.buf) >= chunkSize {
			if err := s.flush(); err != nil {
				return context.Canceled
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	s.watch.Initial = nil // it holds a snapshot, which a long watch must not
	if s.watch.Bookmark {
		return s.bookmark(s.watch.InitialRevision, true)
	}
	return nil
}

func (s *watchStream) event(e *watchcache.Event) error {
	return s.frame(e.Type, e.Object, e.Revision, e.Forms)
}

var eventNames = map[watchcache.EventType]string{watchcache.Added: "ADDED", watchcache.Modified: "MODIFIED", watchcache.Deleted: "DELETED"}

// frame appends the frame of one event. forms, if there are any, are shared by
// all watchers that see the event in the same way.
func (s *watchStream) frame(t watchcache.EventType, o *watchcache.Object, revision int64, forms *watchcache.Forms) error {
	form, shared := s.frameForm()
	if forms == nil || !shared {
		var err error
		s.buf, err = s.appendFrame(s.buf, eventNames[t], o, revision)
		return err
	}
	b, err := forms.Get(formOf(s.c.ep, form), func() ([]byte, error) {
		return s.appendFrame(nil, eventNames[t], o, revision)
	})
	if err != nil {
		return err
	}
	if len(s.buf) > 0 || len(b) < 4<<10 {
		s.buf = append(s.buf, b...)
		return nil
	}
	_, err = s.c.w.Write(b)
	return err
}

// frameForm is the form under which a frame is remembered; tables carry ages
// and are not.
func (s *watchStream) frameForm() (form int, shared bool) {
	switch n := s.c.accept; {
	case n.shape == shapeTable, n.pretty:
		return 0, false
	case n.shape == shapePartial && n.medium == mediumProtobuf:
		return 0, false
	case n.shape == shapePartial:
		return formFramePartialV1 + partialForm(n.version) - formPartialV1, true
	case n.medium == mediumProtobuf:
		return formFrameProtobuf, true
	}
	return formFrameJSON, true
}

func (s *watchStream) appendFrame(dst []byte, name string, o *watchcache.Object, revision int64) ([]byte, error) {
	it := cachedItem(s.c.ep, o)
	n := s.c.accept
	switch {
	case n.shape == shapeTable:
		return s.appendTable(dst, name, &it, revision)
	case n.medium == mediumProtobuf:
		it.revision = revision
		p, err := it.proto()
		if err != nil {
			return dst, err
		}
		gvk := s.c.ep.GVK
		if n.shape == shapePartial {
			p, gvk = p.Metadata(), codec.PartialObjectMetadata(n.version)
		}
		return p.AppendFrame(dst, name, gvk), nil
	}
	wire, err := it.listItem(n.shape == shapePartial, n.version)
	if err != nil {
		return dst, err
	}
	dst, err = codec.AppendJSONFrame(dst, name, wire, revision)
	return dst, err
}

// appendTable appends a table of one row. Only the first has columns.
func (s *watchStream) appendTable(dst []byte, name string, it *item, revision int64) ([]byte, error) {
	dst = append(dst, `{"type":"`+name+`","object":`...)
	meta := &metav1.ListMeta{ResourceVersion: strconv.FormatInt(revision, 10)}
	dst = s.c.tableHead(dst, meta, !s.tableSent)
	s.tableSent = true
	dst, err := it.appendRow(dst, s.rowForm, s.c.accept.version, s.c.Now())
	if err != nil {
		return dst, err
	}
	return append(dst, "]}}\n"...), nil
}

// bookmark tells the client the version that it has reached.
func (s *watchStream) bookmark(revision int64, initialEnd bool) error {
	rv := strconv.FormatInt(revision, 10)
	switch n := s.c.accept; {
	case n.shape == shapeTable:
		return s.tableBookmark(rv, initialEnd)
	case n.shape == shapePartial:
		obj := &metav1.PartialObjectMetadata{}
		codec.SetBookmark(obj, rv, initialEnd)
		return s.typedFrame("BOOKMARK", func(m medium) ([]byte, error) { return encodeAs(m, obj, codec.PartialObjectMetadata(n.version)) })
	}
	obj, err := s.c.ep.NewServed()
	if err != nil {
		return err
	}
	codec.SetBookmark(obj.(metav1.Object), rv, initialEnd)
	return s.typedFrame("BOOKMARK", func(m medium) ([]byte, error) { return encodeAs(m, obj, s.c.ep.GVK) })
}

// tableBookmark is a table whose one row carries the bookmark's annotations.
func (s *watchStream) tableBookmark(rv string, initialEnd bool) error {
	obj := s.c.ep.New()
	codec.SetBookmark(obj, rv, initialEnd)
	it := item{ep: s.c.ep, object: obj}
	revision, err := strconv.ParseInt(rv, 10, 64)
	if err != nil {
		return err
	}
	s.buf, err = s.appendTable(s.buf, "BOOKMARK", &it, revision)
	return err
}

// typedFrame frames an object that is not from the cache.
func (s *watchStream) typedFrame(name string, encode func(medium) ([]byte, error)) error {
	b, err := encode(s.c.accept.medium)
	if err != nil {
		return err
	}
	if s.c.accept.medium == mediumProtobuf {
		s.buf = codec.AppendProtobufFrame(s.buf, name, b)
		return nil
	}
	s.buf, err = codec.AppendJSONFrame(s.buf, name, b[:len(b)-1], codec.Keep)
	return err
}

// fail ends the stream with an ERROR event.
func (s *watchStream) fail(err error) error {
	if s.c.r.Context().Err() != nil {
		return nil
	}
	status := statusOf(err)
	if ferr := s.typedFrame("ERROR", func(m medium) ([]byte, error) { return encodeAs(m, status, statusKind) }); ferr != nil {
		return fmt.Errorf("ending a watch: %w", ferr)
	}
	_ = s.flush() // the stream ends either way
	return nil
}
