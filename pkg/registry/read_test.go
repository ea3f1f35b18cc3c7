package registry

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// list lists a resource in ns, or everywhere for a scope of "*".
func (w *world) list(resource, scope string, opts *internalversion.ListOptions) *List {
	w.t.Helper()
	l, err := w.listErr(resource, scope, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) listErr(resource, scope string, opts *internalversion.ListOptions) (*List, error) {
	e := w.endpoint(resource)
	if opts == nil {
		opts = &internalversion.ListOptions{}
	}
	ns := w.request(e, "").Namespace
	switch scope {
	case "":
	case "*":
		ns = ""
	default:
		ns = scope
	}
	return w.List(w.t.Context(), e, ns, opts)
}

// names are the names of a list in its order.
func (w *world) names(l *List) string {
	var out []string
	for o := range l.Items {
		out = append(out, o.Name())
	}
	return strings.Join(out, " ")
}

// history makes five ConfigMaps, at a version each, then changes and deletes.
func (w *world) history() (at map[string]string) {
	at = map[string]string{}
	for _, n := range strings.Fields("a b c d e") {
		at[n] = w.make("configmaps", configMap(n)).Object.GetResourceVersion()
	}
	d, err := w.delete("configmaps", "b", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	at["-b"] = d.Object.GetResourceVersion()
	at["f"] = w.make("configmaps", configMap("f")).Object.GetResourceVersion()
	return at
}

// TestListMatrix is the table of resourceVersion, resourceVersionMatch and limit.
func TestListMatrix(t *testing.T) {
	const exact, older = metav1.ResourceVersionMatchExact, metav1.ResourceVersionMatchNotOlderThan
	w := newWorld(t)
	at := w.history()
	for _, c := range []struct {
		version string
		match   metav1.ResourceVersionMatch
		limit   int64
		want    string
		pages   bool   // a continue token comes with it
		shown   string // the list's version, "" the newest
	}{
		{"", "", 0, "a c d e f", false, ""},
		{"", "", 2, "a c", true, ""},
		{"0", "", 0, "a c d e f", false, ""},
		{"0", "", 2, "a c d e f", false, ""}, // the limit does not count
		{"0", older, 2, "a c d e f", false, ""},
		{at["c"], "", 0, "a c d e f", false, ""},
		{at["c"], older, 0, "a c d e f", false, ""},
		{at["c"], older, 2, "a c", true, ""},
		{at["c"], "", 2, "a b", true, at["c"]}, // with a limit it is exact
		{at["c"], exact, 0, "a b c", false, at["c"]},
		{at["c"], exact, 2, "a b", true, at["c"]},
		{at["-b"], exact, 0, "a c d e", false, at["-b"]},
		{at["f"], exact, 0, "a c d e f", false, at["f"]},
		{at["f"], exact, 5, "a c d e f", false, at["f"]}, // exactly all: no more
	} {
		name := fmt.Sprintf("version %q match %q limit %d", c.version, c.match, c.limit)
		l := w.list("configmaps", "", &internalversion.ListOptions{ResourceVersion: c.version, ResourceVersionMatch: c.match, Limit: c.limit})
		if got := w.names(l); got != c.want || (l.Continue != "") != c.pages {
			t.Errorf("%s: %s, continue %q; want %s", name, got, l.Continue, c.want)
		}
		if c.shown == "" {
			c.shown = at["f"]
		}
		if fmt.Sprint(l.Revision) != c.shown {
			t.Errorf("%s: at %d, want %s", name, l.Revision, c.shown)
		}
		if again := w.names(l); again != c.want {
			t.Errorf("%s: a second reading gives %s", name, again)
		}
	}
}

func TestPages(t *testing.T) {
	for _, scope := range []string{"", "*"} {
		w := newWorld(t)
		w.make("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n0"}})
		at := w.history()
		e := w.endpoint("configmaps")
		r := w.request(e, "x")
		r.Namespace = "n0"
		if _, err := w.Create(t.Context(), e, r, configMap("a")); err != nil {
			t.Fatal(err)
		}
		all, remaining := []string{}, []string{}
		opts := &internalversion.ListOptions{Limit: 2}
		for page := 0; ; page++ {
			l := w.list("configmaps", scope, opts)
			all = append(all, w.names(l))
			if l.Remaining != nil {
				remaining = append(remaining, fmt.Sprint(*l.Remaining))
			}
			if l.Continue == "" {
				break
			}
			opts.Continue = l.Continue
			w.make("configmaps", configMap(fmt.Sprintf("between-%d", page))) // pages do not see it
			if page == 0 {
				w.delete("configmaps", "d", nil)
			}
		}
		want, left := "a c, d e, f", "3 1"
		if scope == "*" {
			want, left = "a a, c d, e f", "4 2"
		}
		if strings.Join(all, ", ") != want || strings.Join(remaining, " ") != left {
			t.Errorf("%q: pages %q, remaining %v", scope, all, remaining)
		}
		_ = at
	}
}

func TestContinueExpires(t *testing.T) {
	w := newWorld(t)
	w.history()
	l := w.list("configmaps", "", &internalversion.ListOptions{Limit: 2})
	token := l.Continue
	// Other lists push its snapshot out, and compaction its history.
	for i := range 200 {
		w.make("configmaps", configMap(fmt.Sprintf("z-%d", i)))
		w.list("configmaps", "", &internalversion.ListOptions{Limit: 1})
	}
	current, _ := w.store.Revision()
	if err := w.store.Compact(t.Context(), current); err != nil {
		t.Fatal(err)
	}
	_, err := w.listErr("configmaps", "", &internalversion.ListOptions{Limit: 2, Continue: token})
	s := wantStatus(t, err, 410, metav1.StatusReasonExpired, "The provided continue parameter is too old")
	if s.ListMeta.Continue == "" {
		t.Fatal("no token to go on with")
	}
	l = w.list("configmaps", "", &internalversion.ListOptions{Limit: 2, Continue: s.ListMeta.Continue})
	if got := w.names(l); got != "d e" || l.Revision != current {
		t.Errorf("going on: %s at %d", got, l.Revision)
	}
}

func TestListRefusals(t *testing.T) {
	w := newWorld(t)
	at := w.history()
	current, _ := w.store.Revision()
	if err := w.store.Compact(t.Context(), current); err != nil {
		t.Fatal(err)
	}
	token := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, c := range map[string]struct {
		opts   internalversion.ListOptions
		code   int32
		reason metav1.StatusReason
	}{
		"compacted":              {internalversion.ListOptions{ResourceVersion: at["b"], ResourceVersionMatch: "Exact"}, 410, metav1.StatusReasonExpired},
		"no number":              {internalversion.ListOptions{ResourceVersion: "x"}, 400, metav1.StatusReasonBadRequest},
		"continue with version":  {internalversion.ListOptions{ResourceVersion: "5", Continue: token(`{"v":"meta.k8s.io/v1","rv":5,"start":"a"}`)}, 400, metav1.StatusReasonBadRequest},
		"continue, nonsense":     {internalversion.ListOptions{Continue: "%%%"}, 400, metav1.StatusReasonBadRequest},
		"continue, out of there": {internalversion.ListOptions{Continue: token(`{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}`)}, 400, metav1.StatusReasonBadRequest},
		"unknown field":          {internalversion.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.x", "y")}, 400, metav1.StatusReasonBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.listErr("configmaps", "", &c.opts)
			wantStatus(t, err, c.code, c.reason, "")
		})
	}
}

func TestFutureReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.make("configmaps", configMap("a"))
		e := w.endpoint("configmaps")
		began := time.Now()
		_, err := w.Get(t.Context(), e, "ns", "a", "999")
		s := wantStatus(t, err, 504, metav1.StatusReasonTimeout, "Too large resource version: 999, current: ")
		if s.Details.RetryAfterSeconds != 1 || s.Details.Causes[0].Type != metav1.CauseTypeResourceVersionTooLarge || time.Since(began) != freshnessWait {
			t.Errorf("%+v after %v", s.Details, time.Since(began))
		}
		// One that comes in time is waited for.
		current, _ := w.store.Revision()
		got := make(chan error, 1)
		go func() {
			l, err := w.List(t.Context(), e, "ns", &internalversion.ListOptions{ResourceVersion: fmt.Sprint(current + 1)})
			if err == nil && w.names(l) != "a b" {
				err = fmt.Errorf("%s", w.names(l))
			}
			got <- err
		}()
		synctest.Wait()
		w.make("configmaps", configMap("b"))
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

func TestGetVersions(t *testing.T) {
	w := newWorld(t)
	at := w.history()
	e := w.endpoint("configmaps")
	for _, version := range []string{"", "0", "1", at["a"], at["f"]} {
		if o, err := w.Get(t.Context(), e, "ns", "a", version); err != nil || o.Name() != "a" {
			t.Errorf("version %q: %v", version, err)
		}
	}
	_, err := w.Get(t.Context(), e, "ns", "b", "")
	wantStatus(t, err, 404, metav1.StatusReasonNotFound, `configmaps "b" not found`)
	_, err = w.Get(t.Context(), e, "ns", "a", "x")
	wantStatus(t, err, 500, "", "resourceVersion: Invalid value: \"x\"")
	// A read without a version sees every write that was acknowledged before it.
	w.lag()
	w.elsewhere(func(o *world) { o.make("configmaps", configMap("new")) })
	if _, err := w.Get(t.Context(), e, "ns", "new", ""); err != nil {
		t.Error(err)
	}
}

func TestSelectors(t *testing.T) {
	w := newWorld(t)
	w.make("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other"}})
	for i, typ := range []string{"", "x", "y", "x"} {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("s%d", i), Labels: map[string]string{"n": fmt.Sprint(i)}}, Type: corev1.SecretType(typ)}
		w.make("secrets", s)
	}
	e := w.endpoint("secrets")
	r := w.request(e, "s1")
	r.Namespace = "other"
	if _, err := w.Create(t.Context(), e, r, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s1"}, Type: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ scope, labels, fields, want string }{
		{"", "", "type=x", "s1 s3"},
		{"", "", "type!=x", "s0 s2"},
		{"", "", "type=Opaque", "s0"},
		{"", "n in (0,1)", "type=x", "s1"},
		{"", "", "metadata.name=s1", "s1"},
		{"", "", "metadata.name=s1,type=y", ""},
		{"", "", "metadata.name=s1,metadata.name=s2", ""},
		{"", "", "metadata.name!=s1", "s0 s2 s3"},
		{"", "", "metadata.namespace=other", ""},
		{"*", "", "metadata.namespace=other", "s1"},
		{"*", "", "metadata.name=s1", "s1 s1"},
		{"*", "", "metadata.name=s1,metadata.namespace=ns", "s1"},
		{"*", "", "type=x", "s1 s3 s1"},
		{"*", "!n", "", "s1"},
		{"none", "", "", ""},
	} {
		opts := &internalversion.ListOptions{}
		var err error
		if opts.LabelSelector, err = labels.Parse(c.labels); err != nil {
			t.Fatal(err)
		}
		if opts.FieldSelector, err = fields.ParseSelector(c.fields); err != nil {
			t.Fatal(err)
		}
		if got := w.names(w.list("secrets", c.scope, opts)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		var paged []string
		opts.Limit = 1
		for {
			l := w.list("secrets", c.scope, opts)
			if n := w.names(l); n != "" {
				paged = append(paged, n)
			}
			if l.Remaining != nil && (c.labels != "" || c.fields != "") {
				t.Errorf("%+v: remaining is told although there is a selector", c)
			}
			if opts.Continue = l.Continue; opts.Continue == "" {
				break
			}
		}
		if got := strings.Join(paged, " "); got != c.want {
			t.Errorf("%+v, a page each: %s", c, got)
		}
	}
}

// TestRandomPages: whatever the limit and the selector, the pages of a list
// together are the list, and in its order.
func TestRandomPages(t *testing.T) {
	rnd := seedOf(t)
	w := newWorld(t)
	for i := range 60 {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("s%d-%d", rnd.IntN(1000), i), Labels: map[string]string{"n": fmt.Sprint(rnd.IntN(4))}}, Type: corev1.SecretType([]string{"x", "y"}[rnd.IntN(2)])}
		w.make("secrets", s)
	}
	for range 100 {
		opts := &internalversion.ListOptions{}
		if rnd.IntN(2) == 0 {
			opts.LabelSelector = labels.SelectorFromSet(labels.Set{"n": fmt.Sprint(rnd.IntN(4))})
		}
		if rnd.IntN(2) == 0 {
			opts.FieldSelector = fields.OneTermEqualSelector("type", "x")
		}
		scope := []string{"", "*"}[rnd.IntN(2)]
		want := w.names(w.list("secrets", scope, opts))
		var got []string
		for {
			opts.Limit = 1 + rnd.Int64N(20)
			l := w.list("secrets", scope, opts)
			if n := w.names(l); n != "" {
				got = append(got, n)
			}
			if opts.Continue = l.Continue; opts.Continue == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Fatalf("%+v:\npages %q\nlist  %q", opts, got, want)
		}
	}
}

// watchFrom opens a watch and reads n events of it.
func (w *world) watchFrom(opts *internalversion.ListOptions) (*Watch, error) {
	return w.Watch(w.t.Context(), w.endpoint("configmaps"), "ns", opts)
}

func take(t *testing.T, wt *Watch, n int) string {
	t.Helper()
	var out []string
	if wt.Initial != nil {
		for o := range wt.Initial {
			out = append(out, "="+o.Name())
		}
		wt.Initial = nil
	}
	for len(out) < n {
		events, err := wt.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			out = append(out, map[watchcache.EventType]string{watchcache.Added: "+", watchcache.Modified: "~", watchcache.Deleted: "-"}[e.Type]+e.Object.Name())
		}
	}
	return strings.Join(out, " ")
}

func TestWatchStarts(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		opts     func(at map[string]string) *internalversion.ListOptions
		want     string
		bookmark bool
	}{
		"from here, with what there is": {func(map[string]string) *internalversion.ListOptions { return &internalversion.ListOptions{} }, "=a =c =d =e =f +g", false},
		"from anywhere": {func(map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{ResourceVersion: "0"}
		}, "=a =c =d =e =f +g", false},
		"from a version": {func(at map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{ResourceVersion: at["d"]}
		}, "+e -b +f +g", false},
		"from the newest": {func(at map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{ResourceVersion: at["f"]}
		}, "+g", false},
		"initial events": {func(map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{SendInitialEvents: &yes, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true}
		}, "=a =c =d =e =f +g", true},
		"initial events, no bookmarks": {func(at map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{SendInitialEvents: &yes, ResourceVersion: at["c"], ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
		}, "=a =c =d =e =f +g", false},
		"no initial events": {func(map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{SendInitialEvents: &no, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
		}, "+g", false},
		"no initial events, from anywhere": {func(map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{SendInitialEvents: &no, ResourceVersion: "0", ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
		}, "+g", false},
		"selected": {func(at map[string]string) *internalversion.ListOptions {
			return &internalversion.ListOptions{ResourceVersion: at["a"], FieldSelector: fields.ParseSelectorOrDie("metadata.name!=c")}
		}, "+b +d +e -b +f +g", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			at := w.history()
			w.list("configmaps", "", nil) // a start from anywhere may show what was before
			wt, err := w.watchFrom(c.opts(at))
			if err != nil {
				t.Fatal(err)
			}
			defer wt.Close()
			if wt.Bookmark != c.bookmark || wt.Initial != nil && fmt.Sprint(wt.InitialRevision) != at["f"] {
				t.Errorf("bookmark %v, initial at %d", wt.Bookmark, wt.InitialRevision)
			}
			g := w.make("configmaps", configMap("g"))
			if got := take(t, wt, len(strings.Fields(c.want))); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if wt.Revision() < g.Revision {
				t.Errorf("it is at %d, the last event at %d", wt.Revision(), g.Revision)
			}
		})
	}
}

func TestWatchRefusals(t *testing.T) {
	w := newWorld(t)
	at := w.history()
	_, err := w.watchFrom(&internalversion.ListOptions{ResourceVersion: "x"})
	wantStatus(t, err, 500, "", "")
	_, err = w.watchFrom(&internalversion.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.x", "y")})
	wantStatus(t, err, 400, metav1.StatusReasonBadRequest, "")
	for i := range 10 {
		w.make("configmaps", configMap(fmt.Sprintf("z%d", i)))
	}
	current, _ := w.store.Revision()
	if err := w.store.Compact(t.Context(), current); err != nil {
		t.Fatal(err)
	}
	w.elsewhere(func(o *world) { // who has not seen the events themselves
		wt, err := o.watchFrom(&internalversion.ListOptions{ResourceVersion: at["a"]})
		if err == nil {
			defer wt.Close()
			_, err = wt.Next(t.Context())
		}
		var inStream *StreamError
		if !errors.As(err, &inStream) {
			t.Fatalf("%v is not for the stream", err)
		}
		wantStatus(t, inStream.Err, 410, metav1.StatusReasonExpired, "too old resource version: "+at["a"])
	})
}

// TestWatchSeesEveryWrite: a watch from a version has every event after it, in
// order and once, whatever many write meanwhile.
func TestWatchSeesEveryWrite(t *testing.T) {
	w := newWorld(t)
	start, _ := w.store.Revision()
	wt, err := w.watchFrom(&internalversion.ListOptions{ResourceVersion: fmt.Sprint(start)})
	if err != nil {
		t.Fatal(err)
	}
	defer wt.Close()
	const writers, each = 4, 50
	for i := range writers {
		go func() {
			for j := range each {
				name := fmt.Sprintf("w%d-%d", i, j)
				w.make("configmaps", configMap(name))
				if j%2 == 0 {
					if _, err := w.delete("configmaps", name, nil); err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	seen, last := 0, start
	for seen < writers*(each+each/2) {
		events, err := wt.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Revision <= last {
				t.Fatalf("revision %d after %d", e.Revision, last)
			}
			last = e.Revision
			seen++
		}
	}
	if current, _ := w.store.Revision(); last != current {
		t.Errorf("the last event is at %d, the store at %d", last, current)
	}
}

func FuzzDecodeContinue(f *testing.F) {
	f.Add(encodeContinue(continueToken{Revision: 7, Start: "ns/a\x00"}))
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := decodeContinue(s)
		if err != nil {
			return
		}
		if strings.Contains(tok.Start, "..") && strings.Contains("/"+tok.Start+"/", "/../") || tok.Start == "" || tok.Revision == 0 {
			t.Fatalf("%+v", tok)
		}
		again, err := decodeContinue(encodeContinue(tok))
		if err != nil && !strings.ContainsRune(tok.Start, '�') || err == nil && again.Revision != tok.Revision {
			t.Fatalf("%+v became %+v, %v", tok, again, err)
		}
	})
}
