package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/pkg/auth"
)

var statusKind = schema.GroupVersionKind{Version: "v1", Kind: "Status"}

func methodNotAllowed() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusMethodNotAllowed,
		Reason: metav1.StatusReasonMethodNotAllowed, Details: &metav1.StatusDetails{},
		Message: "the server does not allow this method on the requested resource"}}
}

func notFoundPath() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusNotFound,
		Reason: metav1.StatusReasonNotFound, Details: &metav1.StatusDetails{},
		Message: "the server could not find the requested resource"}}
}

// forbidden words a refusal as kube-apiserver does.
func forbidden(a *auth.Attributes, reason string) error {
	var message string
	if a.Path != "" {
		message = fmt.Sprintf("User %q cannot %s path %q", a.User.Name, a.Verb, a.Path)
		if reason != "" {
			message += ": " + reason
		}
		return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New(message))
	}
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	message = fmt.Sprintf("User %q cannot %s resource %q in API group %q", a.User.Name, a.Verb, resource, a.Group)
	if a.Namespace != "" {
		message += fmt.Sprintf(" in the namespace %q", a.Namespace)
	} else {
		message += " at the cluster scope"
	}
	if reason != "" {
		message += ": " + reason
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.Group, Resource: a.Resource}, a.Name, errors.New(message))
}

// statusOf turns any error into a Status with everything a client may rely on.
func statusOf(err error) *metav1.Status {
	var api apierrors.APIStatus
	var s metav1.Status
	switch {
	case errors.As(err, &api):
		s = api.Status()
	case errors.Is(err, context.DeadlineExceeded):
		s = apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0).ErrStatus
	default:
		s = apierrors.NewInternalError(err).ErrStatus
	}
	if s.Code == 0 {
		s.Code = http.StatusInternalServerError
	}
	s.Status = metav1.StatusFailure
	s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return &s
}

// fail answers with an error. Once an answer has begun it can only be cut off.
func (c *call) fail(err error) {
	if errors.Is(err, context.Canceled) && c.r.Context().Err() != nil {
		return // the client has gone
	}
	if c.w.code != 0 {
		c.Logger.Debug("a request failed after its answer had begun", "path", c.r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	c.sendWarnings()
	writeStatus(c.w, c.r, err)
}

// writeStatus answers with an error in the media type the client asked for,
// JSON when it asked for none that there is.
func writeStatus(w http.ResponseWriter, r *http.Request, err error) {
	s := statusOf(err)
	if s.Details != nil && s.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(s.Details.RetryAfterSeconds)))
	}
	n, _ := negotiate(r, false)
	if n.shape != shapeObject && n.medium == mediumYAML {
		n.medium = mediumJSON
	}
	writeTyped(w, int(s.Code), n, func(m medium) ([]byte, error) { return encodeAs(m, s, statusKind) })
}

// writeTyped encodes once and answers.
func writeTyped(w http.ResponseWriter, code int, n negotiated, encode func(medium) ([]byte, error)) {
	body, err := encode(n.medium)
	if err != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "encoding the answer: %v\n", err)
		return
	}
	if n.pretty && n.medium == mediumJSON {
		body = indent(body)
	}
	w.Header().Set("Content-Type", n.medium.String())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that has gone is seen by the server
}

// indent is the form for people: two spaces and no newline at the end, as
// kube-apiserver indents.
func indent(body []byte) []byte {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSuffix(body, []byte("\n")), "", "  ") != nil {
		return body
	}
	return out.Bytes()
}

// writeJSON answers with plain JSON that is not an API object.
func writeJSON(w http.ResponseWriter, r *http.Request, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		writeStatus(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// maxWarning bounds one Warning header, maxWarnings all of them together.
const (
	maxWarning  = 256
	maxWarnings = 4096
)

// sendWarnings turns the collected warnings into headers, each once.
func (c *call) sendWarnings() {
	total := 0
	seen := map[string]bool{}
	for _, text := range c.warnings {
		if seen[text] {
			continue
		}
		seen[text] = true
		if total+len(text) > maxWarnings {
			if r := []rune(text); len(r) > maxWarning {
				text = string(r[:maxWarning])
			}
		}
		if total += len(text); total > 2*maxWarnings {
			return
		}
		c.w.Header().Add("Warning", "299 - "+quoteWarning(text))
	}
}

// quoteWarning makes an RFC 7234 quoted string.
func quoteWarning(s string) string {
	var b []byte
	b = append(b, '"')
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b = append(b, '\\', ch)
		case ch < 0x20 || ch == 0x7f:
			b = append(b, ' ')
		default:
			b = append(b, ch)
		}
	}
	return string(append(b, '"'))
}
