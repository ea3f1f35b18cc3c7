package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// freshnessWait is how long a read waits for a version that is not there yet
// before it answers "Too large resource version", as in kube-apiserver.
const freshnessWait = 3 * time.Second

// Get reads one object. resourceVersion "" reads what was last written, "0"
// whatever is at hand, N something not older than N.
func (g *Registry) Get(ctx context.Context, e *Endpoint, namespace, name, resourceVersion string) (*watchcache.Object, error) {
	rev, err := parseVersion(resourceVersion)
	if err != nil {
		return nil, PlainError(err.Error())
	}
	if resourceVersion == "" {
		if _, err := g.fresh(ctx); err != nil {
			return nil, err
		}
	} else if err := g.notOlderThan(ctx, rev); err != nil {
		return nil, err
	}
	snap, err := e.cache.Snapshot(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	if o := snap.Get(namespace, name); o != nil {
		if why := o.Undecodable(); why != "" {
			return nil, apierrors.NewInternalError(fmt.Errorf("the stored object cannot be read: %s", why))
		}
		return o, nil
	}
	return nil, apierrors.NewNotFound(e.ServedResource(), name)
}

// parseVersion reads a resourceVersion; "" is 0. The error's text is the one
// that kube-apiserver gives.
func parseVersion(s string) (int64, error) {
	if s == "" || s == "0" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, field.Invalid(field.NewPath("resourceVersion"), s, err.Error())
	}
	return int64(min(v, 1<<63-1)), nil
}

// notOlderThan waits until the caches have reached rev.
func (g *Registry) notOlderThan(ctx context.Context, rev int64) error {
	current := g.caches.Revision()
	if rev <= current {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, freshnessWait)
	defer cancel()
	err := g.caches.Wait(wait, rev)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return futureRevision(rev, g.caches.Revision())
	}
	return storeError(err)
}

// List is the answer to a list, not yet encoded.
type List struct {
	// Revision is the version of the list.
	Revision int64
	// Continue is the token of the next page, "" on the last.
	Continue string
	// Remaining is how many items follow this page, nil when not known.
	Remaining *int64
	// Items yields the objects in key order. It may be consumed once or more.
	Items iter.Seq[*watchcache.Object]
}

// List reads the objects of a resource, in namespace or everywhere. The options
// have been validated.
func (g *Registry) List(ctx context.Context, e *Endpoint, namespace string, opts *internalversion.ListOptions) (*List, error) {
	sel, err := e.compile(opts.LabelSelector, opts.FieldSelector)
	if err != nil {
		return nil, err
	}
	if opts.Continue != "" {
		return g.continueList(ctx, e, namespace, sel, opts)
	}
	snap, paged, err := g.listSnapshot(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	limit := opts.Limit
	if !paged || limit < 0 {
		limit = 0
	}
	return g.page(e, snap, namespace, "", sel, limit), nil
}

// listSnapshot picks the snapshot that the options ask for; paged says whether
// the limit counts: a list at version "0" ignores it.
func (g *Registry) listSnapshot(ctx context.Context, e *Endpoint, opts *internalversion.ListOptions) (snap *watchcache.Snapshot, paged bool, err error) {
	rev, err := parseVersion(opts.ResourceVersion)
	if err != nil {
		return nil, false, apierrors.NewBadRequest("invalid resource version: " + err.Error())
	}
	exact := opts.ResourceVersionMatch == metav1.ResourceVersionMatchExact ||
		opts.ResourceVersionMatch == "" && opts.Limit > 0 && rev > 0
	switch {
	case exact && rev > 0:
		snap, err = g.exact(ctx, e, rev)
		return snap, true, err
	case opts.ResourceVersion == "":
		if _, err := g.fresh(ctx); err != nil {
			return nil, false, err
		}
		paged = true
	default:
		if err := g.notOlderThan(ctx, rev); err != nil {
			return nil, false, err
		}
		paged = rev > 0
	}
	snap, err = e.cache.Snapshot(ctx)
	return snap, paged, storeError(err)
}

func (g *Registry) exact(ctx context.Context, e *Endpoint, rev int64) (*watchcache.Snapshot, error) {
	if err := g.notOlderThan(ctx, rev); err != nil {
		return nil, err
	}
	snap, err := e.cache.SnapshotAt(ctx, rev)
	if errors.Is(err, storage.ErrFutureRevision) {
		return nil, futureRevision(rev, g.caches.Revision())
	}
	return snap, storeError(err)
}

func (g *Registry) continueList(ctx context.Context, e *Endpoint, namespace string, sel *selector, opts *internalversion.ListOptions) (*List, error) {
	if opts.ResourceVersion != "" && opts.ResourceVersion != "0" {
		return nil, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	}
	tok, err := decodeContinue(opts.Continue)
	if err != nil {
		return nil, apierrors.NewBadRequest("invalid continue token: " + err.Error())
	}
	var snap *watchcache.Snapshot
	switch {
	case tok.Revision < 0:
		if _, err := g.fresh(ctx); err != nil {
			return nil, err
		}
		snap, err = e.cache.Snapshot(ctx)
		err = storeError(err)
	default:
		snap, err = g.exact(ctx, e, tok.Revision)
		if apierrors.IsResourceExpired(err) {
			return nil, expiredContinue(tok.Start)
		}
	}
	if err != nil {
		return nil, err
	}
	return g.page(e, snap, namespace, tok.Start, sel, max(opts.Limit, 0)), nil
}

// expiredContinue tells the client that its page is gone and how to go on with
// newer data from the same place.
func expiredContinue(start string) error {
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = encodeContinue(continueToken{Revision: -1, Start: start})
	return err
}

// page cuts a page out of a snapshot. start is a key below the listed prefix;
// limit 0 is no limit.
func (g *Registry) page(e *Endpoint, snap *watchcache.Snapshot, namespace, start string, sel *selector, limit int64) *List {
	l := &List{Revision: snap.Revision}
	ns := namespace
	after := start
	if after != "" && ns != "" {
		after = ns + "/" + after
	}
	if limit == 0 {
		l.Items = scan(e, snap, ns, after, sel)
		return l
	}
	items := make([]*watchcache.Object, 0, min(limit, 1024))
	more := false
	for o := range scan(e, snap, ns, after, sel) {
		if int64(len(items)) == limit {
			more = true
			break
		}
		items = append(items, o)
	}
	if more {
		last := items[len(items)-1]
		l.Continue = encodeContinue(continueToken{Revision: snap.Revision, Start: listKey(e, ns, last) + "\x00"})
		if sel.all() {
			n := int64(snap.LenAfter(ns, last.Key()))
			l.Remaining = &n
		}
		e.cache.Remember(snap)
	}
	l.Items = func(yield func(*watchcache.Object) bool) {
		for _, o := range items {
			if !yield(o) {
				return
			}
		}
	}
	return l
}

// listKey is an object's key below the listed prefix, as a continue token holds it.
func listKey(e *Endpoint, namespace string, o *watchcache.Object) string {
	if namespace != "" {
		return o.Name()
	}
	return o.Key()
}

// scan yields the selected objects of a snapshot from a cache key on.
func scan(e *Endpoint, snap *watchcache.Snapshot, namespace, from string, sel *selector) iter.Seq[*watchcache.Object] {
	return func(yield func(*watchcache.Object) bool) {
		ns := namespace
		if e.Namespaced && sel.namespace != "" {
			if ns != "" && ns != sel.namespace {
				return
			}
			ns = sel.namespace
		}
		if sel.name != "" && (ns != "" || !e.Namespaced) {
			if o := snap.Get(ns, sel.name); o != nil && o.Undecodable() == "" && e.cacheKey(ns, sel.name) >= from && sel.matches(o) {
				yield(o)
			}
			return
		}
		all := sel.all()
		visit := func(o *watchcache.Object) bool {
			if !all && !sel.matches(o) {
				return true
			}
			return yield(o)
		}
		after, exclusive := strings.CutSuffix(from, "\x00")
		if !exclusive && from != "" {
			if o := getKey(e, snap, from); o != nil && o.Undecodable() == "" && !visit(o) {
				return
			}
		}
		snap.Ascend(ns, after, visit)
	}
}

// getKey finds the object with a key below the resource's prefix.
func getKey(e *Endpoint, snap *watchcache.Snapshot, key string) *watchcache.Object {
	if !e.Namespaced {
		return snap.Get("", key)
	}
	ns, name, _ := strings.Cut(key, "/")
	return snap.Get(ns, name)
}

// Watch is an open watch.
type Watch struct {
	// Initial yields the objects that come first as ADDED; nil: none.
	Initial iter.Seq[*watchcache.Object]
	// InitialRevision is the version of Initial, which its bookmark carries.
	InitialRevision int64
	// Bookmark asks for the bookmark that ends the initial events.
	Bookmark bool
	*watchcache.Watcher
}

// Watch opens a watch. The options have been validated. An error that concerns
// the version asked for belongs into the stream, not into the HTTP status:
// see StreamError.
func (g *Registry) Watch(ctx context.Context, e *Endpoint, namespace string, opts *internalversion.ListOptions) (*Watch, error) {
	sel, err := e.compile(opts.LabelSelector, opts.FieldSelector)
	if err != nil {
		return nil, err
	}
	rev, err := parseVersion(opts.ResourceVersion)
	if err != nil {
		return nil, PlainError(err.Error())
	}
	w := &Watch{}
	start := rev
	initial := opts.ResourceVersion == "" || opts.ResourceVersion == "0"
	if opts.SendInitialEvents != nil {
		initial = *opts.SendInitialEvents
		w.Bookmark = initial && opts.AllowWatchBookmarks
	}
	if opts.ResourceVersion == "" {
		if start, err = g.fresh(ctx); err != nil {
			return nil, err
		}
	} else if rev == 0 {
		start = g.caches.Revision()
	}
	if initial {
		if err := g.notOlderThan(ctx, rev); err != nil {
			return nil, &StreamError{err}
		}
		snap, err := e.cache.Snapshot(ctx)
		if err != nil {
			return nil, storeError(err)
		}
		w.Initial = scan(e, snap, namespace, "", sel)
		w.InitialRevision, start = snap.Revision, snap.Revision
	}
	w.Watcher, err = e.cache.Watch(watchOptions(e, namespace, sel, start))
	if err != nil {
		return nil, streamError(err, start)
	}
	return w, nil
}

func watchOptions(e *Endpoint, namespace string, sel *selector, after int64) watchcache.WatchOptions {
	o := watchcache.WatchOptions{Namespace: namespace, After: after, WatchFieldValue: sel.watchField}
	if o.Namespace == "" && e.Namespaced {
		o.Namespace = sel.namespace
	}
	if sel.name != "" && (o.Namespace != "" || !e.Namespaced) {
		o.Name = sel.name
	}
	if !sel.coveredBy(o, e) {
		o.Match = sel.matches
	}
	return o
}

// Next waits for events. A StreamError ends the watch with an ERROR event.
func (w *Watch) Next(ctx context.Context) ([]watchcache.Event, error) {
	events, err := w.Watcher.Next(ctx)
	if err != nil && ctx.Err() == nil {
		return nil, streamError(err, w.Watcher.Revision())
	}
	return events, err
}

// StreamError is an error that a watch reports as an ERROR event within HTTP 200.
type StreamError struct{ Err error }

func (e *StreamError) Error() string { return e.Err.Error() }
func (e *StreamError) Unwrap() error { return e.Err }

func streamError(err error, after int64) error {
	var compacted *storage.CompactedError
	if errors.As(err, &compacted) {
		return &StreamError{apierrors.NewResourceExpired("too old resource version: " +
			strconv.FormatInt(after, 10) + " (" + strconv.FormatInt(compacted.Compacted, 10) + ")")}
	}
	if errors.Is(err, storage.ErrCompacted) {
		return &StreamError{apierrors.NewResourceExpired("too old resource version: " + strconv.FormatInt(after, 10))}
	}
	return storeError(err)
}
