package rest

import (
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNegotiate(t *testing.T) {
	const table, partial, partialList = ";as=Table;v=v1;g=meta.k8s.io", ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io", ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
	for _, c := range []struct {
		name, accept string
		watch        bool
		want         negotiated
		fails        string
	}{
		{name: "nothing", want: negotiated{}},
		{name: "anything", accept: "*/*"},
		{name: "JSON", accept: "application/json"},
		{name: "YAML", accept: "application/yaml", want: negotiated{medium: mediumYAML}},
		{name: "protobuf", accept: "application/vnd.kubernetes.protobuf", want: negotiated{medium: mediumProtobuf}},
		{name: "the first of two", accept: "application/vnd.kubernetes.protobuf,application/json", want: negotiated{medium: mediumProtobuf}},
		{name: "quality before order", accept: "application/yaml;q=0.1, application/json;q=0.9"},
		{name: "unknown types are passed over", accept: "text/html, image/png, application/yaml", want: negotiated{medium: mediumYAML}},
		{name: "clauses that cannot be read are passed over", accept: ";;;, application/yaml", want: negotiated{medium: mediumYAML}},
		{name: "table", accept: "application/json" + table + ",application/json", want: negotiated{shape: shapeTable, version: "v1"}},
		{name: "table of v1beta1", accept: "application/json;as=Table;v=v1beta1;g=meta.k8s.io", want: negotiated{shape: shapeTable, version: "v1beta1"}},
		{name: "no table in protobuf", accept: "application/vnd.kubernetes.protobuf" + table + ",application/json"},
		{name: "no table of v2", accept: "application/json;as=Table;v=v2;g=meta.k8s.io,application/yaml", want: negotiated{medium: mediumYAML}},
		{name: "metadata in protobuf", accept: "application/vnd.kubernetes.protobuf" + partial, want: negotiated{medium: mediumProtobuf, shape: shapePartial, version: "v1"}},
		{name: "metadata list", accept: "application/json" + partialList, want: negotiated{shape: shapePartialList, version: "v1"}},
		{name: "no YAML watch", accept: "application/yaml", watch: true, fails: "406: Not Acceptable\n\nAvailable representations: " + watchMedia},
		{name: "a watch in its second choice", accept: "application/yaml,application/json", watch: true},
		{name: "nothing that there is", accept: "text/html", fails: "406: Not Acceptable\n\nAvailable representations: " + objectMedia},
		{name: "a form that there is not", accept: "application/json;as=Chart;v=v1;g=meta.k8s.io", fails: "only the following media types are accepted: " + objectMedia},
		{name: "a foreign group", accept: "application/json;as=Table;v=v1;g=example.com", fails: "only the following media types are accepted: " + objectMedia},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request{path: "/api/v1/pods", accept: c.accept}.build("")
			got, err := negotiate(r, c.watch)
			if c.fails != "" {
				if s := apierrors.APIStatus(nil); err == nil || err.Error() != c.fails {
					t.Fatalf("%+v, %v %v", got, err, s)
				}
				if apierrors.ReasonForError(err) != metav1.StatusReasonNotAcceptable {
					t.Errorf("reason %q", apierrors.ReasonForError(err))
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestPretty(t *testing.T) {
	for _, c := range []struct {
		query, agent string
		want         bool
	}{
		{"", "kubectl/v1.36", false}, {"", "curl/8.0", true}, {"", "Mozilla/5.0 (X11)", true}, {"", "Wget/1.2", true},
		{"?pretty=true", "", true}, {"?pretty=1", "", true}, {"?pretty=false", "curl/8.0", false}, {"?pretty=0", "curl/8.0", false}, {"?pretty=", "", false},
	} {
		r := request{path: "/api/v1/pods" + c.query, header: http.Header{"User-Agent": {c.agent}}}.build("")
		if n, err := negotiate(r, false); err != nil || n.pretty != c.want {
			t.Errorf("%+v: pretty %v, %v", c, n.pretty, err)
		}
	}
	w := newWorld(t)
	plain, pretty := w.get("/api/v1/namespaces/ns"), w.get("/api/v1/namespaces/ns?pretty=true")
	if strings.Contains(plain.Body.String(), "\n ") || !strings.HasPrefix(pretty.Body.String(), "{\n  \"kind\": \"Namespace\",\n") {
		t.Errorf("plain %s\npretty %s", plain.Body, pretty.Body)
	}
}

func TestBodyMedium(t *testing.T) {
	for ct, want := range map[string]medium{"": mediumJSON, jsonType: mediumJSON, "application/json; charset=utf-8": mediumJSON,
		yamlType: mediumYAML, protobufType: mediumProtobuf} {
		if got, err := bodyMedium(request{contentType: ct}.build("")); err != nil || got != want {
			t.Errorf("%q: %v, %v", ct, got, err)
		}
	}
	w := newWorld(t)
	for _, ct := range []string{"text/plain", "*/*", "application/xml", ";", "application/json-patch+json", "application/apply-patch+yaml"} {
		w.do(request{method: "POST", path: "/api/v1/namespaces", contentType: ct, body: `{"metadata":{"name":"x"}}`}).
			wantStatus(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType)
	}
}

// FuzzAccept sends any Accept header: the answer is 200 or 406, in a form that
// was asked for.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "application/json;q=0.5,*/*;q=0.1", tableType, partialType, "application/json;q=NaN", "a/b;q=1e999,,;=,",
		strings.Repeat("application/json;as=Table,", 40), "application/json;as=\"Table\";v=\"v1\";g=meta.k8s.io", "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, accept string, list bool) {
		w.t = t
		path := "/api/v1/namespaces/ns"
		if list {
			path = "/api/v1/namespaces"
		}
		a := w.do(request{path: path, header: http.Header{"Accept": {accept}}})
		if a.Code != http.StatusOK && a.Code != http.StatusNotAcceptable {
			t.Fatalf("HTTP %d: %.500s", a.Code, a.Body.String())
		}
		switch ct := a.Header().Get("Content-Type"); ct {
		case jsonType, yamlType, protobufType:
			if ct != jsonType && !strings.Contains(accept, ct[len("application/"):]) && !strings.Contains(strings.ToLower(accept), ct[len("application/"):]) {
				t.Fatalf("%s was not asked for", ct)
			}
		default:
			t.Fatalf("Content-Type %q", ct)
		}
	})
}
