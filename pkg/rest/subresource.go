package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/binnacle-io/binnacle/api"
	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

var scaleKind = schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}

var partVerbs = []string{"get", "patch", "update"}

// routeSubresource finds the operation of a path below an object.
func (c *call) routeSubresource() (operation, error) {
	t := &c.target
	if c.ep.Namespaced != (t.namespace != "") {
		return nil, notFoundPath()
	}
	for i := range c.ep.Connects {
		if k := &c.ep.Connects[i]; k.Name == t.subresource && (t.rest == "" || k.WithPath) {
			return connectOperation(k), nil
		}
	}
	if t.rest != "" {
		return nil, notFoundPath()
	}
	verbs, ops := c.subresource(t.subresource)
	if verbs == nil {
		return nil, notFoundPath()
	}
	if op := ops[c.verb]; op != nil && slices.Contains(verbs, c.verb) {
		return op, nil
	}
	return nil, methodNotAllowed()
}

// subresource finds the verbs and operations of a subresource by name; no verbs
// when there is none.
func (c *call) subresource(name string) (verbs []string, ops map[string]operation) {
	part := map[string]operation{"get": (*call).get, "update": (*call).update, "patch": (*call).patch}
	switch {
	case name == "status" && c.ep.Status != nil && !c.ep.NoStatusSubresource:
		return partVerbs, part
	case name == "scale" && c.ep.Scale != nil:
		return partVerbs, map[string]operation{"get": (*call).getScale, "update": (*call).updateScale, "patch": (*call).patchScale}
	}
	for i := range c.ep.Parts {
		if p := &c.ep.Parts[i]; p.Name == name {
			return p.Verbs, part
		}
	}
	for i := range c.ep.Actions {
		if a := &c.ep.Actions[i]; a.Name == name {
			return []string{"create"}, map[string]operation{"create": func(c *call, ctx context.Context) error { return c.act(ctx, a) }}
		}
	}
	return nil, nil
}

// connectOperation answers for a subresource that leads to a running pod, node
// or service: the object must exist, and then there is nothing that runs it.
func connectOperation(k *registry.Connect) operation {
	return func(c *call, ctx context.Context) error {
		if _, err := c.Registry.Get(ctx, c.ep, c.target.namespace, c.target.name, ""); err != nil {
			return err
		}
		return apierrors.NewBadRequest(fmt.Sprintf("%s/%s needs a kubelet or a network to the %s, and this server has neither", c.target.resource, k.Name, c.ep.Singular))
	}
}

// act runs an action: decode its body, do it, answer with what it returns.
func (c *call) act(ctx context.Context, a *registry.Action[registry.Object]) error {
	m, err := bodyMedium(c.r)
	if err != nil {
		return err
	}
	raw, err := c.readBody()
	if err != nil {
		return err
	}
	var opts metav1.CreateOptions
	if err := options(c, "CreateOptions", &opts, metavalidation.ValidateCreateOptions); err != nil {
		return err
	}
	into, err := api.Scheme().New(a.Kind)
	if err != nil {
		return err
	}
	body, err := codec.DecodeBody(raw, codecMedia[m], a.Kind, into, validation(opts.FieldValidation))
	if err != nil {
		return err
	}
	c.warn(body.Warnings...)
	if meta, ok := body.Object.(metav1.Object); ok {
		if err := c.checkNamespace(meta); err != nil {
			return err
		}
		if c.target.name == "" { // a POST to the collection: the body names the object
			c.target.name, c.req.Name = meta.GetName(), meta.GetName()
		}
		if name := meta.GetName(); name != "" && name != c.target.name {
			return apierrors.NewBadRequest(fmt.Sprintf("name in URL does not match name in %s object", a.Kind.Kind))
		}
		meta.SetName(c.target.name)
	}
	c.req.DryRun = len(opts.DryRun) > 0
	out, err := c.Registry.Act(ctx, c.ep, &c.req, a.Name, body.Object)
	if err != nil {
		return err
	}
	gvk := a.Kind
	if _, ok := out.(*metav1.Status); ok {
		gvk = statusKind
	}
	return c.other(http.StatusCreated, out, gvk)
}

// scaleColumns are how kubectl get shows a Scale.
var scaleColumns = []registry.Column{
	{Name: "Name", Type: "string", Description: "Name must be unique within a namespace."},
	{Name: "Desired", Type: "integer", Description: "Number of desired pods."},
	{Name: "Available", Type: "integer", Description: "Number of pods that there are."},
	{Name: "Age", Type: "string", Description: "Time since the object was created."},
}

// scale answers with a Scale.
func (c *call) scale(s *autoscalingv1.Scale) error {
	if c.accept.shape != shapeTable {
		return c.other(http.StatusOK, s, scaleKind)
	}
	wire, err := codec.EncodeJSON(s, scaleKind)
	if err != nil {
		return err
	}
	body := c.tableHeadOf(nil, &metav1.ListMeta{ResourceVersion: s.ResourceVersion}, scaleColumns)
	body = append(body, `{"cells":`...)
	body = appendJSON(body, []any{s.Name, s.Spec.Replicas, s.Status.Replicas, duration.HumanDuration(c.Now().Sub(s.CreationTimestamp.Time))})
	body = append(body, `,"object":`...)
	if body, err = codec.AppendJSONMetadata(body, wire, c.accept.version, codec.Keep); err != nil {
		return err
	}
	if body, err = finish(c.accept.medium, append(body, "}]}"...)); err != nil {
		return err
	}
	c.send(http.StatusOK, c.accept.medium, body)
	return nil
}

func (c *call) getScale(ctx context.Context) error {
	o, err := c.Registry.Get(ctx, c.ep, c.target.namespace, c.target.name, first(c.query, "resourceVersion"))
	if err != nil {
		return err
	}
	obj, err := c.ep.Decode(o)
	if err != nil {
		return err
	}
	return c.scale(c.ep.ScaleOf(obj))
}

func (c *call) updateScale(ctx context.Context) error {
	m, err := bodyMedium(c.r)
	if err != nil {
		return err
	}
	raw, err := c.readBody()
	if err != nil {
		return err
	}
	var opts metav1.UpdateOptions
	if err := options(c, "UpdateOptions", &opts, metavalidation.ValidateUpdateOptions); err != nil {
		return err
	}
	body, err := codec.DecodeBody(raw, codecMedia[m], scaleKind, &autoscalingv1.Scale{}, validation(opts.FieldValidation))
	if err != nil {
		return err
	}
	c.warn(body.Warnings...)
	scale, ok := body.Object.(*autoscalingv1.Scale)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("the body is a %s, need %s", body.Kind, scaleKind))
	}
	if err := c.checkName(scale); err != nil {
		return err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	c.req.FieldManager = c.manager(opts.FieldManager)
	out, _, err := c.Registry.UpdateScale(ctx, c.ep, &c.req, func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		return scale.DeepCopy(), nil
	})
	if err != nil {
		return err
	}
	return c.scale(out)
}

func (c *call) patchScale(ctx context.Context) error {
	if isApply(c.r) {
		return c.applyScale(ctx)
	}
	p, v, err := c.readPatch()
	if err != nil {
		return err
	}
	out, _, err := c.Registry.UpdateScale(ctx, c.ep, &c.req, func(cur *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		obj, err := c.patchInto(cur, &autoscalingv1.Scale{}, scaleKind, p, v)
		if err != nil {
			return nil, err
		}
		scale, ok := obj.(*autoscalingv1.Scale)
		if !ok {
			return nil, apierrors.NewBadRequest("the patched object is not a Scale")
		}
		return scale, c.checkName(scale)
	})
	if err != nil {
		return err
	}
	return c.scale(out)
}

// bind serves a POST of a Binding to the namespace: it acts on the pod that the
// binding names, as pods/binding does.
func (c *call) bind(ctx context.Context) error {
	pods, ok := c.Registry.Lookup(c.target.gv.WithResource("pods"))
	if !ok {
		return methodNotAllowed()
	}
	i := slices.IndexFunc(pods.Actions, func(a registry.Action[registry.Object]) bool { return a.Name == "binding" })
	if i < 0 {
		return methodNotAllowed()
	}
	c.ep = pods
	return c.act(ctx, &pods.Actions[i])
}
