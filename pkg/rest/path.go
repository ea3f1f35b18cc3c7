package rest

import (
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// target is what a path below /api/<version> or /apis/<group>/<version> names.
type target struct {
	gv          schema.GroupVersion
	watchPrefix bool // the deprecated /watch/ form
	namespace   string
	resource    string // plural; "" names the group version itself
	name        string
	subresource string
	rest        string // what follows a subresource (proxy)
}

// parseTarget reads a decoded URL path. ok is false when the path cannot name
// anything: an empty segment in the middle.
func parseTarget(path string) (t target, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) >= 2:
		t.gv, parts = schema.GroupVersion{Version: parts[1]}, parts[2:]
	case parts[0] == "apis" && len(parts) >= 3:
		t.gv, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		return t, false
	}
	if len(parts) > 1 && parts[0] == "watch" {
		t.watchPrefix, parts = true, parts[1:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" && !namespaceSubresource(parts[2]) {
		t.namespace, parts = parts[1], parts[2:]
	}
	for i, p := range parts {
		switch i {
		case 0:
			t.resource = p
		case 1:
			t.name = p
		case 2:
			t.subresource = p
		default:
			t.rest = strings.Join(parts[3:], "/")
		}
	}
	if len(parts) > 1 && t.name == "" || len(parts) > 0 && t.resource == "" {
		return t, false
	}
	if t.resource == "namespaces" && t.namespace == "" {
		t.namespace = ""
	}
	return t, true
}

// namespaceSubresource tells /namespaces/x/status from /namespaces/x/<resource>.
func namespaceSubresource(s string) bool { return s == "status" || s == "finalize" }

// verbOf is the API verb of a request, "" for a method that has none.
func (t *target) verbOf(r *http.Request, watch bool) string {
	switch r.Method {
	case http.MethodGet:
		switch {
		case t.watchPrefix || watch && t.name == "":
			return "watch"
		case t.name == "":
			return "list"
		}
		return "get"
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if t.name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	return ""
}

// asksToWatch reads ?watch=: kube-apiserver takes anything but "false" and "0"
// for yes, even nothing.
func asksToWatch(query map[string][]string) bool {
	v, ok := query["watch"]
	if !ok {
		return false
	}
	return len(v) == 0 || v[0] != "false" && v[0] != "0"
}
