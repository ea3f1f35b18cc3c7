package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// replayer plays cases against one server.
type replayer struct {
	base   string
	client *http.Client
	// stamp makes names unique.
	stamp int64
}

// outcome is what became of a step.
type outcome struct {
	step  string
	diffs []string
}

// play replays a case and returns the outcome of every step.
func (r *replayer) play(ctx context.Context, c *Case) ([]outcome, error) {
	r.stamp++
	v := vars{"rand": fmt.Sprintf("%010d", r.stamp)}
	for i := 1; i <= max(c.Namespaces, 1); i++ {
		name, ns := "ns", "conf-"+v["rand"]
		if i > 1 {
			name, ns = fmt.Sprintf("ns%d", i), fmt.Sprintf("conf-%s-%d", v["rand"], i)
		}
		v[name] = ns
		if err := r.namespace(ctx, ns); err != nil {
			return nil, err
		}
	}
	clean := &cleaner{vars: v, mask: map[string]bool{}, managedFields: c.CompareManagedFields}
	for _, k := range append(c.Mask, masked...) {
		clean.mask[k] = true
	}
	var out []outcome
	for i := range c.Steps {
		s := &c.Steps[i]
		got, parsed, err := r.step(ctx, s, clean)
		o := outcome{step: s.ID}
		if err != nil {
			o.diffs = []string{err.Error()}
		} else {
			o.diffs = compare(s, got)
		}
		out = append(out, o)
		for name, path := range s.Capture {
			v[name] = "missing"
			if x, ok := lookup(parsed, path); ok {
				v[name] = fmt.Sprint(x)
			}
		}
	}
	return out, nil
}

func (r *replayer) namespace(ctx context.Context, name string) error {
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name)
	resp, err := r.do(ctx, http.MethodPost, "/api/v1/namespaces", map[string]string{"Content-Type": "application/json"}, []byte(body))
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("creating namespace %s: HTTP %d", name, resp.StatusCode)
	}
	return nil
}

func (r *replayer) do(ctx context.Context, method, path string, headers map[string]string, body []byte) (*http.Response, error) {
	var rd io.Reader
	if len(body) > 0 {
		rd = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, rd)
	if err != nil {
		return nil, err
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "conformance/v1")
	}
	return r.client.Do(req)
}

// request is what a step sends once its variables are filled in.
func (s *Step) request(v vars) (method, path string, headers map[string]string, body []byte, err error) {
	headers = map[string]string{}
	switch {
	case s.RawBody != "":
		body = []byte(v.expand(s.RawBody))
	case s.Body != nil:
		body = []byte(v.expand(text(s.Body)))
	}
	if body != nil {
		headers["Content-Type"] = "application/json"
	}
	for k, x := range s.Headers {
		headers[k] = v.expand(x)
	}
	method = s.Method
	if method == "" {
		method = http.MethodGet
	}
	path = v.expand(s.Path)
	if before, query, ok := strings.Cut(path, "?"); ok {
		// Queries are written plainly in the cases.
		q, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
		if err != nil {
			return "", "", nil, nil, err
		}
		path = before + "?" + q.Encode()
	}
	return method, path, headers, body, nil
}

func (r *replayer) step(ctx context.Context, s *Step, clean *cleaner) (*Response, any, error) {
	method, path, headers, body, err := s.request(clean.vars)
	if err != nil {
		return nil, nil, err
	}
	if s.SleepMS > 0 { // the recording waited too: for a version to pass, a second to change
		time.Sleep(time.Duration(s.SleepMS) * time.Millisecond)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		resp, err := r.do(ctx, method, path, headers, body)
		if err != nil {
			return nil, nil, err
		}
		if s.Until != 0 && resp.StatusCode != s.Until && time.Now().Before(deadline) {
			resp.Body.Close()
			time.Sleep(50 * time.Millisecond)
			continue
		}
		defer resp.Body.Close()
		return read(s, resp, clean)
	}
}

// read makes the comparable form of an answer, and its decoded body.
func read(s *Step, resp *http.Response, clean *cleaner) (*Response, any, error) {
	raw, err := io.ReadAll(resp.Body)
	if err != nil && !s.Stream {
		return nil, nil, err
	}
	got := &Response{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type")}
	for _, w := range resp.Header.Values("Warning") {
		got.Warnings = append(got.Warnings, clean.vars.collapse(w))
	}
	if s.Stream && resp.StatusCode == http.StatusOK {
		return got, readEvents(raw, got, clean), nil
	}
	var parsed any
	if json.Unmarshal(raw, &parsed) == nil && strings.Contains(got.ContentType, "json") {
		got.Body = clean.clean(parsed)
	} else {
		got.Text = clean.vars.collapse(string(raw))
	}
	return got, parsed, nil
}

// readEvents decodes a stream into got and returns its first document.
func readEvents(raw []byte, got *Response, clean *cleaner) (first any) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	for {
		var e any
		if dec.Decode(&e) != nil {
			return first
		}
		if first == nil {
			first = e
		}
		got.Events = append(got.Events, clean.clean(e))
	}
}
