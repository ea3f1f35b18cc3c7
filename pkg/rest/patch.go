package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

// maxPatchOperations bounds a JSON patch, as kube-apiserver does.
const maxPatchOperations = 10000

// The library's one bound on what "copy" operations, each of which may double
// the document, take is a variable of its package.
func init() { jsonpatch.AccumulatedCopySizeLimit = maxBody }

// patchMedia are the patch types served, in the order of the 415 message.
const patchMedia = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"

// patcher is a patch that was read from a request.
type patcher interface {
	// patch returns current, patched, decoded into into, which is empty. strict
	// are the unknown and duplicate fields that it met; shown is what an error
	// about them shows.
	patch(current, into runtime.Object, gvk schema.GroupVersionKind, v codec.Validation) (patched runtime.Object, strict []error, shown string, err error)
	// looksAt reports whether what the patch does may depend on metadata.managedFields.
	looksAt() bool
}

// mentionsManaged reports whether a patch may name managedFields. Names may be
// written with escapes.
func mentionsManaged(patch []byte) bool {
	return bytes.Contains(patch, []byte("managedFields")) || bytes.Contains(patch, []byte(`\u`))
}

func newPatcher(contentType string, body []byte) (patcher, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch types.PatchType(media) {
	case types.JSONPatchType:
		return newJSONPatch(body)
	case types.MergePatchType:
		return mergePatch(body), nil
	case types.StrategicMergePatchType:
		return strategicPatch(body), nil
	}
	return nil, unsupportedMediaType(patchMedia)
}

// jsonPatch is RFC 6902.
type jsonPatch struct {
	ops    jsonpatch.Patch
	strict []error
	looks  bool // at managed fields
}

func (p *jsonPatch) looksAt() bool { return p.looks }

func newJSONPatch(body []byte) (patcher, error) {
	// Decoding into this type first finds bad documents with the words that
	// kube-apiserver has for them, and fields that no operation has.
	type jsonPatchOp struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		From  string          `json:"from,omitempty"`
		Value json.RawMessage `json:"value,omitempty"`
	}
	var known []jsonPatchOp
	strict, err := kjson.UnmarshalStrict(body, &known)
	if err != nil {
		return nil, decodingPatch(err)
	}
	ops, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, decodingPatch(err)
	}
	if len(ops) > maxPatchOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxPatchOperations, len(ops)))
	}
	looks := mentionsManaged(body)
	whole := func(path string) bool { return path == "" || path == "/metadata" }
	for _, op := range known {
		looks = looks || whole(op.Path) || (op.Op == "move" || op.Op == "copy") && whole(op.From)
	}
	return &jsonPatch{ops: ops, strict: strict, looks: looks}, nil
}

func decodingPatch(err error) error {
	return apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
}

func (p *jsonPatch) patch(current, into runtime.Object, gvk schema.GroupVersionKind, v codec.Validation) (runtime.Object, []error, string, error) {
	return patchJSON(current, into, gvk, v, p.strict, func(original []byte) ([]byte, error) {
		patched, err := p.apply(original)
		if err != nil {
			return nil, unprocessable(err)
		}
		return patched, nil
	})
}

// apply runs the operations. The library dereferences what odd operations lack
// (a replace of the whole document without a value): that is the patch's fault.
func (p *jsonPatch) apply(original []byte) (patched []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the operations cannot be applied: %v", r)
		}
	}()
	return p.ops.Apply(original)
}

// patchJSON patches the JSON form of an object and decodes what comes out.
func patchJSON(current, into runtime.Object, gvk schema.GroupVersionKind, v codec.Validation, strict []error, apply func([]byte) ([]byte, error)) (runtime.Object, []error, string, error) {
	original, err := codec.EncodeJSON(current, gvk)
	if err != nil {
		return nil, nil, "", err
	}
	patched, err := apply(original)
	if err != nil {
		return nil, nil, "", err
	}
	body, err := codec.DecodeBody(patched, codec.JSON, gvk, into, v)
	if err != nil {
		return nil, nil, "", patchedInvalid(string(patched), err)
	}
	for _, w := range body.Warnings {
		strict = append(strict[:len(strict):len(strict)], errors.New(w))
	}
	return body.Object, strict, string(patched), nil
}

func unprocessable(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}

// mergePatch is RFC 7386.
type mergePatch []byte

func (p mergePatch) looksAt() bool { return mentionsManaged(p) }

func (p mergePatch) patch(current, into runtime.Object, gvk schema.GroupVersionKind, v codec.Validation) (runtime.Object, []error, string, error) {
	var doc map[string]any
	strict, err := kjson.UnmarshalStrict(p, &doc)
	if err != nil {
		return nil, nil, "", decodingPatch(err)
	}
	return patchJSON(current, into, gvk, v, strict, func(original []byte) ([]byte, error) {
		patched, err := jsonpatch.MergePatch(original, p)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return patched, nil
	})
}

// strategicPatch merges lists by the keys that the Go types name.
type strategicPatch []byte

func (p strategicPatch) looksAt() bool { return mentionsManaged(p) }

func (p strategicPatch) patch(current, into runtime.Object, gvk schema.GroupVersionKind, v codec.Validation) (runtime.Object, []error, string, error) {
	if err := codec.CheckDepth(p); err != nil {
		return nil, nil, "", decodingPatch(err)
	}
	doc := map[string]any{}
	strict, err := kjson.UnmarshalStrict(p, &doc)
	if err != nil {
		return nil, nil, "", apierrors.NewBadRequest(err.Error())
	}
	part, others, ok := subset(current, doc)
	if !ok {
		part, others = current, nil
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(part)
	if err != nil {
		return nil, nil, "", err
	}
	shown := fmt.Sprintf("%+v", doc)
	patched, err := strategicpatch.StrategicMergeMapPatch(object, doc, into)
	if err != nil {
		return nil, nil, "", strategicError(err)
	}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(patched, into, v != codec.Ignore)
	if more, ok := runtime.AsStrictDecodingError(err); ok {
		strict = append(strict, more.Errors()...)
	} else if err != nil {
		return nil, nil, "", patchedInvalid(shown, err)
	}
	restore(into, current, others)
	return into, strict, shown, nil
}

func strategicError(err error) error {
	switch {
	case errors.Is(err, mergepatch.ErrBadJSONDoc), errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList),
		errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys), errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList),
		errors.Is(err, mergepatch.ErrUnsupportedStrategicMergePatchFormat):
		return apierrors.NewBadRequest(err.Error())
	case errors.Is(err, mergepatch.ErrNoListOfLists):
		return unprocessable(err)
	}
	return registry.PlainError(err.Error())
}

func (c *call) patch(ctx context.Context) error {
	if isApply(c.r) {
		return c.apply(ctx)
	}
	p, v, err := c.readPatch()
	if err != nil {
		return err
	}
	res, err := c.Registry.Patch(ctx, c.ep, &c.req, c.target.subresource, func(cur registry.Object) (registry.Object, error) {
		if cur == nil {
			return nil, apierrors.NewNotFound(c.ep.ServedResource(), c.target.name)
		}
		obj, err := c.applyPatch(cur, p, v)
		if err != nil {
			return nil, err
		}
		if err := c.checkName(obj); err != nil {
			return nil, err
		}
		return obj, nil
	})
	if err != nil {
		return err
	}
	return c.written(res)
}

// readPatch reads the patch and its options.
func (c *call) readPatch() (patcher, codec.Validation, error) {
	contentType := c.r.Header.Get("Content-Type")
	body, err := c.readBody()
	if err != nil {
		return nil, 0, err
	}
	p, err := newPatcher(contentType, body)
	if err != nil {
		return nil, 0, err
	}
	var opts metav1.PatchOptions
	media, _, _ := mime.ParseMediaType(contentType)
	check := func(o *metav1.PatchOptions) field.ErrorList {
		return metavalidation.ValidatePatchOptions(o, types.PatchType(media))
	}
	if err := options(c, "PatchOptions", &opts, check); err != nil {
		return nil, 0, err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	c.req.FieldManager = c.manager(opts.FieldManager)
	c.baseWarnings = len(c.warnings)
	return p, validation(opts.FieldValidation), nil
}

// applyPatch makes the patched object, defaulted, from the current one.
func (c *call) applyPatch(cur registry.Object, p patcher, v codec.Validation) (registry.Object, error) {
	// Managed fields are mostly larger than all that a patch is about.
	managed := cur.GetManagedFields()
	if !p.looksAt() {
		cur.SetManagedFields(nil)
	}
	served, err := c.ep.FromStored(cur)
	if err != nil {
		return nil, err
	}
	into, err := c.ep.NewServed()
	if err != nil {
		return nil, err
	}
	obj, err := c.patchInto(served, into, c.ep.GVK, p, v)
	if err != nil {
		return nil, err
	}
	stored, err := c.toStored(obj)
	if err != nil {
		return nil, err
	}
	if !p.looksAt() {
		stored.SetManagedFields(managed)
	}
	return stored, nil
}

// patchInto patches an object and decodes what comes out into into.
func (c *call) patchInto(current, into runtime.Object, gvk schema.GroupVersionKind, p patcher, v codec.Validation) (runtime.Object, error) {
	c.warnings = c.warnings[:c.baseWarnings] // forget those of an attempt before this one
	obj, strict, shown, err := p.patch(current, into, gvk, v)
	if err != nil {
		return nil, err
	}
	switch {
	case len(strict) == 0, v == codec.Ignore:
	case v == codec.Strict:
		return nil, patchedInvalid(shown, runtime.NewStrictDecodingError(strict))
	default:
		for _, e := range strict {
			c.warn(e.Error())
		}
	}
	return obj, nil
}

// patchedInvalid is the answer to a patch whose outcome is no object of the kind.
func patchedInvalid(shown string, err error) error {
	var body *codec.BodyError
	if errors.As(err, &body) {
		err = body.Err
	}
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{
		field.Invalid(field.NewPath("patch"), shown, err.Error())})
}
