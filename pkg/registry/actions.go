package registry

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Act runs one of the kind's Actions: a POST of another kind to an object.
func (g *Registry) Act(ctx context.Context, e *Endpoint, r *Request, name string, body runtime.Object) (runtime.Object, error) {
	for i := range e.Actions {
		if a := &e.Actions[i]; a.Name == name {
			return a.Do(ctx, r, &acts{g: g, e: e, r: r}, body)
		}
	}
	return nil, apierrors.NewInternalError(fmt.Errorf("%s has no action %q", e.GVR.Resource, name))
}

// acts is what an Action can do with its object.
type acts struct {
	g *Registry
	e *Endpoint
	r *Request
}

func (a *acts) Get(ctx context.Context) (Object, error) {
	o, err := a.g.Get(ctx, a.e, a.r.Namespace, a.r.Name, "")
	if err != nil {
		return nil, err
	}
	return a.e.Decode(o)
}

func (a *acts) Update(ctx context.Context, change func(Object) error) (Object, error) {
	res, err := a.g.write(ctx, a.e, a.r, func(cur Object) (Object, error) { return cur, change(cur) })
	if err != nil {
		return nil, err
	}
	return res.Object, nil
}

func (a *acts) Delete(ctx context.Context, opts *metav1.DeleteOptions) error {
	_, err := a.g.Delete(ctx, a.e, a.r, opts)
	return err
}

// write is Update without the rules of update: what an action or the server
// itself changes, generation and metadata rules apart, stands.
func (g *Registry) write(ctx context.Context, e *Endpoint, r *Request, change Change) (*Result, error) {
	for fresh := false; ; fresh = true {
		cur, err := g.current(ctx, e, r.Namespace, r.Name, fresh)
		if err != nil {
			return nil, err
		}
		if cur == nil {
			if fresh {
				return nil, apierrors.NewNotFound(e.ServedResource(), r.Name)
			}
			continue
		}
		obj, err := e.Decode(cur)
		if err != nil {
			return nil, err
		}
		old := copyOf(obj)
		if obj, err = change(obj); err != nil {
			if fresh {
				return nil, err
			}
			continue
		}
		if e.specChanged(obj, old) {
			obj.SetGeneration(old.GetGeneration() + 1)
		}
		value, err := e.encode(obj)
		if err != nil {
			return nil, storeError(err)
		}
		if r.DryRun {
			obj.SetResourceVersion(old.GetResourceVersion())
			return &Result{Object: obj, Revision: cur.Revision()}, nil
		}
		res, err := g.put(ctx, e, e.key(r.Namespace, r.Name), cur.Revision(), obj, value)
		if err != nil || res != nil {
			return res, err
		}
		if err := ctx.Err(); err != nil {
			return nil, storeError(err)
		}
	}
}

// ScaleOf projects an object on its Scale.
func (e *Endpoint) ScaleOf(obj Object) *autoscalingv1.Scale {
	s := &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{Kind: "Scale", APIVersion: "autoscaling/v1"},
		ObjectMeta: metav1.ObjectMeta{Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp()},
	}
	s.Spec.Replicas = e.Scale.Replicas(obj)
	s.Status.Replicas = e.Scale.StatusReplicas(obj)
	s.Status.Selector = e.Scale.Selector(obj)
	return s
}

func validateScale(s *autoscalingv1.Scale) error {
	if s.Spec.Replicas >= 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: "autoscaling", Kind: "Scale"}, s.Name, field.ErrorList{
		field.Invalid(field.NewPath("spec", "replicas"), s.Spec.Replicas, "must be greater than or equal to 0").WithOrigin("minimum")})
}
