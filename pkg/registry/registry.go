package registry

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/openapi"
	"github.com/binnacle-io/binnacle/pkg/registry/fieldmanager"
	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// Config is what a Registry is made of.
type Config struct {
	Store     storage.Store
	Caches    *watchcache.Set
	Resources []*Resource
	// Types are the schemas for metadata.managedFields; nil: those of package
	// api/openapi.
	Types *fieldmanager.Types
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Registry serves the verbs of every resource in its table.
type Registry struct {
	store  storage.Store
	caches *watchcache.Set
	types  *fieldmanager.Types
	now    func() time.Time
	table  atomic.Pointer[Table]
	// namespaces is where a namespaced create looks for its namespace.
	namespaces *Endpoint
	// namespaceWrite is the newest revision of a namespace written here: who has
	// deleted one must not be able to create in it, lag the cache as it may.
	namespaceWrite atomic.Int64
}

// Table is what is served at one moment. It is immutable; the Registry swaps it.
type Table struct {
	byGVR     map[schema.GroupVersionResource]*Endpoint
	endpoints []*Endpoint
}

// Endpoint is a Resource as served under one group and version.
type Endpoint struct {
	*Resource
	GVR schema.GroupVersionResource
	GVK schema.GroupVersionKind
	// Index tells the endpoints of one Resource apart: 0 is the stored version.
	Index int
	// Served is nil for the stored version.
	Served *Served[Object]

	cache  *watchcache.Cache // nil for virtual kinds
	prefix string            // of its keys, "/registry/pods/"
	fields fieldTable
	// managers keep managed fields, by subresource; nil when the Registry does not.
	managers map[string]*fieldmanager.Manager
}

// New makes a Registry. It panics on a table in which two resources collide.
func New(c Config) *Registry {
	g := &Registry{store: c.Store, caches: c.Caches, types: c.Types, now: c.Now}
	if g.now == nil {
		g.now = time.Now
	}
	if g.types == nil {
		g.types = fieldmanager.NewTypes(openapi.Schemas)
	}
	t := &Table{byGVR: map[schema.GroupVersionResource]*Endpoint{}}
	for _, r := range c.Resources {
		for _, e := range g.endpointsOf(r) {
			if t.byGVR[e.GVR] != nil {
				panic(fmt.Sprintf("registry: %v is defined twice", e.GVR))
			}
			t.byGVR[e.GVR] = e
			t.endpoints = append(t.endpoints, e)
		}
	}
	g.namespaces = t.byGVR[schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}]
	g.table.Store(t)
	return g
}

func (g *Registry) endpointsOf(r *Resource) []*Endpoint {
	e := &Endpoint{
		Resource: r,
		GVR:      schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource},
		GVK:      r.StoredKind(),
		prefix:   "/registry/" + r.Prefix + "/",
		fields:   newFieldTable(r.Fields),
	}
	if r.Create == nil {
		e.cache = g.caches.Cache(viewOf(r, e.prefix))
	}
	all := []*Endpoint{e}
	for i := range r.Also {
		s := &r.Also[i]
		also := *e
		also.GVR.Group, also.GVR.Version = s.Group, s.Version
		also.GVK = schema.GroupVersionKind{Group: s.Group, Version: s.Version, Kind: s.Kind}
		also.Index, also.Served = i+1, s
		also.fields = e.fields.renamed(s.Fields)
		all = append(all, &also)
	}
	for _, e := range all {
		e.managers = newFieldManagers(g.types, e, all)
	}
	return all
}

// Warm loads the caches of all resources, so that no request has to wait for
// it and writes from now on need not be decoded again.
func (g *Registry) Warm(ctx context.Context) error {
	for _, e := range g.Endpoints() {
		if e.cache == nil {
			continue
		}
		if _, err := e.cache.Snapshot(ctx); err != nil {
			return fmt.Errorf("loading %s: %w", e.GVR.Resource, err)
		}
	}
	return nil
}

// Lookup finds the endpoint of a group, version and plural name.
func (g *Registry) Lookup(gvr schema.GroupVersionResource) (*Endpoint, bool) {
	e, ok := g.table.Load().byGVR[gvr]
	return e, ok
}

// Endpoints lists what is served, in the order of the table.
func (g *Registry) Endpoints() []*Endpoint { return g.table.Load().endpoints }

// GroupVersions lists the group versions served, each once, in table order.
func (g *Registry) GroupVersions() []schema.GroupVersion {
	var out []schema.GroupVersion
	seen := map[schema.GroupVersion]bool{}
	for _, e := range g.Endpoints() {
		if gv := e.GVR.GroupVersion(); !seen[gv] {
			seen[gv] = true
			out = append(out, gv)
		}
	}
	return out
}

// ServedResource names the resource in errors to clients of this endpoint.
func (e *Endpoint) ServedResource() schema.GroupResource { return e.GVR.GroupResource() }

// ToStored converts a decoded body to the stored Go type.
func (e *Endpoint) ToStored(o runtime.Object) (Object, error) {
	if e.Served != nil && e.Served.ToStored != nil {
		return e.Served.ToStored(o)
	}
	obj, ok := o.(Object)
	if !ok {
		return nil, fmt.Errorf("%T has no object metadata", o)
	}
	return obj, nil
}

// FromStored converts an object of the stored Go type to the served one. The
// object given may share memory with the result.
func (e *Endpoint) FromStored(o Object) (runtime.Object, error) {
	if e.Served != nil && e.Served.FromStored != nil {
		return e.Served.FromStored(o)
	}
	return o, nil
}

// ColumnsAndCells returns how kubectl get shows the endpoint's objects, nil for
// the default columns.
func (e *Endpoint) ColumnsAndCells() ([]Column, func(Object) []any) {
	if e.Served != nil && e.Served.Columns != nil {
		return e.Served.Columns, e.Served.Cells
	}
	return e.Columns, e.Cells
}

// HasVerb reports whether the resource itself (not a subresource) has a verb.
func (e *Endpoint) HasVerb(verb string) bool {
	for _, v := range e.Verbs {
		if v == verb {
			return true
		}
	}
	return false
}

// cacheKey is the key of an object below the resource's prefix.
func (e *Endpoint) cacheKey(namespace, name string) string {
	if e.Namespaced {
		return namespace + "/" + name
	}
	return name
}

func (e *Endpoint) key(namespace, name string) string {
	return e.prefix + e.cacheKey(namespace, name)
}

// fresh waits until the caches show every write acknowledged before the call
// and returns the revision that they then have at least.
func (g *Registry) fresh(ctx context.Context) (int64, error) {
	rev, err := g.store.ReadRevision(ctx)
	if err != nil {
		return 0, storeError(err)
	}
	if err := g.caches.Wait(ctx, rev); err != nil {
		return 0, storeError(err)
	}
	return rev, nil
}

// viewOf tells the watch cache how to read a resource's stored values.
func viewOf(r *Resource, prefix string) watchcache.View {
	v := watchcache.View{Resource: r.GroupResource().String(), Prefix: prefix, Namespaced: r.Namespaced, WatchField: -1}
	for i, f := range r.Fields {
		v.FieldNames = append(v.FieldNames, f.Name)
		if f.Name == r.WatchField {
			v.WatchField = i
		}
	}
	v.Decode = func(kv *storage.KeyValue) (watchcache.Meta, error) {
		obj, err := r.decode(kv.Value)
		if err != nil {
			return watchcache.Meta{}, err
		}
		m := r.metaOf(obj)
		again, err := r.encode(obj)
		m.Verbatim = err == nil && bytes.Equal(again, kv.Value)
		return m, nil
	}
	return v
}

// metaOf extracts what selectors look at. Verbatim is the caller's to set.
func (r *Resource) metaOf(obj Object) watchcache.Meta {
	m := watchcache.Meta{Labels: obj.GetLabels()}
	if len(r.Fields) > 0 {
		m.Fields = make([]string, len(r.Fields))
		for i, f := range r.Fields {
			m.Fields[i] = f.Get(obj)
		}
	}
	return m
}

// fieldTable maps a served field label to its place in Resource.Fields.
type fieldTable struct {
	labels map[string]int
	custom bool // the kind has selectable fields of its own
}

func newFieldTable(fs []Field[Object]) fieldTable {
	t := fieldTable{labels: map[string]int{}, custom: len(fs) > 0}
	for i, f := range fs {
		t.labels[f.Name] = i
	}
	return t
}

// renamed is the table of another served version: label -> stored label.
func (t fieldTable) renamed(labels map[string]string) fieldTable {
	if labels == nil {
		return t
	}
	out := fieldTable{labels: map[string]int{}, custom: t.custom}
	for label, stored := range labels {
		if i, ok := t.labels[stored]; ok {
			out.labels[label] = i
		}
	}
	return out
}

// NewServed makes an empty object of the served Go type.
func (e *Endpoint) NewServed() (runtime.Object, error) { return e.FromStored(e.New()) }
