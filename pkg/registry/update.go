package registry

import (
	"context"
	"strconv"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/equal"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// Change makes the object to be written from the current one, which is nil when
// there is none and the update may create. current is Change's own. It is
// called again, on a fresher object, after a conflict; what it returns belongs
// to the registry. The object returned has been defaulted.
type Change func(current Object) (Object, error)

// Update changes an object. subresource is "" for the object itself, "status" or
// the name of one of the kind's Parts.
func (g *Registry) Update(ctx context.Context, e *Endpoint, r *Request, subresource string, change Change) (*Result, error) {
	return g.update(ctx, e, r, subresource, updating{change: change})
}

// Patch is Update with a change that was made from the current object: a UID in
// it is no precondition but a change, which is refused.
func (g *Registry) Patch(ctx context.Context, e *Endpoint, r *Request, subresource string, change Change) (*Result, error) {
	return g.update(ctx, e, r, subresource, updating{change: change, patched: true})
}

// updating is how an object is to be updated.
type updating struct {
	change Change
	// tracked says that change keeps the managed fields itself.
	tracked bool
	// patched says that change makes the object from the current one.
	patched bool
	// mayCreate lets the update create whatever the kind says, unless it returns
	// an error.
	mayCreate func() error
}

func (g *Registry) update(ctx context.Context, e *Endpoint, r *Request, subresource string, u updating) (*Result, error) {
	fresh := false
	for {
		cur, err := g.current(ctx, e, r.Namespace, r.Name, fresh)
		if err != nil {
			return nil, err
		}
		res, err := g.updateOnce(ctx, e, r, subresource, cur, u, fresh)
		switch {
		case err != nil && !fresh && fromCache(err):
			// It was concluded from a cache that may lag.
		case err != nil || res != nil:
			return res, unwrapCache(err)
		}
		fresh = true
		if err := ctx.Err(); err != nil {
			return nil, storeError(err)
		}
	}
}

// cacheError marks an error that was concluded from the cached object alone.
type cacheError struct{ error }

func (c cacheError) Unwrap() error { return c.error }

func fromCache(err error) bool {
	_, ok := err.(cacheError)
	return ok
}

// unwrapCache takes the mark off again.
func unwrapCache(err error) error {
	if c, ok := err.(cacheError); ok {
		return c.error
	}
	return err
}

// updateOnce is one attempt. It returns neither result nor error when the
// object changed meanwhile or must be read afresh first.
func (g *Registry) updateOnce(ctx context.Context, e *Endpoint, r *Request, sub string, cur *watchcache.Object, u updating, fresh bool) (*Result, error) {
	if cur == nil {
		return g.updateAbsent(ctx, e, r, sub, u)
	}
	old, err := e.Decode(cur)
	if err != nil {
		return nil, err
	}
	obj, err := u.change(copyOf(old))
	if err != nil {
		return nil, cacheError{err}
	}
	if !u.tracked {
		if obj, err = e.trackUpdate(r, sub, obj, old); err != nil {
			return nil, storeError(err)
		}
	}
	if err := e.checkUpdate(obj, old, u.patched); err != nil {
		return nil, cacheError{err}
	}
	if errs := e.prepareUpdate(r, sub, obj, old); len(errs) > 0 {
		return nil, cacheError{apierrors.NewInvalid(e.StoredKind().GroupKind(), r.Name, errs)}
	}
	goes := e.finishes(obj)
	value, err := e.encode(obj)
	if err != nil {
		return nil, storeError(err)
	}
	if !goes && unchanged(cur, value) {
		if !fresh {
			return nil, nil
		}
		obj.SetResourceVersion(strconv.FormatInt(cur.Revision(), 10))
		return &Result{Object: obj, Revision: cur.Revision(), Forms: cur.Forms()}, nil
	}
	if r.DryRun {
		if !fresh {
			return nil, nil
		}
		obj.SetResourceVersion(strconv.FormatInt(cur.Revision(), 10))
		return &Result{Object: obj, Revision: cur.Revision()}, nil
	}
	key := e.key(r.Namespace, r.Name)
	if goes {
		rev, err := g.remove(ctx, e, key, cur.Revision())
		if err != nil || rev == 0 {
			return nil, err
		}
		obj.SetResourceVersion(strconv.FormatInt(rev, 10))
		return &Result{Object: obj, Revision: rev}, nil
	}
	return g.put(ctx, e, key, cur.Revision(), obj, value)
}

// updateAbsent handles an update of an object that is not there.
func (g *Registry) updateAbsent(ctx context.Context, e *Endpoint, r *Request, sub string, u updating) (*Result, error) {
	if sub != "" || !e.AllowCreateOnUpdate && u.mayCreate == nil {
		return nil, cacheError{apierrors.NewNotFound(e.ServedResource(), r.Name)}
	}
	obj, err := u.change(nil)
	if err != nil {
		return nil, cacheError{err}
	}
	if u.mayCreate != nil {
		if err := u.mayCreate(); err != nil {
			return nil, cacheError{err}
		}
	}
	if uid := obj.GetUID(); uid != "" {
		return nil, cacheError{uidPrecondition(e.ServedResource(), e.key(r.Namespace, r.Name), r.Name, string(uid), "")}
	}
	if !u.tracked {
		if err := e.trackCreate(r, obj); err != nil {
			return nil, storeError(err)
		}
	}
	obj.SetResourceVersion("")
	res, err := g.create(ctx, e, r, obj)
	if apierrors.IsAlreadyExists(err) { // made meanwhile: update it
		return nil, nil
	}
	return res, err
}

// checkUpdate compares what the client knows of the object with what is there.
func (e *Endpoint) checkUpdate(obj, old Object, patched bool) error {
	name := old.GetName()
	if uid := obj.GetUID(); !patched && uid != "" && uid != old.GetUID() {
		return uidPrecondition(e.ServedResource(), e.key(old.GetNamespace(), name), name, string(uid), string(old.GetUID()))
	}
	switch rv := obj.GetResourceVersion(); {
	case rv == "" || rv == "0":
		if e.RefuseUnconditionalUpdate {
			gk := e.GVK.GroupKind()
			gk.Kind = e.GVR.Resource
			return apierrors.NewInvalid(gk, name, field.ErrorList{
				field.Invalid(field.NewPath("metadata", "resourceVersion"), uint64(0), "must be specified for an update")})
		}
	case rv != old.GetResourceVersion():
		if _, err := strconv.ParseUint(rv, 10, 64); err != nil {
			return PlainError(err.Error())
		}
		return apierrors.NewConflict(e.ServedResource(), name, errOptimisticLock)
	}
	return nil
}

// prepareUpdate restores what this write may not change, moves the generation
// and returns what is wrong with the change.
func (e *Endpoint) prepareUpdate(r *Request, sub string, obj, old Object) field.ErrorList {
	obj.SetResourceVersion(old.GetResourceVersion())
	obj.SetNamespace(old.GetNamespace())
	if obj.GetUID() == "" {
		obj.SetUID(old.GetUID())
	}
	obj.SetGeneration(old.GetGeneration())
	obj.SetCreationTimestamp(old.GetCreationTimestamp())
	obj.SetSelfLink(old.GetSelfLink())
	if old.GetDeletionTimestamp() != nil {
		obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
	}
	if obj.GetDeletionGracePeriodSeconds() == nil {
		obj.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	}
	var own func(obj, old Object) field.ErrorList
	switch sub {
	case "":
		if e.Status != nil && !e.NoStatusSubresource {
			e.copyStatus(obj, old)
		}
		if e.PrepareUpdate != nil {
			e.PrepareUpdate(r, obj, old)
		}
		own = e.ValidateUpdate
	case "status":
		e.keepButStatus(obj, old)
		if e.PrepareStatus != nil {
			e.PrepareStatus(r, obj, old)
		}
		own = e.ValidateStatus
	default:
		p := e.part(sub)
		if p.Prepare != nil {
			p.Prepare(r, obj, old)
		}
		own = p.Validate
	}
	dropRepeatedOwners(obj)
	if sub != "status" && e.specChanged(obj, old) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
	errs := e.validateMetaUpdate(obj, old)
	if sub == "" && e.Validate != nil {
		errs = append(errs, e.Validate(obj)...)
	}
	if own != nil {
		errs = append(errs, own(obj, old)...)
	}
	return errs
}

// validateMetaUpdate checks the metadata of a change. kube-apiserver checks it
// once for all kinds and once for each, so that every fault is a cause twice.
func (e *Endpoint) validateMetaUpdate(obj, old Object) field.ErrorList {
	path := field.NewPath("metadata")
	errs := validation.ValidateObjectMetaAccessorUpdate(obj, old, path)
	errs = append(errs, e.validateMeta(obj)...)
	return append(errs, errs...)
}

// specChanged reports whether the part changed that moves the generation.
func (e *Endpoint) specChanged(obj, old Object) bool {
	return e.Spec != nil && !equal.Semantic(e.Spec(obj), e.Spec(old))
}

// keepButStatus makes obj the old object with obj's own metadata and status.
func (e *Endpoint) keepButStatus(obj, old Object) {
	kept := copyOf(old)
	copyMeta(kept, obj)
	e.copyStatus(kept, obj)
	assign(obj, kept)
}

func (e *Endpoint) part(name string) *Part[Object] {
	for i := range e.Parts {
		if e.Parts[i].Name == name {
			return &e.Parts[i]
		}
	}
	panic("registry: " + e.Resource.Resource + " has no subresource " + name)
}

// finishes reports whether nothing holds a deleted object any more.
func (e *Endpoint) finishes(obj Object) bool {
	if obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	if s := obj.GetDeletionGracePeriodSeconds(); s != nil && *s > 0 {
		return false
	}
	return e.Finalized == nil || e.Finalized(obj)
}
