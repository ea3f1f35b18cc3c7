package openapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi3"

	"github.com/binnacle-io/binnacle/api"
)

func TestPaths(t *testing.T) {
	paths := Paths()
	want := []string{"api", "api/v1", "apis", "version"}
	for _, gv := range api.Scheme().PrioritizedVersionsAllGroups() {
		switch {
		case gv.Group == "", gv.Group == "meta.k8s.io", gv.Group == "apidiscovery.k8s.io", gv.String() == "policy/v1beta1":
			continue // not resources
		}
		want = append(want, "apis/"+gv.String())
		if group := "apis/" + gv.Group; !slices.Contains(want, group) {
			want = append(want, group)
		}
	}
	for _, path := range want {
		if len(paths[path]) != 128 {
			t.Errorf("%s: hash %q", path, paths[path])
		}
	}
	if len(paths) != len(want) {
		t.Errorf("%d documents, want %d", len(paths), len(want))
	}
	if _, _, err := Document("apis/nosuch/v1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// All forms of a document are the same document.
func TestForms(t *testing.T) {
	check := func(path string, document []byte, hash string, m proto.Message, parse func([]byte) (proto.Message, error)) {
		if hash == "" {
			t.Errorf("%s has no hash", path)
		}
		for _, form := range []Form{JSON, PB} {
			compressed, gzHash, err := Gzip(path, form)
			if err != nil {
				t.Fatal(err)
			}
			r, err := gzip.NewReader(bytes.NewReader(compressed))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if form == JSON && !bytes.Equal(got, document) || gzHash != hash {
				t.Errorf("%s: compressed form differs", path)
			}
			if form == PB {
				if err := proto.Unmarshal(got, m); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
		if want, err := parse(document); err != nil || !proto.Equal(m, want) {
			t.Errorf("%s: protobuf form differs, %v", path, err)
		}
	}
	for path, hash := range Paths() {
		document, got, err := Document(path)
		if err != nil || got != hash {
			t.Fatalf("%s: hash %s, error %v", path, got, err)
		}
		if strings.Count(path, "/") > 1 && path != "apis/apps/v1" {
			continue // parsing takes its time
		}
		check(path, document, hash, &openapi_v3.Document{}, func(b []byte) (proto.Message, error) { return openapi_v3.ParseDocument(b) })
	}
	document, hash, err := Version2(JSON)
	if err != nil {
		t.Fatal(err)
	}
	check(V2, document, hash, &openapi_v2.Document{}, func(b []byte) (proto.Message, error) { return openapi_v2.ParseDocument(b) })
}

type operation struct {
	OperationID string                   `json:"operationId"`
	Action      string                   `json:"x-kubernetes-action"`
	GVK         *metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
	Parameters  []struct {
		Name string
		In   string
	} `json:"parameters"`
}

// What clients read in the paths: kubectl finds out whether a PATCH validates
// fields, by kind.
func TestOperations(t *testing.T) {
	ids := map[string]string{}
	for path := range Paths() {
		document, _, err := Document(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Paths map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(document, &doc); err != nil {
			t.Fatal(err)
		}
		for url, item := range doc.Paths {
			for method, raw := range item {
				if method == "parameters" {
					continue
				}
				var op operation
				if err := json.Unmarshal(raw, &op); err != nil {
					t.Fatal(err)
				}
				if other, ok := ids[op.OperationID]; ok && op.OperationID != "getAPIVersions" {
					t.Errorf("%s is the operation of both %s and %s", op.OperationID, other, url)
				}
				ids[op.OperationID] = url
				if strings.Count(url, "/") > 3 && !strings.HasSuffix(url, "/") && (op.GVK == nil || op.Action == "") {
					t.Errorf("%s %s lacks kind or action", method, url)
				}
				validates := slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == "fieldValidation" && p.In == "query" })
				if op.Action == "patch" && !validates {
					t.Errorf("%s %s does not take fieldValidation", method, url)
				}
			}
		}
	}
	for id, url := range map[string]string{
		"createCoreV1NamespacedPodBinding":                    "/api/v1/namespaces/{namespace}/pods/{name}/binding",
		"connectCoreV1GetNamespacedPodProxyWithPath":          "/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}",
		"deleteCoreV1CollectionNamespacedConfigMap":           "/api/v1/namespaces/{namespace}/configmaps",
		"listAppsV1DeploymentForAllNamespaces":                "/apis/apps/v1/deployments",
		"readAppsV1NamespacedDeploymentScale":                 "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale",
		"replaceCoreV1NamespaceFinalize":                      "/api/v1/namespaces/{name}/finalize",
		"createAuthenticationV1TokenReview":                   "/apis/authentication.k8s.io/v1/tokenreviews",
		"getRbacAuthorizationAPIGroup":                        "/apis/rbac.authorization.k8s.io/",
		"getFlowcontrolApiserverV1APIResources":               "/apis/flowcontrol.apiserver.k8s.io/v1/",
		"watchCoreV1NamespacedConfigMapList":                  "/api/v1/watch/namespaces/{namespace}/configmaps",
		"patchCoreV1NamespacedPodEphemeralcontainers":         "/api/v1/namespaces/{namespace}/pods/{name}/ephemeralcontainers",
		"getCodeVersion":                                      "/version/",
		"readCertificatesV1CertificateSigningRequestApproval": "/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/approval",
	} {
		if ids[id] != url {
			t.Errorf("%s is at %q, want %q", id, ids[id], url)
		}
	}
}

// Every kind that is served is described, and no reference leads nowhere.
func TestSchemas(t *testing.T) {
	described := map[schema.GroupVersionKind]bool{}
	for path := range Paths() {
		document, _, err := Document(path)
		if err != nil {
			t.Fatal(err)
		}
		schemas, err := Schemas(path)
		if err != nil {
			t.Fatal(err)
		}
		for rest := document; ; {
			_, after, ok := bytes.Cut(rest, []byte(`"$ref":"#/components/schemas/`))
			if !ok {
				break
			}
			name, _, _ := bytes.Cut(after, []byte(`"`))
			if schemas[string(name)] == nil {
				t.Errorf("%s: %s is not described", path, name)
			}
			rest = after
		}
		for name, s := range schemas {
			var gvks []metav1.GroupVersionKind
			if err := s.Extensions.GetObject("x-kubernetes-group-version-kind", &gvks); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, gvk := range gvks {
				described[schema.GroupVersionKind(gvk)] = true
			}
		}
	}
	// No path takes or gives them.
	silent := []string{"Options", "SerializedReference", "RangeAllocation", "PodStatusResult", "Eviction", "TokenRequest"}
	for gvk := range api.Scheme().AllKnownTypes() {
		switch {
		case gvk.Version == runtime.APIVersionInternal, gvk.Version == "v1beta1", gvk.Group == "meta.k8s.io", gvk.Group == "apidiscovery.k8s.io",
			gvk.Kind == "List", gvk.Kind == "ConversionReview",
			slices.ContainsFunc(silent, func(s string) bool { return strings.Contains(gvk.Kind, s) }):
		case !described[gvk]:
			t.Errorf("%v is not described", gvk)
		}
	}
}

// The client side: client-go's and kubectl's own code on these documents.

type client map[string]openapi.GroupVersion

func (c client) Paths() (map[string]openapi.GroupVersion, error) { return c, nil }

type groupVersion string

func (g groupVersion) Schema(contentType string) ([]byte, error) {
	if contentType == "application/json" {
		document, _, err := Document(string(g))
		return document, err
	}
	document, _, err := Protobuf(string(g))
	return document, err
}

func (g groupVersion) ServerRelativeURL() string { return "" }

func newClient() client {
	c := client{}
	for path := range Paths() {
		c[path] = groupVersion(path)
	}
	return c
}

func TestFieldValidationIsFound(t *testing.T) {
	verifier := resource.NewQueryParamVerifierV3(nil, newClient(), resource.QueryParamFieldValidation)
	for _, gvk := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Pod"}, {Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
	} {
		if err := verifier.HasSupport(gvk); err != nil {
			t.Errorf("%v: %v", gvk, err)
		}
	}
}

func TestStrategicMergeKeysAreFound(t *testing.T) {
	root := openapi3.NewRoot(newClient())
	doc, err := root.GVSpec(schema.GroupVersion{Group: "apps", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	meta := strategicpatch.PatchMetaFromOpenAPIV3{SchemaList: doc.Components.Schemas, Schema: doc.Components.Schemas["io.k8s.api.apps.v1.Deployment"]}
	old := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}}}}`)
	patched, err := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(old, []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"2"}]}}}}`), meta)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(patched), `"name"`); n != 2 {
		t.Errorf("patched %s", patched)
	}
}

func TestTypeConverter(t *testing.T) {
	schemas, err := Schemas("api/v1")
	if err != nil {
		t.Fatal(err)
	}
	converter, err := managedfields.NewTypeConverter(schemas, false)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}}
	pod.Spec.Containers = []corev1.Container{{Name: "a"}}
	typed, err := converter.ObjectToTyped(pod)
	if err != nil {
		t.Fatal(err)
	}
	set, err := typed.ToFieldSet()
	if err != nil || !strings.Contains(set.String(), `.spec.containers[name="a"].name`) {
		t.Errorf("fields %v, %v", set, err)
	}
}

func BenchmarkDirectory(b *testing.B) {
	for b.Loop() {
		if len(Paths()) == 0 {
			b.Fatal("none")
		}
	}
}

func BenchmarkCore(b *testing.B) {
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Document("api/v1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gzip", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Gzip("api/v1", JSON); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("schemas", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Schemas("api/v1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
