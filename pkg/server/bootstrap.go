package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/manifests"
	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

// bootstrapper makes what must exist.
type bootstrapper struct {
	registry *registry.Registry
	log      *slog.Logger
	now      func() time.Time
	service  netip.Prefix // service addresses
	address  netip.Addr   // of this server, for the endpoints
	port     int32
}

// systemUser makes the bootstrap objects.
var systemUser = registry.User{Name: "system:apiserver", Groups: []string{auth.GroupMasters, auth.GroupAuthenticated}}

// run creates the objects that are missing and keeps the endpoints of the
// kubernetes Service.
func (b *bootstrapper) run(ctx context.Context) error {
	files, err := fs.Glob(manifests.Bootstrap, "bootstrap/*.yaml")
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := manifests.Bootstrap.ReadFile(f)
		if err != nil {
			return err
		}
		if err := b.file(ctx, data); err != nil {
			return fmt.Errorf("bootstrap objects of %s: %w", f, err)
		}
	}
	if err := b.endpoints(ctx); err != nil {
		return fmt.Errorf("endpoints of the kubernetes service: %w", err)
	}
	return nil
}

func (b *bootstrapper) file(ctx context.Context, data []byte) error {
	docs := utilyaml.NewYAMLReader(newBufio(bytes.NewReader(data)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &head); err != nil {
			return err
		}
		if head.Kind == "" { // the comment before the first document
			continue
		}
		if err := b.document(ctx, doc, head.GroupVersionKind()); err != nil {
			return err
		}
	}
}

func (b *bootstrapper) document(ctx context.Context, doc []byte, gvk schema.GroupVersionKind) error {
	i := slices.IndexFunc(b.registry.Endpoints(), func(e *registry.Endpoint) bool { return e.GVK == gvk })
	if i < 0 {
		return fmt.Errorf("%v is not served", gvk)
	}
	ep := b.registry.Endpoints()[i]
	obj := ep.New()
	body, err := codec.DecodeBody(doc, codec.YAML, gvk, obj, codec.Strict)
	if err != nil {
		return err
	}
	b.fill(body.Object)
	return b.ensure(ctx, ep, obj)
}

// fill puts the server's addresses into the objects that carry them.
func (b *bootstrapper) fill(o runtime.Object) {
	switch o := o.(type) {
	case *networkingv1.ServiceCIDR:
		o.Spec.CIDRs = []string{b.service.String()}
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].LastTransitionTime = metav1.NewTime(b.now())
		}
	case *flowcontrolv1.FlowSchema:
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].LastTransitionTime = metav1.NewTime(b.now())
		}
	case *corev1.Service:
		ip := b.service.Masked().Addr().Next().String()
		o.Spec.ClusterIP, o.Spec.ClusterIPs = ip, []string{ip}
		if b.service.Addr().Is6() {
			o.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol}
		}
		o.Spec.Ports[0].TargetPort.IntVal = b.port
	}
}

// ensure creates an object unless it exists, with its status if it has one.
func (b *bootstrapper) ensure(ctx context.Context, ep *registry.Endpoint, obj registry.Object) error {
	r := &registry.Request{User: systemUser, Namespace: obj.GetNamespace(), Name: obj.GetName(), Now: metav1.NewTime(b.now()).Rfc3339Copy()}
	if ep.Default != nil {
		ep.Default(obj)
	}
	withStatus := obj.DeepCopyObject().(registry.Object)
	cur, err := b.registry.Get(ctx, ep, r.Namespace, r.Name, "")
	switch {
	case apierrors.IsNotFound(err):
		if _, err := b.registry.Create(ctx, ep, r, obj); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	case err != nil:
		return err
	default: // an earlier start may have ended between the object and its status
		have, err := ep.Decode(cur)
		if err != nil {
			return err
		}
		if ep.Status == nil || !reflect.ValueOf(ep.Status(have)).Elem().IsZero() {
			return nil
		}
	}
	if ep.Status == nil || ep.NoStatusSubresource || reflect.ValueOf(ep.Status(withStatus)).Elem().IsZero() {
		return nil
	}
	_, err = b.registry.Update(ctx, ep, r, "status", func(cur registry.Object) (registry.Object, error) {
		next := withStatus.DeepCopyObject().(registry.Object)
		next.SetUID(cur.GetUID())
		next.SetResourceVersion(cur.GetResourceVersion())
		next.SetLabels(cur.GetLabels())
		next.SetFinalizers(cur.GetFinalizers())
		return next, nil
	})
	return err
}

// endpoints points the kubernetes Service at this server.
func (b *bootstrapper) endpoints(ctx context.Context) error {
	const name, namespace = "kubernetes", metav1.NamespaceDefault
	port, proto, portName := b.port, corev1.ProtocolTCP, "https"
	ep := &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}},
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: b.address.String()}},
			Ports:     []corev1.EndpointPort{{Name: portName, Port: port, Protocol: proto}},
		}},
	}
	ready := true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{b.address.String()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port, Protocol: &proto}},
	}
	if b.address.Is6() {
		slice.AddressType = discoveryv1.AddressTypeIPv6
	}
	if err := b.keep(ctx, corev1.SchemeGroupVersion.WithResource("endpoints"), ep, func(o registry.Object) {
		o.(*corev1.Endpoints).Subsets = ep.Subsets
	}); err != nil {
		return err
	}
	return b.keep(ctx, discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), slice, func(o registry.Object) {
		o.(*discoveryv1.EndpointSlice).Endpoints, o.(*discoveryv1.EndpointSlice).Ports = slice.Endpoints, slice.Ports
	})
}

// keep creates an object or brings the one that exists up to date.
func (b *bootstrapper) keep(ctx context.Context, gvr schema.GroupVersionResource, obj registry.Object, set func(registry.Object)) error {
	e, ok := b.registry.Lookup(gvr)
	if !ok {
		return fmt.Errorf("%v is not served", gvr)
	}
	r := &registry.Request{User: systemUser, Namespace: obj.GetNamespace(), Name: obj.GetName(), Now: metav1.NewTime(b.now()).Rfc3339Copy()}
	_, err := b.registry.Create(ctx, e, r, obj.DeepCopyObject().(registry.Object))
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	_, err = b.registry.Update(ctx, e, r, "", func(cur registry.Object) (registry.Object, error) {
		set(cur)
		return cur, nil
	})
	return err
}

func newBufio(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }
