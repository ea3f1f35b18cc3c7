package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/pkg/registry/fieldmanager"
)

// Field management: who owns which field. The registry calls it between what
// the client wants and what the kind makes of it, so that a client owns what it
// asked for; a write without Request.FieldManager is not recorded.

// newFieldManagers makes the managers of an endpoint: of the object itself
// (""), of its subresources that change it, and of its Scale.
func newFieldManagers(types *fieldmanager.Types, e *Endpoint, all []*Endpoint) map[string]*fieldmanager.Manager {
	config := fieldmanager.Config{Types: types, Kind: e.GVK, Versions: versions(all), Default: func(o runtime.Object) {
		if obj, ok := o.(Object); ok && e.Default != nil && (e.Served == nil || e.Served.FromStored == nil) {
			e.Default(obj)
		}
	}}
	managers := map[string]*fieldmanager.Manager{}
	add := func(subresource string, ignored, only []string) {
		c := config
		c.Subresource, c.Ignored, c.Only = subresource, ignored, only
		managers[subresource] = fieldmanager.New(c)
	}
	hasStatus := e.Status != nil && !e.NoStatusSubresource
	var status []string
	if hasStatus {
		status = []string{"status"}
		ignored := e.IgnoredByStatus
		if ignored == nil {
			ignored = []string{"spec"}
		}
		add("status", ignored, nil)
	}
	add("", status, nil)
	for i := range e.Parts {
		add(e.Parts[i].Name, e.Parts[i].Ignored, e.Parts[i].Owns)
	}
	if e.Scale != nil {
		managers["scale"] = fieldmanager.New(fieldmanager.Config{Types: types, Subresource: "scale", Versions: scaleVersions{},
			Kind: autoscalingv1.SchemeGroupVersion.WithKind("Scale"), Document: e.GVK.GroupVersion()})
	}
	return managers
}

// versions are the endpoints of one Resource.
type versions []*Endpoint

func (v versions) find(match func(schema.GroupVersionKind) bool) *Endpoint {
	if i := slices.IndexFunc(v, func(e *Endpoint) bool { return match(e.GVK) }); i >= 0 {
		return v[i]
	}
	return nil
}

func (v versions) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	e := v.find(func(k schema.GroupVersionKind) bool { return k == gvk })
	if e == nil {
		return nil, runtime.NewNotRegisteredErrForKind("registry", gvk)
	}
	return e.NewServed()
}

func (v versions) Convert(o runtime.Object, gv schema.GroupVersion) (runtime.Object, error) {
	gvk := o.GetObjectKind().GroupVersionKind()
	from := v.find(func(k schema.GroupVersionKind) bool { return k == gvk })
	to := v.find(func(k schema.GroupVersionKind) bool { return k.GroupVersion() == gv })
	if from == nil || to == nil {
		return nil, runtime.NewNotRegisteredGVKErrForTarget("registry", gvk, gv)
	}
	stored, err := from.ToStored(o.DeepCopyObject())
	if err != nil {
		return nil, err
	}
	out, err := to.FromStored(stored)
	if err != nil {
		return nil, err
	}
	out.GetObjectKind().SetGroupVersionKind(to.GVK)
	return out, nil
}

// scaleVersions is the one version of Scale.
type scaleVersions struct{}

func (scaleVersions) New(schema.GroupVersionKind) (runtime.Object, error) {
	return &autoscalingv1.Scale{}, nil
}

func (scaleVersions) Convert(o runtime.Object, gv schema.GroupVersion) (runtime.Object, error) {
	return nil, runtime.NewNotRegisteredGVKErrForTarget("registry", o.GetObjectKind().GroupVersionKind(), gv)
}

// trackCreate records the manager of a new object.
func (e *Endpoint) trackCreate(r *Request, obj Object) error {
	m := e.managers[""]
	if m == nil || r.FieldManager == "" {
		obj.SetManagedFields(nil)
		return nil
	}
	// What a client may not set on create is not its own either.
	wipeSystemFields(obj)
	if e.Served == nil {
		m.Create(obj, r.FieldManager, r.Now)
		return nil
	}
	served, err := e.served(obj)
	if err != nil {
		return err
	}
	m.Create(served, r.FieldManager, r.Now)
	obj.SetManagedFields(served.GetManagedFields())
	return nil
}

// trackUpdate records the manager of what obj changes of old. It returns the
// object to write, which is a copy of old when nothing but times changed.
func (e *Endpoint) trackUpdate(r *Request, subresource string, obj, old Object) (Object, error) {
	m := e.managers[subresource]
	if m == nil || r.FieldManager == "" {
		obj.SetManagedFields(old.GetManagedFields())
		return obj, nil
	}
	newServed, err := e.served(obj)
	if err != nil {
		return nil, err
	}
	oldServed, err := e.served(old)
	if err != nil {
		return nil, err
	}
	m.Update(oldServed, newServed, r.FieldManager, r.Now)
	obj.SetManagedFields(newServed.GetManagedFields())
	return dropTimes(obj, old), nil
}

// served is an object in the version of the endpoint.
func (e *Endpoint) served(obj Object) (Object, error) {
	if e.Served == nil {
		return obj, nil
	}
	o, err := e.FromStored(obj)
	if err != nil {
		return nil, err
	}
	served, ok := o.(Object)
	if !ok {
		return nil, fmt.Errorf("%T has no object metadata", o)
	}
	return served, nil
}

// dropTimes returns old instead of obj when they differ in nothing but the times
// of managed fields: such a write is no change.
func dropTimes(obj, old Object) Object {
	was, is := old.GetManagedFields(), obj.GetManagedFields()
	if len(was) != len(is) {
		return obj
	}
	moved := false
	for i := range is {
		a, b := &is[i], &was[i]
		if a.Manager != b.Manager || a.Operation != b.Operation || a.APIVersion != b.APIVersion || a.FieldsType != b.FieldsType ||
			a.Subresource != b.Subresource || (a.FieldsV1 == nil) != (b.FieldsV1 == nil) || a.FieldsV1 != nil && !a.FieldsV1.Equal(*b.FieldsV1) {
			return obj
		}
		moved = moved || !a.Time.Equal(b.Time)
	}
	if !moved {
		return obj
	}
	obj.SetManagedFields(was)
	same := equality.Semantic.DeepEqual(obj, old)
	obj.SetManagedFields(is)
	if same {
		return copyOf(old)
	}
	return obj
}

// Configuration is what a client applies.
type Configuration struct {
	Patch *unstructured.Unstructured // only read
	Force bool                       // take fields that others own
	// MayCreate is asked before an object is made.
	MayCreate func() error
	// Check checks and completes the merged object. It may be called again after
	// a conflict of versions.
	Check func(Object) error
}

// Apply is server-side apply: it merges a configuration into the object, or
// makes the object of it. Request.FieldManager must be set.
func (g *Registry) Apply(ctx context.Context, e *Endpoint, r *Request, subresource string, c Configuration) (*Result, error) {
	m := e.managers[subresource]
	if m == nil {
		return nil, apierrors.NewMethodNotSupported(e.ServedResource(), "apply")
	}
	return g.update(ctx, e, r, subresource, updating{tracked: true, patched: true, mayCreate: c.MayCreate, change: func(cur Object) (Object, error) {
		creating := cur == nil
		if creating {
			cur = e.New()
		}
		live, err := e.served(cur)
		if err != nil {
			return nil, err
		}
		applied, err := m.Apply(live, c.Patch.DeepCopy(), r.FieldManager, c.Force, r.Now)
		if err != nil {
			return nil, applyError(err)
		}
		obj, err := e.ToStored(applied)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if e.Default != nil {
			e.Default(obj)
		}
		if uid := obj.GetUID(); creating && uid != "" {
			return nil, apierrors.NewConflict(e.ServedResource(), r.Name,
				fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
		}
		if err := c.Check(obj); err != nil {
			return nil, err
		}
		if creating {
			return obj, nil
		}
		return dropTimes(obj, cur), nil
	}})
}

// applyError is what a client is told whose configuration cannot be merged.
func applyError(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return err
	}
	return PlainError(err.Error())
}

// wipeSystemFields takes from a new object what only the server sets.
func wipeSystemFields(obj Object) {
	obj.SetUID("")
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
}

// replicasPath is where every kind that scales has its replicas.
var replicasPath = []string{"spec", "replicas"}

// UpdateScale changes an object through its Scale. change makes the new Scale
// from the current one and may be called again after a conflict.
func (g *Registry) UpdateScale(ctx context.Context, e *Endpoint, r *Request, change func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error)) (*autoscalingv1.Scale, *Result, error) {
	return g.updateScale(ctx, e, r, func(m *fieldmanager.Manager, cur *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		scale, err := change(cur.DeepCopy())
		if err != nil || r.FieldManager == "" {
			return scale, err
		}
		m.Update(cur, scale, r.FieldManager, r.Now)
		return scale, nil
	})
}

// ApplyScale merges a configuration of a Scale into an object's Scale.
func (g *Registry) ApplyScale(ctx context.Context, e *Endpoint, r *Request, patch *unstructured.Unstructured, force bool, check func(*autoscalingv1.Scale) error) (*autoscalingv1.Scale, *Result, error) {
	return g.updateScale(ctx, e, r, func(m *fieldmanager.Manager, cur *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		applied, err := m.Apply(cur, patch.DeepCopy(), r.FieldManager, force, r.Now)
		if err != nil {
			return nil, applyError(err)
		}
		scale, ok := applied.(*autoscalingv1.Scale)
		if !ok {
			return nil, apierrors.NewInternalError(fmt.Errorf("applying to a Scale gave a %T", applied))
		}
		return scale, check(scale)
	})
}

// updateScale gives change the current Scale with the part of the managed fields
// that is about it, and puts back what change makes of both.
func (g *Registry) updateScale(ctx context.Context, e *Endpoint, r *Request, change func(*fieldmanager.Manager, *autoscalingv1.Scale) (*autoscalingv1.Scale, error)) (*autoscalingv1.Scale, *Result, error) {
	m := e.managers["scale"]
	res, err := g.update(ctx, e, r, "", updating{tracked: true, change: func(cur Object) (Object, error) {
		if cur == nil {
			return nil, apierrors.NewNotFound(e.ServedResource(), r.Name)
		}
		managed := fieldmanager.Scale{Entries: cur.GetManagedFields(), GroupVersion: e.GVK.GroupVersion(), Replicas: replicasPath}
		scale := e.ScaleOf(cur)
		scale.ManagedFields = managed.ToScale()
		scale, err := change(m, scale)
		if err != nil {
			return nil, err
		}
		if err := validateScale(scale); err != nil {
			return nil, err
		}
		cur.SetUID(scale.UID)
		cur.SetResourceVersion(scale.ResourceVersion)
		cur.SetManagedFields(managed.FromScale(scale.ManagedFields))
		e.Scale.SetReplicas(cur, scale.Spec.Replicas)
		return cur, nil
	}})
	if err != nil {
		return nil, nil, err
	}
	return e.ScaleOf(res.Object), res, nil
}
