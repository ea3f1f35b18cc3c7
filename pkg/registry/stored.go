package registry

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// Result is what a write left behind.
type Result struct {
	// Object is the caller's own, with its resourceVersion set.
	Object Object
	// Revision is the object's version, 0 for a dry run.
	Revision int64
	// Forms memoises encodings of exactly this object at this version, shared
	// with the watch cache; nil when there is nothing to share.
	Forms *watchcache.Forms
	// Stored is the stored value, nil when nothing was written.
	Stored []byte
	// Created tells a create from an update.
	Created bool
}

// decode reads a stored value into an object of its own.
func (r *Resource) decode(value []byte) (Object, error) {
	obj := r.New()
	if _, err := codec.DecodeStored(value, obj); err != nil {
		return nil, fmt.Errorf("decoding a stored %s: %w", r.Kind.Kind, err)
	}
	if r.Default != nil {
		r.Default(obj)
	}
	return obj, nil
}

// encode makes the stored value: no resourceVersion, the store has it.
func (r *Resource) encode(obj Object) ([]byte, error) {
	obj.SetResourceVersion("")
	value, err := codec.EncodeStored(obj, r.StoredKind())
	if err != nil {
		return nil, fmt.Errorf("encoding a %s: %w", r.Kind.Kind, err)
	}
	return value, nil
}

// Reread gives what a read of the object just written gives: storage tells an
// empty list from none no more.
func (e *Endpoint) Reread(r *Result) (Object, error) {
	obj, err := e.decode(r.Stored)
	if err != nil {
		return nil, storeError(err)
	}
	obj.SetResourceVersion(strconv.FormatInt(r.Revision, 10))
	return obj, nil
}

// Decode gives the caller an object of its own from a cached one, with its
// resourceVersion.
func (e *Endpoint) Decode(o *watchcache.Object) (Object, error) {
	obj, err := e.decode(o.Stored())
	if err != nil {
		return nil, storeError(err)
	}
	obj.SetResourceVersion(strconv.FormatInt(o.Revision(), 10))
	return obj, nil
}

// current is the newest state of an object that the cache shows, nil for none.
func (g *Registry) current(ctx context.Context, e *Endpoint, namespace, name string, fresh bool) (*watchcache.Object, error) {
	if fresh {
		if _, err := g.fresh(ctx); err != nil {
			return nil, err
		}
	}
	snap, err := e.cache.Snapshot(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	return snap.Get(namespace, name), nil
}

// put writes obj if the key's revision is still expect (0: absent). It returns
// a nil Result when it is not. It sets obj's resourceVersion.
func (g *Registry) put(ctx context.Context, e *Endpoint, key string, expect int64, obj Object, value []byte) (*Result, error) {
	var lease int64
	if e.TTL != nil {
		l, err := g.store.SharedLease(ctx, e.TTL(obj))
		if err != nil {
			return nil, storeError(err)
		}
		lease = l.ID
	}
	forms := &watchcache.Forms{}
	meta := e.metaOf(obj)
	meta.Verbatim = true
	res, err := g.store.Txn(ctx, &storage.Txn{
		Compares: []storage.Compare{{Key: key, Target: storage.CompareMod, Result: storage.Equal, Int: expect}},
		Success: []storage.Op{{Type: storage.OpPut, Key: key, Value: value, Lease: lease,
			Local: &watchcache.Local{Meta: meta, Forms: forms}}},
	})
	if err != nil {
		return nil, storeError(err)
	}
	if !res.Succeeded {
		return nil, nil
	}
	g.wrote(e, res.Revision)
	obj.SetResourceVersion(strconv.FormatInt(res.Revision, 10))
	return &Result{Object: obj, Revision: res.Revision, Forms: forms, Stored: value, Created: expect == 0}, nil
}

// wrote remembers the newest revision of a namespace that this process wrote.
func (g *Registry) wrote(e *Endpoint, revision int64) {
	if g.namespaces == nil || e.Resource != g.namespaces.Resource {
		return
	}
	for old := g.namespaceWrite.Load(); old < revision; old = g.namespaceWrite.Load() {
		if g.namespaceWrite.CompareAndSwap(old, revision) {
			return
		}
	}
}

// remove deletes the key if its revision is still expect. It returns 0 when it
// is not, otherwise the revision of the delete.
func (g *Registry) remove(ctx context.Context, e *Endpoint, key string, expect int64) (int64, error) {
	res, err := g.store.Txn(ctx, &storage.Txn{
		Compares: []storage.Compare{{Key: key, Target: storage.CompareMod, Result: storage.Equal, Int: expect}},
		Success:  []storage.Op{{Type: storage.OpDelete, Key: key}},
	})
	if err != nil || !res.Succeeded {
		return 0, storeError(err)
	}
	g.wrote(e, res.Revision)
	return res.Revision, nil
}

// unchanged reports whether a value equals what is stored.
func unchanged(cur *watchcache.Object, value []byte) bool {
	return bytes.Equal(cur.Stored(), value)
}

// copyMeta puts from's ObjectMeta into to. Both have the same Go type.
func copyMeta(to, from Object) {
	metaOf(to).Set(metaOf(from))
}

func metaOf(o Object) reflect.Value {
	return reflect.ValueOf(o).Elem().FieldByIndex(objectMetaField(o))
}

func objectMetaField(o Object) []int {
	f, ok := reflect.TypeOf(o).Elem().FieldByName("ObjectMeta")
	if !ok || f.Type != reflect.TypeFor[metav1.ObjectMeta]() {
		panic(fmt.Sprintf("registry: %T has no ObjectMeta", o))
	}
	return f.Index
}

// copyStatus puts from's status into to.
func (r *Resource) copyStatus(to, from Object) {
	reflect.ValueOf(r.Status(to)).Elem().Set(reflect.ValueOf(r.Status(from)).Elem())
}

// clearStatus zeroes the status.
func (r *Resource) clearStatus(o Object) {
	reflect.ValueOf(r.Status(o)).Elem().SetZero()
}

func copyOf(o Object) Object { return o.DeepCopyObject().(Object) }

// assign makes *to equal *from. Both have the same Go type.
func assign(to, from Object) {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem())
}
