package rest

import (
	"context"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	listscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

// deleteOptions reads the options from the body or, without one, from the query.
func (c *call) deleteOptions() (*metav1.DeleteOptions, error) {
	opts := &metav1.DeleteOptions{}
	body, err := c.readBody()
	if err != nil {
		return nil, err
	}
	switch {
	case len(body) > 0:
		m, err := bodyMedium(c.r)
		if err != nil {
			return nil, err
		}
		if err := decodeDeleteOptions(body, m, opts); err != nil {
			return nil, err
		}
	case len(c.query) > 0:
		if err := listscheme.ParameterCodec.DecodeParameters(c.query, metav1.SchemeGroupVersion, opts); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	if err := invalidOptions("DeleteOptions", metavalidation.ValidateDeleteOptions(opts)); err != nil {
		return nil, err
	}
	return opts, nil
}

func (c *call) delete(ctx context.Context) error {
	opts, err := c.deleteOptions()
	if err != nil {
		return err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	d, err := c.Registry.Delete(ctx, c.ep, &c.req, opts)
	if err != nil {
		return err
	}
	if d.Gone && !c.ep.ReturnDeleted {
		return c.success(string(d.Object.GetUID()))
	}
	code := http.StatusOK
	if !d.Gone && opts.OrphanDependents != nil && !*opts.OrphanDependents {
		code = http.StatusAccepted // kept for clients of old
	}
	revision, err := strconv.ParseInt(d.Object.GetResourceVersion(), 10, 64)
	if err != nil {
		revision = 0
	}
	return c.object(code, item{ep: c.ep, object: d.Object, revision: revision})
}

func (c *call) deleteCollection(ctx context.Context) error {
	list, err := c.listOptions(false)
	if err != nil {
		return err
	}
	opts, err := c.deleteOptions()
	if err != nil {
		return err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	objs, listed, err := c.Registry.DeleteCollection(ctx, c.ep, &c.req, opts, list)
	if err != nil {
		return err
	}
	return c.deleted(objs, listed)
}

// deleted answers with the objects that a deletecollection deleted, as a list.
func (c *call) deleted(objs []registry.Object, l *registry.List) error {
	meta := listMeta(l)
	if c.accept.shape == shapeTable {
		return c.tableOfObjects(meta, objs)
	}
	gvk := listKind(c.ep.GVK)
	if c.accept.medium == mediumProtobuf {
		return c.deletedProtobuf(meta, objs)
	}
	body := codec.AppendJSONListHead(nil, gvk, meta)
	for i, o := range objs {
		if i > 0 {
			body = append(body, ',')
		}
		it := item{ep: c.ep, object: o}
		wire, err := it.json()
		if err != nil {
			return err
		}
		if body, err = codec.AppendJSONItem(body, wire, codec.Keep); err != nil {
			return err
		}
	}
	body, err := finish(c.accept.medium, codec.AppendJSONListTail(body))
	if err != nil {
		return err
	}
	if c.accept.pretty {
		body = indent(body)
	}
	c.send(http.StatusOK, c.accept.medium, body)
	return nil
}

func (c *call) deletedProtobuf(meta *metav1.ListMeta, objs []registry.Object) error {
	parts := make([]codec.Proto, len(objs))
	size := 0
	for i, o := range objs {
		it := item{ep: c.ep, object: o}
		b, err := it.protobuf()
		if err != nil {
			return err
		}
		if parts[i], err = codec.Split(b, codec.Keep); err != nil {
			return err
		}
		size += parts[i].ItemSize()
	}
	body, err := codec.AppendProtobufListHead(nil, listKind(c.ep.GVK), meta, size)
	if err != nil {
		return err
	}
	for i := range parts {
		body = parts[i].AppendItem(body)
	}
	c.send(http.StatusOK, mediumProtobuf, codec.AppendProtobufListTail(body))
	return nil
}

// decodeDeleteOptions decodes a body of DeleteOptions, of whichever group version,
// with the decoder and the words of kube-apiserver.
func decodeDeleteOptions(body []byte, m medium, opts *metav1.DeleteOptions) error {
	info, ok := runtime.SerializerInfoForMediaType(listscheme.Codecs.SupportedMediaTypes(), m.String())
	if !ok {
		return unsupportedMediaType(objectMedia)
	}
	if err := codec.CheckDepth(body); err != nil && m == mediumJSON {
		return apierrors.NewBadRequest(err.Error())
	}
	kind := metav1.SchemeGroupVersion.WithKind("DeleteOptions")
	obj, _, err := listscheme.Codecs.DecoderToVersion(info.Serializer, metav1.SchemeGroupVersion).Decode(body, &kind, opts)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if obj != runtime.Object(opts) {
		return apierrors.NewBadRequest("decoded object cannot be converted to DeleteOptions")
	}
	return nil
}
