package codec

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	kjson "sigs.k8s.io/json"

	"github.com/binnacle-io/binnacle/api"
	"github.com/binnacle-io/binnacle/api/codec/typedjson"
)

// MediaType is a media type of bodies.
type MediaType uint8

const (
	JSON MediaType = iota
	YAML
	Protobuf
)

func (m MediaType) String() string {
	switch m {
	case JSON:
		return runtime.ContentTypeJSON
	case YAML:
		return runtime.ContentTypeYAML
	case Protobuf:
		return runtime.ContentTypeProtobuf
	}
	return fmt.Sprintf("MediaType(%d)", uint8(m))
}

// Validation says what becomes of unknown and duplicate fields: the
// fieldValidation query parameter.
type Validation uint8

const (
	Warn Validation = iota // kube-apiserver's default
	Ignore
	Strict
)

// Body is a decoded request body.
type Body struct {
	// Object is of the Go type of Kind: the object that was given to decode
	// into, or, when the body is of another version of the same kind, a new one.
	// Its own kind and apiVersion are empty unless it is unstructured.
	Object runtime.Object
	// Kind is what the body says it is, the default filled in for what it leaves out.
	Kind schema.GroupVersionKind
	// Warnings are the unknown and duplicate fields under Warn.
	Warnings []string
}

// BodyError is the refusal of a body. It carries the Status to answer.
type BodyError struct {
	Err    error // what the decoder said
	status *apierrors.StatusError
}

func (e *BodyError) Error() string         { return e.status.Error() }
func (e *BodyError) Status() metav1.Status { return e.status.Status() }
func (e *BodyError) Unwrap() error         { return e.Err }

// DecodeBody decodes a request body into an empty object of the kind want. A
// body without kind or apiVersion is taken to be of that kind. Refusals are
// *BodyError, in kube-apiserver's words: 400 for what cannot be decoded or is of
// another kind.
//
// A body of another group version of the same kind name is decoded into an object of
// that version; whether that is accepted is the caller's decision.
//
// An unstructured object takes any kind; only protobuf is refused.
//
// The caller bounds len(data). Nesting and YAML aliases are bounded here.
func DecodeBody(data []byte, media MediaType, want schema.GroupVersionKind, into runtime.Object, validation Validation) (Body, error) {
	d := decoding{data: data, json: data, want: want, into: into, strict: validation != Ignore}
	var obj runtime.Object
	var gvk *schema.GroupVersionKind
	var err error
	switch media {
	case Protobuf:
		obj, gvk, err = d.decodeProtobuf()
	case YAML:
		obj, gvk, err = d.decodeYAML()
	default:
		obj, gvk, err = d.decodeJSON()
	}
	var warnings []string
	if strict, ok := runtime.AsStrictDecodingError(err); ok && obj != nil && validation == Warn {
		warnings = warningsOf(strict.Errors())
		err = nil
	}
	if err != nil {
		return Body{}, d.refuse(gvk, err)
	}
	if err := d.checkKind(obj, *gvk); err != nil {
		return Body{}, d.refuse(gvk, err)
	}
	if _, ok := obj.(runtime.Unstructured); !ok {
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
	return Body{Object: obj, Kind: *gvk, Warnings: warnings}, nil
}

// A decoding is one call of DecodeBody.
type decoding struct {
	data       []byte // the body
	json       []byte // the body as JSON
	duplicates error  // keys that were lost on the way from YAML to JSON
	want       schema.GroupVersionKind
	into       runtime.Object
	strict     bool
}

// The serializers of apimachinery know kube-apiserver's words for everything
// that is wrong with a body.
var serializers = sync.OnceValue(func() (s struct{ lax, strict, protobuf runtime.Serializer }) {
	scheme := api.Scheme()
	s.lax = json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{})
	s.strict = json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Strict: true})
	s.protobuf = protobuf.NewSerializer(scheme, scheme)
	return s
})

// decodeYAML decodes YAML. Most of what comes as YAML is JSON, which is YAML as
// well (server-side apply by kubectl): where both readings are without fault,
// the cheap one is taken.
func (d *decoding) decodeYAML() (runtime.Object, *schema.GroupVersionKind, error) {
	if scan := scanBody(d.data); scan.plain && !scan.tooDeep && d.affordable(scan) {
		if gvk, ok := d.quick(scan); ok {
			if obj, err := d.decodeQuick(); err == nil {
				return obj, gvk, nil
			}
			d.into = newLike(d.into)
		}
	}
	var err error
	if d.json, d.duplicates, err = yamlToJSON(d.data); err != nil {
		return nil, nil, err
	}
	return d.decodeJSON()
}

// affordable says that decoding what was scanned is not too much work: schemas
// are decoded by a decoder that starts anew at every level.
func (d *decoding) affordable(scan bodyScan) bool {
	return recursiveKind(d.into) == "" && !strings.HasPrefix(scan.kind, "CustomResourceDefinition") || scan.work <= maxWork
}

func (d *decoding) decodeJSON() (runtime.Object, *schema.GroupVersionKind, error) {
	scan := scanBody(d.json)
	if scan.tooDeep {
		return nil, nil, errTooDeep
	}
	if !d.affordable(scan) {
		return nil, nil, errTooMuchWork
	}
	if scan.plain {
		if gvk, ok := d.quick(scan); ok {
			obj, err := d.decodeQuick()
			if err == nil || runtime.IsStrictDecodingError(err) {
				return obj, gvk, err
			}
			// The long way finds the words.
			d.into = newLike(d.into)
		}
	}
	if !d.strict {
		return serializers().lax.Decode(d.json, &d.want, d.into)
	}
	obj, gvk, err := serializers().strict.Decode(d.json, &d.want, d.into)
	if obj == nil || d.duplicates == nil {
		return obj, gvk, err
	}
	errs := []error{d.duplicates}
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		errs = append(errs, strict.Errors()...)
	}
	return obj, gvk, runtime.NewStrictDecodingError(errs)
}

// quick says that the body is plainly of the wanted kind.
func (d *decoding) quick(scan bodyScan) (*schema.GroupVersionKind, bool) {
	if _, ok := d.into.(runtime.Unstructured); ok {
		return nil, false
	}
	gvk := d.want
	if scan.kind != "" {
		gvk.Kind = scan.kind
	}
	if scan.apiVersion != "" {
		if strings.Count(scan.apiVersion, "/") > 1 {
			return nil, false
		}
		gv := kindOf(scan.apiVersion, "")
		gvk.Group, gvk.Version = gv.Group, gv.Version
	}
	return &gvk, gvk == d.want
}

// decodeQuick decodes JSON of the wanted kind, sparing the serializer's first
// pass, which looks for the kind.
func (d *decoding) decodeQuick() (runtime.Object, error) {
	if d.duplicates == nil && typedjson.Decode(d.json, d.into) {
		return d.into, nil
	}
	d.into = newLike(d.into) // what was read of it is void
	if !d.strict {
		return d.into, kjson.UnmarshalCaseSensitivePreserveInts(d.json, d.into)
	}
	strict, err := kjson.UnmarshalStrict(d.json, d.into)
	if err != nil {
		return nil, err
	}
	if d.duplicates != nil {
		strict = append([]error{d.duplicates}, strict...)
	}
	if len(strict) > 0 {
		return d.into, runtime.NewStrictDecodingError(strict)
	}
	return d.into, nil
}

func (d *decoding) decodeProtobuf() (runtime.Object, *schema.GroupVersionKind, error) {
	if env, err := parseEnvelope(d.data); err == nil {
		gvk := env.gvk()
		if gvk.Kind == "" {
			gvk.Kind = d.want.Kind
		}
		if err := checkProtobufDepth(gvk.Kind, env.raw); err != nil {
			return nil, &gvk, err
		}
	}
	return serializers().protobuf.Decode(d.data, &d.want, d.into)
}

// checkKind refuses an object that no conversion makes into the wanted kind.
func (d *decoding) checkKind(obj runtime.Object, gvk schema.GroupVersionKind) error {
	if gvk.Kind == d.want.Kind || reflect.TypeOf(obj) == reflect.TypeOf(d.into) {
		return nil
	}
	return fmt.Errorf("converting (%s) to (%s.%s): unknown conversion",
		reflect.TypeOf(obj).Elem(), internalPackage(d.want.Group), d.want.Kind)
}

// internalPackage is what kube-apiserver calls a group's Go package in messages.
func internalPackage(group string) string {
	if group == "" || group == "events.k8s.io" {
		return "core"
	}
	name, _, _ := strings.Cut(group, ".")
	return name
}

// refuse gives a decoding error its Status. gvk is nil when the body could not
// be read far enough to find its kind.
func (d *decoding) refuse(gvk *schema.GroupVersionKind, err error) error {
	var message string
	if gvk != nil && gvk.Kind != "" {
		message = fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", gvk.Kind, gvk.Version, d.want.Kind, err)
	} else {
		message = fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)", d.want.Kind, err, summary(d.data))
	}
	return &BodyError{Err: err, status: apierrors.NewBadRequest(message)}
}

// summary shows the beginning of a body, as text if it looks like JSON.
func summary(data []byte) string {
	const limit = 30
	more := ""
	if len(data) > limit {
		data, more = data[:limit], " ..."
	}
	switch {
	case len(data) == 0:
		return "<empty>"
	case data[0] == '{':
		return string(data) + more
	default:
		return hex.EncodeToString(data) + more
	}
}

// warningsOf takes yaml's errors apart, which come several in one.
func warningsOf(errs []error) []string {
	var warnings []string
	for _, err := range errs {
		text := err.Error()
		rest, ok := strings.CutPrefix(text, "yaml: unmarshal errors:\n")
		if !ok {
			rest, ok = strings.CutPrefix(text, "error converting YAML to JSON: yaml: unmarshal errors:\n")
		}
		if !ok {
			warnings = append(warnings, text)
			continue
		}
		for line := range strings.SplitSeq(rest, "\n") {
			warnings = append(warnings, strings.TrimSpace(line))
		}
	}
	return warnings
}

func newLike(obj runtime.Object) runtime.Object {
	return reflect.New(reflect.TypeOf(obj).Elem()).Interface().(runtime.Object)
}
