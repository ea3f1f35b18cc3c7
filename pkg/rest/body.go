package rest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

func uidOf(s string) types.UID { return types.UID(s) }

// readBody reads a request body of at most maxBody bytes.
func (c *call) readBody() ([]byte, error) {
	if c.r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	if c.r.Body == nil {
		return nil, nil
	}
	var body []byte
	var err error
	if n := c.r.ContentLength; n >= 0 {
		body, err = readExactly(c.r.Body, n)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, apierrors.NewTimeoutError("the request body did not arrive in time", 0)
	case err != nil:
		return nil, apierrors.NewBadRequest("reading the request body: " + err.Error())
	}
	return body, nil
}

// readExactly reads n bytes and takes room as they come: a client that announces
// much and sends little must not hold memory for the rest.
func readExactly(r io.Reader, n int64) ([]byte, error) {
	body := make([]byte, min(n, firstRoom))
	for got := 0; ; {
		m, err := io.ReadFull(r, body[got:])
		got += m
		if err != nil || int64(got) == n {
			return body[:got], err
		}
		body = append(make([]byte, 0, min(n, 4*int64(got))), body...)
		body = body[:cap(body)]
	}
}

// firstRoom holds most bodies whole.
const firstRoom = 64 << 10

func tooLarge() error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", maxBody))
}

// validation reads the fieldValidation parameter, which has been checked.
func validation(v string) codec.Validation {
	switch v {
	case metav1.FieldValidationIgnore:
		return codec.Ignore
	case metav1.FieldValidationStrict:
		return codec.Strict
	}
	return codec.Warn
}

var codecMedia = [...]codec.MediaType{mediumJSON: codec.JSON, mediumYAML: codec.YAML, mediumProtobuf: codec.Protobuf}

// decodeObject decodes a body of the endpoint's kind into the stored Go type,
// with defaults.
func (c *call) decodeObject(body []byte, m medium, v codec.Validation) (registry.Object, error) {
	into, err := c.ep.NewServed()
	if err != nil {
		return nil, err
	}
	b, err := codec.DecodeBody(body, codecMedia[m], c.ep.GVK, into, v)
	if err != nil {
		return nil, err
	}
	c.warn(b.Warnings...)
	if gv := b.Kind.GroupVersion(); gv != c.target.gv {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", gv, c.target.gv))
	}
	return c.toStored(b.Object)
}

// toStored converts an object of the served Go type and fills in its defaults.
func (c *call) toStored(o runtime.Object) (registry.Object, error) {
	o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	obj, err := c.ep.ToStored(o)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if c.ep.Default != nil {
		c.ep.Default(obj)
	}
	return obj, nil
}

func (c *call) warn(texts ...string) { c.warnings = append(c.warnings, texts...) }

// checkNamespace compares a body's namespace with the URL's and fills it in.
func (c *call) checkNamespace(obj metav1.Object) error {
	switch ns := obj.GetNamespace(); {
	case !c.ep.Namespaced:
		obj.SetNamespace("")
	case ns == "":
		obj.SetNamespace(c.target.namespace)
	case ns != c.target.namespace:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}
