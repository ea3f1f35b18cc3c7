package rest

import (
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// Forms of an object and of a watch event that are worth remembering. The number
// of an endpoint among those of its resource is added by formOf, since one
// stored object may be served under several.
const (
	formJSON          = iota + 1 // the whole object
	formProtobuf                 // the whole object, envelope and all
	formPartialV1                // JSON PartialObjectMetadata of meta.k8s.io/v1
	formPartialBeta              // ... of v1beta1
	formRowNone                  // a table row without its object
	formRowV1                    // ... with its metadata
	formRowBeta                  // ... of v1beta1
	formRowObject                // ... with the whole object
	formFrameJSON                // watch frames of an event
	formFrameProtobuf            //
	formFramePartialV1
	formFramePartialBeta
)

func formOf(ep *registry.Endpoint, form int) watchcache.Form {
	return watchcache.Form(ep.Index<<8 | form)
}

func partialForm(version string) int {
	if version == "v1beta1" {
		return formPartialBeta
	}
	return formPartialV1
}

// encodeAs encodes an object that is used once.
func encodeAs(m medium, obj runtime.Object, gvk schema.GroupVersionKind) ([]byte, error) {
	if m == mediumProtobuf {
		return codec.AppendProtobuf(nil, obj, gvk)
	}
	b, err := codec.AppendJSON(nil, obj, gvk)
	if err != nil {
		return nil, err
	}
	return finish(m, b)
}

// finish turns the JSON wire form into what goes out: YAML, or JSON with the
// newline that ends it.
func finish(m medium, wire []byte) ([]byte, error) {
	if m == mediumYAML {
		return codec.AppendYAML(nil, wire)
	}
	return append(wire[:len(wire):len(wire)], '\n'), nil
}

// item is an object on its way out: one from the watch cache, or one that a
// write left behind.
type item struct {
	ep *registry.Endpoint
	// revision is the version to show, 0 for none (a dry run's create).
	revision int64
	forms    *watchcache.Forms // nil: nothing is shared
	cached   *watchcache.Object
	object   registry.Object  // nil until decoded
	result   *registry.Result // of the write that left it behind, or nil
}

func cachedItem(ep *registry.Endpoint, o *watchcache.Object) item {
	return item{ep: ep, cached: o, forms: o.Forms(), revision: o.Revision()}
}

func resultItem(ep *registry.Endpoint, r *registry.Result) item {
	return item{ep: ep, object: r.Object, forms: r.Forms, revision: r.Revision, result: r}
}

// typed is the object in the stored Go type. It must not be changed.
func (it *item) typed() (registry.Object, error) {
	if it.object != nil {
		return it.object, nil
	}
	obj, err := it.ep.Decode(it.cached)
	if err != nil {
		return nil, err
	}
	it.object = obj
	return obj, nil
}

// served is the object in the Go type of the endpoint's version.
func (it *item) served() (runtime.Object, error) {
	obj, err := it.typed()
	if err != nil {
		return nil, err
	}
	return it.ep.FromStored(obj)
}

// form returns a form, from the memo if there is one. The bytes are shared.
func (it *item) form(form int, encode func() ([]byte, error)) ([]byte, error) {
	if it.forms == nil {
		return encode()
	}
	return it.forms.Get(formOf(it.ep, form), encode)
}

// json is the JSON wire form, without a newline.
func (it *item) json() ([]byte, error) {
	return it.form(formJSON, func() ([]byte, error) {
		obj, err := it.served()
		if err != nil {
			return nil, err
		}
		wire, err := codec.EncodeJSON(obj, it.ep.GVK)
		if err != nil || it.result == nil || it.result.Stored == nil || !bytes.Contains(wire, emptyList) {
			return wire, err
		}
		// The form is shared with those who read the object: it must be theirs.
		if it.object, err = it.ep.Reread(it.result); err != nil {
			return nil, err
		}
		it.result = nil
		if obj, err = it.served(); err != nil {
			return nil, err
		}
		return codec.EncodeJSON(obj, it.ep.GVK)
	})
}

var emptyList = []byte("[]")

// direct reports whether the stored bytes are what would be encoded now, and the
// endpoint serves the stored version.
func (it *item) direct() bool {
	return it.cached != nil && it.cached.Verbatim() && it.ep.Served == nil
}

// proto takes the protobuf form apart, so that it can be put together in a list
// or frame. The result shares memory with the form.
func (it *item) proto() (codec.Proto, error) {
	if it.direct() {
		return codec.Split(it.cached.Stored(), it.revision)
	}
	b, err := it.protobuf()
	if err != nil {
		return codec.Proto{}, err
	}
	return codec.Split(b, it.revision)
}

// protobuf is the protobuf wire form.
func (it *item) protobuf() ([]byte, error) {
	if it.direct() {
		p, err := codec.Split(it.cached.Stored(), it.revision)
		if err != nil {
			return nil, err
		}
		return p.AppendObject(make([]byte, 0, p.ObjectSize(it.ep.GVK)), it.ep.GVK), nil
	}
	return it.form(formProtobuf, func() ([]byte, error) {
		obj, err := it.served()
		if err != nil {
			return nil, err
		}
		return codec.EncodeProtobuf(obj, it.ep.GVK)
	})
}

// partialJSON is the JSON PartialObjectMetadata.
func (it *item) partialJSON(version string) ([]byte, error) {
	return it.form(partialForm(version), func() ([]byte, error) {
		if it.direct() {
			return it.partialFromStored(version)
		}
		wire, err := it.json()
		if err != nil {
			return nil, err
		}
		return codec.AppendJSONMetadata(nil, wire, version, codec.Keep)
	})
}

// partialFromStored decodes the metadata alone.
func (it *item) partialFromStored(version string) ([]byte, error) {
	p, err := codec.Split(it.cached.Stored(), it.revision)
	if err != nil {
		return nil, err
	}
	obj, err := partialObject(&p)
	if err != nil {
		return nil, err
	}
	return codec.EncodeJSON(obj, codec.PartialObjectMetadata(version))
}

// encode is the whole answer body for one object.
func (it *item) encode(n negotiated) ([]byte, error) {
	switch {
	case n.shape == shapePartial && n.medium == mediumProtobuf:
		p, err := it.proto()
		if err != nil {
			return nil, err
		}
		meta := p.Metadata()
		return meta.AppendObject(nil, codec.PartialObjectMetadata(n.version)), nil
	case n.shape == shapePartial:
		b, err := it.partialJSON(n.version)
		if err != nil {
			return nil, err
		}
		return finish(n.medium, b)
	case n.shape == shapePartialList:
		return nil, notAcceptable(fmt.Sprintf("you requested PartialObjectMetadataList, but the requested object is not a list (%T)", it.ep.New()), nil)
	case n.medium == mediumProtobuf:
		return it.protobuf()
	}
	b, err := it.json()
	if err != nil {
		return nil, err
	}
	return finish(n.medium, b)
}
