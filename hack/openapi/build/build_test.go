package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/api/openapi"
)

// The embedded documents speak of what the table of kinds serves, no more and no
// less.
func TestDocumentsAreCurrent(t *testing.T) {
	docs, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(openapi.Paths()); got != len(docs) {
		t.Errorf("%d documents are embedded, %d are served; run make generate", got, len(docs))
	}
	for _, d := range docs {
		data, _, err := openapi.Document(d.path)
		if err != nil {
			t.Errorf("%v; run make generate", err)
			continue
		}
		var embedded struct {
			Paths map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(data, &embedded); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, r := range d.routes.routes {
			want++
			if embedded.Paths[r.path][strings.ToLower(r.method)] == nil {
				t.Errorf("%s %s is not described; run make generate", r.method, r.path)
			}
		}
		got := 0
		for _, item := range embedded.Paths {
			for method := range item {
				if method != "parameters" {
					got++
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d operations are described, %d are served; run make generate", d.path, got, want)
		}
	}
}

func TestOperationID(t *testing.T) {
	for _, c := range []struct{ path, name, id, tag string }{
		{"/api/v1/pods", "listPodForAllNamespaces", "listCoreV1PodForAllNamespaces", "core_v1"},
		{"/apis/rbac.authorization.k8s.io/v1/roles", "listRole", "listRbacAuthorizationV1Role", "rbacAuthorization_v1"},
		{"/apis/apps/", "getAPIGroup", "getAppsAPIGroup", "apps"},
		{"/apis/", "getAPIVersions", "getAPIVersions", "apis"},
		{"/api/", "getAPIVersions", "getCoreAPIVersions", "core"},
		{"/version/", "getCodeVersion", "getCodeVersion", "version"},
	} {
		id, tags, err := operationID(&route{path: c.path, operation: c.name})
		if err != nil || id != c.id || len(tags) != 1 || tags[0] != c.tag {
			t.Errorf("%s: %s %v, %v", c.path, id, tags, err)
		}
	}
	if _, _, err := operationID(&route{path: "/other"}); err == nil {
		t.Error("a path of no group has an operation")
	}
}
