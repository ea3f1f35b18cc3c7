package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// Bindings are the older way to bind a pod: a POST to the namespace instead of
// to the pod. The kind stores nothing, and a kind's Create reaches no other
// kind's objects; whoever serves the POST hands it to the binding action of Pods.
func Bindings() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Binding]{
		Version: "v1", Kind: "Binding", Resource: "bindings", Namespaced: true,
		Create: func(_ context.Context, _ *registry.Request, b *corev1.Binding) (*corev1.Binding, error) {
			return nil, apierrors.NewMethodNotSupported(corev1.Resource("bindings"), "create")
		},
	})
}

// bindPod puts a pod on a node, once.
func bindPod(ctx context.Context, r *registry.Request, pods registry.Acts[*corev1.Pod], body runtime.Object) (runtime.Object, error) {
	b, ok := body.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding: %T", body))
	}
	if b.Name != "" && b.Name != r.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := validateBinding(b); len(errs) > 0 {
		return nil, plainFailure(errs.ToAggregate().Error())
	}
	if _, err := pods.Update(ctx, func(p *corev1.Pod) error {
		if err := bindable(r, b, p); err != nil {
			return err
		}
		assignNode(p, b, r.Now)
		return nil
	}); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess, Code: http.StatusCreated}, nil
}

func validateBinding(b *corev1.Binding) (errs field.ErrorList) {
	target := field.NewPath("target")
	if k := b.Target.Kind; k != "" && k != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), k, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	return errs
}

// plainFailure is how kube-apiserver answers with an error that no Status was
// made for: 500 and the text.
func plainFailure(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: message}}
}

// bindable says why a pod cannot be bound. The Binding's uid and resourceVersion
// are preconditions.
func bindable(r *registry.Request, b *corev1.Binding, p *corev1.Pod) error {
	broken := ""
	switch {
	case b.UID != "" && b.UID != p.UID:
		broken = fmt.Sprintf("UID in precondition: %s, UID in object meta: %s", b.UID, p.UID)
	case b.ResourceVersion != "" && b.ResourceVersion != p.ResourceVersion:
		broken = fmt.Sprintf("ResourceVersion in precondition: %s, ResourceVersion in object meta: %s", b.ResourceVersion, p.ResourceVersion)
	}
	if broken != "" {
		return apierrors.NewConflict(corev1.Resource("pods"), r.Name, fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: /registry/pods/%s/%s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: %s",
			r.Namespace, r.Name, broken))
	}
	var reason string
	switch {
	case p.DeletionTimestamp != nil:
		reason = fmt.Sprintf("pod %s is being deleted, cannot be assigned to a host", p.Name)
	case p.Spec.NodeName != "":
		reason = fmt.Sprintf("pod %s is already assigned to node %q", p.Name, p.Spec.NodeName)
	case len(p.Spec.SchedulingGates) > 0:
		reason = fmt.Sprintf("pod %s has non-empty .spec.schedulingGates", p.Name)
	default:
		return nil
	}
	return apierrors.NewConflict(corev1.Resource("pods/binding"), r.Name, errors.New(reason))
}

func assignNode(p *corev1.Pod, b *corev1.Binding, now metav1.Time) {
	p.Spec.NodeName = b.Target.Name
	p.Annotations = merged(p.Annotations, b.Annotations)
	p.Labels = merged(p.Labels, b.Labels)
	// The nomination has served its purpose.
	p.Status.NominatedNodeName = ""
	setPodCondition(&p.Status, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, now)
}

// merged puts from's entries into to, over those of the same key.
func merged(to, from map[string]string) map[string]string {
	if to == nil && len(from) > 0 {
		to = make(map[string]string, len(from))
	}
	for k, v := range from {
		to[k] = v
	}
	return to
}
