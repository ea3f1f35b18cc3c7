package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Deleted is what a delete left behind.
type Deleted struct {
	// Object is the object as it is, or was at last.
	Object Object
	// Gone says that it is no longer stored; false: finalizers, an agent with a
	// grace period or a dry run hold it.
	Gone bool
}

// Delete deletes an object, or marks it as going away while something holds
// it. The options have been validated.
func (g *Registry) Delete(ctx context.Context, e *Endpoint, r *Request, opts *metav1.DeleteOptions) (*Deleted, error) {
	fresh := r.DryRun
	for {
		d, err := g.deleteOnce(ctx, e, r, opts, fresh)
		switch {
		case err != nil && !fresh && fromCache(err):
		case err != nil || d != nil:
			return d, unwrapCache(err)
		}
		fresh = true
		if err := ctx.Err(); err != nil {
			return nil, storeError(err)
		}
	}
}

// deleteOnce is one attempt; nil and no error: try again on the fresh object.
func (g *Registry) deleteOnce(ctx context.Context, e *Endpoint, r *Request, opts *metav1.DeleteOptions, fresh bool) (*Deleted, error) {
	cur, err := g.current(ctx, e, r.Namespace, r.Name, fresh)
	if err != nil {
		return nil, err
	}
	if cur == nil {
		return nil, cacheError{apierrors.NewNotFound(e.ServedResource(), r.Name)}
	}
	obj, err := e.Decode(cur)
	if err != nil {
		return nil, err
	}
	if e.BeforeDelete != nil {
		if err := e.BeforeDelete(r, obj); err != nil {
			return nil, cacheError{err}
		}
	}
	if err := e.checkPreconditions(obj, opts.Preconditions); err != nil {
		return nil, cacheError{err}
	}
	held := e.markDeleted(r, obj, opts)
	key := e.key(r.Namespace, r.Name)
	if !held {
		if r.DryRun {
			return &Deleted{Object: obj, Gone: true}, nil
		}
		rev, err := g.remove(ctx, e, key, cur.Revision())
		if err != nil || rev == 0 {
			return nil, err
		}
		obj.SetResourceVersion(strconv.FormatInt(rev, 10))
		return &Deleted{Object: obj, Gone: true}, nil
	}
	value, err := e.encode(obj)
	if err != nil {
		return nil, storeError(err)
	}
	if r.DryRun || unchanged(cur, value) {
		if !fresh {
			return nil, nil
		}
		obj.SetResourceVersion(strconv.FormatInt(cur.Revision(), 10))
		return &Deleted{Object: obj}, nil
	}
	res, err := g.put(ctx, e, key, cur.Revision(), obj, value)
	if err != nil || res == nil {
		return nil, err
	}
	return &Deleted{Object: res.Object}, nil
}

func (e *Endpoint) checkPreconditions(obj Object, p *metav1.Preconditions) error {
	if p == nil {
		return nil
	}
	kind := schema.GroupResource{Group: e.GVK.Group, Resource: e.GVK.Kind}
	if p.UID != nil && *p.UID != obj.GetUID() {
		return apierrors.NewConflict(kind, obj.GetName(), fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, obj.GetUID()))
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
		return apierrors.NewConflict(kind, obj.GetName(), fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, obj.GetResourceVersion()))
	}
	return nil
}

// markDeleted sets what a delete sets and reports whether something holds the
// object. The order is that of kube-apiserver: a pending grace period first,
// which finalizer options cannot change any more, then finalizers.
func (e *Endpoint) markDeleted(r *Request, obj Object, opts *metav1.DeleteOptions) (held bool) {
	if e.Finalized != nil && !e.Finalized(obj) {
		e.setFinalizers(obj, opts)
		if obj.GetDeletionTimestamp() == nil {
			now := r.Now
			obj.SetDeletionTimestamp(&now)
		}
		return true
	}
	graceful := false
	if e.GracePeriod != nil {
		var pending bool
		if graceful, pending = e.applyGrace(r, obj, opts); pending {
			return true
		}
	}
	e.setFinalizers(obj, opts)
	if len(obj.GetFinalizers()) > 0 {
		if !graceful {
			markAsDeleting(obj, r.Now)
		}
		return true
	}
	return graceful && *obj.GetDeletionGracePeriodSeconds() > 0
}

// applyGrace starts or shortens a grace period. pending says that the object is
// going away already and that nothing changes.
func (e *Endpoint) applyGrace(r *Request, obj Object, opts *metav1.DeleteOptions) (graceful, pending bool) {
	asked := opts.GracePeriodSeconds
	if asked != nil && *asked < 0 {
		one := int64(1)
		asked = &one
	}
	if at := obj.GetDeletionTimestamp(); at != nil {
		had := obj.GetDeletionGracePeriodSeconds()
		if had == nil || *had == 0 {
			return false, false
		}
		if asked == nil || *asked >= *had {
			return false, true
		}
		when := metav1.NewTime(at.Add(time.Duration(*asked-*had) * time.Second))
		obj.SetDeletionTimestamp(&when)
		obj.SetDeletionGracePeriodSeconds(asked)
		return true, false
	}
	seconds := e.Kind.GracePeriod(obj, asked)
	when := metav1.NewTime(r.Now.Add(time.Duration(seconds) * time.Second))
	obj.SetDeletionTimestamp(&when)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	bumpGeneration(obj)
	return true, false
}

func bumpGeneration(obj Object) {
	if n := obj.GetGeneration(); n > 0 {
		obj.SetGeneration(n + 1)
	}
}

// markAsDeleting marks an object that only its finalizers hold.
func markAsDeleting(obj Object, now metav1.Time) {
	if obj.GetDeletionGracePeriodSeconds() == nil {
		bumpGeneration(obj)
	}
	if at := obj.GetDeletionTimestamp(); at == nil || at.After(now.Time) {
		obj.SetDeletionTimestamp(&now)
	}
	zero := int64(0)
	obj.SetDeletionGracePeriodSeconds(&zero)
}

// setFinalizers adds or removes the garbage collector's finalizers as the
// options, the object's own finalizers and the kind's default say.
func (e *Endpoint) setFinalizers(obj Object, opts *metav1.DeleteOptions) {
	have := obj.GetFinalizers()
	orphan, foreground := e.dependents(have, opts)
	want := slices.DeleteFunc(slices.Clone(have), func(f string) bool {
		return f == metav1.FinalizerOrphanDependents && !orphan || f == metav1.FinalizerDeleteDependents && !foreground
	})
	if orphan && !slices.Contains(want, metav1.FinalizerOrphanDependents) {
		want = append(want, metav1.FinalizerOrphanDependents)
	}
	if foreground && !slices.Contains(want, metav1.FinalizerDeleteDependents) {
		want = append(want, metav1.FinalizerDeleteDependents)
	}
	if !slices.Equal(have, want) {
		obj.SetFinalizers(want)
	}
}

// dependents says what becomes of an object's dependents.
func (e *Endpoint) dependents(finalizers []string, opts *metav1.DeleteOptions) (orphan, foreground bool) {
	switch {
	case e.NoGarbageCollection:
		return false, false
	case opts.OrphanDependents != nil:
		return *opts.OrphanDependents, false
	case opts.PropagationPolicy != nil:
		return *opts.PropagationPolicy == metav1.DeletePropagationOrphan, *opts.PropagationPolicy == metav1.DeletePropagationForeground
	case slices.Contains(finalizers, metav1.FinalizerOrphanDependents):
		return true, false
	case slices.Contains(finalizers, metav1.FinalizerDeleteDependents):
		return false, true
	}
	return e.OrphanByDefault, false
}

// DeleteCollection deletes what a list with the options returns, one object
// after the other, and returns the objects as they were listed, and the list. What somebody
// else deleted meanwhile does not count.
func (g *Registry) DeleteCollection(ctx context.Context, e *Endpoint, r *Request, opts *metav1.DeleteOptions, list *internalversion.ListOptions) ([]Object, *List, error) {
	l, err := g.List(ctx, e, r.Namespace, list)
	if err != nil {
		return nil, nil, err
	}
	var out []Object
	for o := range l.Items {
		obj, err := e.Decode(o)
		if err != nil {
			return nil, nil, err
		}
		one := *r
		one.Namespace, one.Name = obj.GetNamespace(), obj.GetName()
		o := *opts
		if _, err := g.Delete(ctx, e, &one, &o); err != nil && !apierrors.IsNotFound(err) {
			return nil, nil, err
		}
		out = append(out, obj)
	}
	return out, l, nil
}
