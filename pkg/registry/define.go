package registry

import (
	"context"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Resource is a Kind whose Go type is erased, with the defaults of its
// optional data filled in. It is immutable.
type Resource struct {
	Kind[Object]
	// New makes an empty object of the kind.
	New func() Object
}

// GroupResource names the resource in errors.
func (r *Resource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Group, Resource: r.Resource}
}

// StoredKind is the group, version and kind of the stored form.
func (r *Resource) StoredKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind.Kind}
}

// allVerbs are the verbs of a stored resource, as discovery lists them.
var allVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// Define erases a kind's Go type so that one implementation of the verbs serves
// every kind. It panics on a kind that could never be served: a mistake in the
// table, not in a request.
func Define[T Object](k Kind[T]) *Resource {
	if k.Kind == "" || k.Resource == "" || k.Version == "" {
		panic("registry: kind " + k.Kind + " lacks its kind, resource or version")
	}
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Pointer {
		panic("registry: kind " + k.Kind + " is not a pointer type")
	}
	r := &Resource{New: func() Object { return reflect.New(typ.Elem()).Interface().(Object) }}
	e := &r.Kind
	e.Group, e.Version, e.Kind = k.Group, k.Version, k.Kind
	e.Resource, e.Singular, e.ShortNames, e.Categories = k.Resource, k.Singular, k.ShortNames, k.Categories
	e.Namespaced, e.Prefix, e.Verbs = k.Namespaced, k.Prefix, k.Verbs
	if e.Singular == "" {
		e.Singular = strings.ToLower(k.Kind)
	}
	if e.Prefix == "" {
		e.Prefix = k.Resource
	}
	if e.Verbs == nil {
		e.Verbs = allVerbs
		if k.Create != nil {
			e.Verbs = []string{"create"}
		}
	}
	for _, s := range k.Also {
		e.Also = append(e.Also, eraseServed(s))
	}
	for _, f := range k.Fields {
		e.Fields = append(e.Fields, Field[Object]{Name: f.Name, Get: in(f.Get)})
	}
	e.WatchField, e.Columns, e.Cells, e.RowConditions = k.WatchField, k.Columns, in(k.Cells), in(k.RowConditions)
	e.Default, e.Prepare = in0(k.Default), withRequest(k.Prepare)
	e.PrepareUpdate, e.PrepareStatus = withRequest2(k.PrepareUpdate), withRequest2(k.PrepareStatus)
	e.Validate, e.ValidateUpdate, e.ValidateStatus = in(k.Validate), in2(k.ValidateUpdate), in2(k.ValidateStatus)
	e.Deprecated, e.Warnings, e.ValidateName = k.Deprecated, in(k.Warnings), k.ValidateName
	e.Spec, e.Status = in(k.Spec), in(k.Status)
	e.KeepStatusOnCreate, e.NoStatusSubresource, e.IgnoredByStatus = k.KeepStatusOnCreate, k.NoStatusSubresource, k.IgnoredByStatus
	e.AllowCreateOnUpdate, e.RefuseUnconditionalUpdate = k.AllowCreateOnUpdate, k.RefuseUnconditionalUpdate
	e.ReturnDeleted, e.OrphanByDefault, e.NoGarbageCollection = k.ReturnDeleted, k.OrphanByDefault, k.NoGarbageCollection
	if f := k.GracePeriod; f != nil {
		e.GracePeriod = func(o Object, asked *int64) int64 { return f(o.(T), asked) }
	}
	if f := k.BeforeDelete; f != nil {
		e.BeforeDelete = func(r *Request, o Object) error { return f(r, o.(T)) }
	}
	e.Finalized = in(k.Finalized)
	if f := k.TTL; f != nil {
		e.TTL = func(o Object) time.Duration { return f(o.(T)) }
	}
	if s := k.Scale; s != nil {
		e.Scale = &Scale[Object]{Replicas: in(s.Replicas), StatusReplicas: in(s.StatusReplicas), Selector: in(s.Selector),
			SetReplicas: func(o Object, n int32) { s.SetReplicas(o.(T), n) }}
	}
	for _, p := range k.Parts {
		e.Parts = append(e.Parts, Part[Object]{Name: p.Name, Verbs: p.Verbs, Owns: p.Owns, Ignored: p.Ignored, Prepare: withRequest2(p.Prepare), Validate: in2(p.Validate)})
	}
	for _, a := range k.Actions {
		e.Actions = append(e.Actions, Action[Object]{Name: a.Name, Kind: a.Kind,
			Do: func(ctx context.Context, r *Request, objects Acts[Object], body runtime.Object) (runtime.Object, error) {
				return a.Do(ctx, r, typedActs[T]{objects}, body)
			}})
	}
	e.Connects = k.Connects
	if f := k.Create; f != nil {
		e.Create = func(ctx context.Context, r *Request, o Object) (Object, error) { return f(ctx, r, o.(T)) }
	}
	return r
}

func eraseServed[T Object](s Served[T]) Served[Object] {
	e := Served[Object]{Group: s.Group, Version: s.Version, Kind: s.Kind, Fields: s.Fields, Columns: s.Columns, Cells: in(s.Cells)}
	if f := s.ToStored; f != nil {
		e.ToStored = func(o runtime.Object) (Object, error) { return f(o) }
	}
	if f := s.FromStored; f != nil {
		e.FromStored = func(o Object) (runtime.Object, error) { return f(o.(T)) }
	}
	return e
}

func in0[T Object](f func(T)) func(Object) {
	if f == nil {
		return nil
	}
	return func(o Object) { f(o.(T)) }
}

func in[T Object, R any](f func(T) R) func(Object) R {
	if f == nil {
		return nil
	}
	return func(o Object) R { return f(o.(T)) }
}

func in2[T Object](f func(a, b T) field.ErrorList) func(a, b Object) field.ErrorList {
	if f == nil {
		return nil
	}
	return func(a, b Object) field.ErrorList { return f(a.(T), b.(T)) }
}

func withRequest[T Object](f func(*Request, T)) func(*Request, Object) {
	if f == nil {
		return nil
	}
	return func(r *Request, o Object) { f(r, o.(T)) }
}

func withRequest2[T Object](f func(*Request, T, T)) func(*Request, Object, Object) {
	if f == nil {
		return nil
	}
	return func(r *Request, a, b Object) { f(r, a.(T), b.(T)) }
}

// typedActs gives an Action its object under its own Go type.
type typedActs[T Object] struct{ a Acts[Object] }

func (t typedActs[T]) Get(ctx context.Context) (T, error) {
	o, err := t.a.Get(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return o.(T), nil
}

func (t typedActs[T]) Update(ctx context.Context, change func(T) error) (T, error) {
	o, err := t.a.Update(ctx, func(o Object) error { return change(o.(T)) })
	if err != nil {
		var none T
		return none, err
	}
	return o.(T), nil
}

func (t typedActs[T]) Delete(ctx context.Context, opts *metav1.DeleteOptions) error {
	return t.a.Delete(ctx, opts)
}
