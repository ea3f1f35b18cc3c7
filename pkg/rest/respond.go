package rest

import (
	"net/http"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/codec"
)

func partialObject(p *codec.Proto) (*metav1.PartialObjectMetadata, error) {
	obj := &metav1.PartialObjectMetadata{}
	if err := p.DecodeMetadata(&obj.ObjectMeta); err != nil {
		return nil, err
	}
	return obj, nil
}

// object answers with one object in the negotiated form.
func (c *call) object(code int, it item) error {
	if c.accept.shape == shapeTable {
		return c.tableOf(code, it)
	}
	n := c.accept
	if n.medium == mediumJSON && n.shape == shapeObject && !n.pretty {
		wire, err := it.json()
		if err != nil {
			return err
		}
		c.head(code, n.medium, len(wire)+1)
		_, _ = c.w.Write(wire)
		_, _ = c.w.Write(newline)
		return nil
	}
	body, err := it.encode(n)
	if err != nil {
		return err
	}
	if n.pretty {
		body = indent(body)
	}
	c.send(code, n.medium, body)
	return nil
}

var newline = []byte("\n")

// other answers with an object that is not of the endpoint's kind.
func (c *call) other(code int, obj runtime.Object, gvk schema.GroupVersionKind) error {
	n := c.accept
	if n.shape != shapeObject && n.medium == mediumYAML {
		n.medium = mediumJSON
	}
	body, err := encodeAs(n.medium, obj, gvk)
	if err != nil {
		return err
	}
	if n.pretty {
		body = indent(body)
	}
	c.send(code, n.medium, body)
	return nil
}

// head begins an answer of a known length.
func (c *call) head(code int, m medium, length int) {
	c.sendWarnings()
	h := c.w.Header()
	h["Content-Type"] = contentTypes[m]
	h["Content-Length"] = []string{strconv.Itoa(length)}
	c.w.WriteHeader(code)
}

var contentTypes = [...][]string{mediaTypes[0:1], mediaTypes[1:2], mediaTypes[2:3]}

// send answers with a body that is complete. Errors of writing mean that the
// client has gone, which the server notices itself.
func (c *call) send(code int, m medium, body []byte) {
	c.head(code, m, len(body))
	_, _ = c.w.Write(body)
}

// success answers a delete that left nothing to show.
func (c *call) success(uid string) error {
	s := &metav1.Status{Status: metav1.StatusSuccess, Details: &metav1.StatusDetails{
		Name: c.target.name, Group: c.target.gv.Group, Kind: c.target.resource}}
	s.Details.UID = uidOf(uid)
	return c.other(http.StatusOK, s, statusKind)
}
