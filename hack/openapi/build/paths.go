package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/kube-openapi/pkg/common"

	"github.com/binnacle-io/binnacle/api"
)

var (
	mediaTypes = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	watchTypes = append(mediaTypes[:3:3], "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	anyType    = []string{"*/*"}
	patchTypes = []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}
)

// connectOptions are the query parameters of the streams.
var connectOptions = map[string]any{
	"NodeProxyOptions":      &corev1.NodeProxyOptions{},
	"PodAttachOptions":      &corev1.PodAttachOptions{},
	"PodExecOptions":        &corev1.PodExecOptions{},
	"PodPortForwardOptions": &corev1.PodPortForwardOptions{},
	"PodProxyOptions":       &corev1.PodProxyOptions{},
	"ServiceProxyOptions":   &corev1.ServiceProxyOptions{},
}

// document is what is served under one path below /openapi/v3.
type document struct {
	path   string // "apis/apps/v1"
	routes container
}

// documents lists all documents: every group version, every group, and the rest.
func documents() ([]document, error) {
	docs := []document{
		{"version", container{"/version", []*route{simple("/version/", "getCodeVersion", "get the version information for this server", &version.Info{}, mediaTypes[:1])}}},
		{"api", container{"/api", []*route{simple("/api/", "getAPIVersions", "get available API versions", &metav1.APIVersions{}, mediaTypes)}}},
		{"apis", container{"/apis", []*route{simple("/apis/", "getAPIVersions", "get available API versions", &metav1.APIGroupList{}, mediaTypes)}}},
	}
	index := map[string]int{}
	for _, r := range served() {
		root := "/api/" + r.Version
		if r.Group != "" {
			group := "/apis/" + r.Group
			root = group + "/" + r.Version
			if _, ok := index[group]; !ok {
				index[group] = len(docs)
				docs = append(docs, document{group[1:], container{group, []*route{
					simple(group+"/", "getAPIGroup", "get information of a group", &metav1.APIGroup{}, mediaTypes)}}})
			}
		}
		at, ok := index[root]
		if !ok {
			at = len(docs)
			index[root] = at
			docs = append(docs, document{root[1:], container{root, []*route{
				simple(root+"/", "getAPIResources", "get available resources", &metav1.APIResourceList{}, mediaTypes)}}})
		}
		p := paths{resource: r, root: root}
		if err := p.add(); err != nil {
			return nil, fmt.Errorf("%s %s: %w", root, r.name, err)
		}
		docs[at].routes.routes = append(docs[at].routes.routes, p.routes...)
	}
	return docs, nil
}

func simple(path, operation, description string, model any, produces []string) *route {
	return &route{method: "GET", path: path, operation: operation, description: description, produces: produces, responses: responses(model, 200)}
}

func responses(model any, codes ...int) []common.StatusCodeResponse {
	text := map[int]string{200: "OK", 201: "Created", 202: "Accepted"}
	var all []common.StatusCodeResponse
	for _, code := range codes {
		all = append(all, response{code, text[code], model})
	}
	return all
}

// paths makes the routes of one resource.
type paths struct {
	resource
	root   string
	object runtime.Object
	list   runtime.Object
	routes []*route
}

// target is what an operation works on: a place and the kind of its bodies.
type target struct {
	path        string
	gvk         schema.GroupVersionKind
	parameters  []common.Parameter // of the path
	noun        string             // end of operation names: NamespacedPodStatus
	description string             // "the specified Pod"
	object      runtime.Object
}

func (p *paths) add() error {
	var err error
	if p.object, err = api.Scheme().New(p.GroupVersionKind); err != nil {
		return err
	}
	if p.has("list") {
		list := p.GroupVersionKind
		list.Kind += "List"
		if p.list, err = api.Scheme().New(list); err != nil {
			return err
		}
	}
	p.addCollection()
	p.addSingle()
	p.addAllNamespaces()
	for i := range p.subresources {
		if err := p.addSubresource(&p.subresources[i]); err != nil {
			return err
		}
	}
	if p.has("watch") {
		p.addWatches()
	}
	return nil
}

var namespaceParameter = pathParameter("namespace", "object name and auth scope, such as for teams and projects")

// collection is the resource within a namespace, or in the cluster.
func (p *paths) collection() target {
	t := target{path: p.root + "/" + p.name, gvk: p.GroupVersionKind, noun: p.Kind, object: p.object}
	if p.namespaced {
		t.path = p.root + "/namespaces/{namespace}/" + p.name
		t.noun = "Namespaced" + p.Kind
		t.parameters = []common.Parameter{namespaceParameter}
	}
	return t
}

// single is one object.
func (p *paths) single() target {
	t := p.collection()
	t.path += "/{name}"
	t.parameters = append(t.parameters, pathParameter("name", "name of the "+p.Kind))
	t.description = "the specified " + p.Kind
	return t
}

func (p *paths) addRoute(action string, t target, r route, params ...[]common.Parameter) {
	r.path = t.path
	r.parameters = append(r.parameters, t.parameters...)
	for _, more := range params {
		r.parameters = append(r.parameters, more...)
	}
	if action != "connect" {
		r.parameters = append(r.parameters, pretty)
	}
	if r.produces == nil {
		r.produces = mediaTypes
	}
	if r.consumes == nil {
		r.consumes = anyType
	}
	r.metadata = map[string]any{
		"x-kubernetes-action":             action,
		"x-kubernetes-group-version-kind": metav1.GroupVersionKind(t.gvk),
	}
	p.routes = append(p.routes, &r)
}

func (p *paths) addCollection() {
	t := p.collection()
	if p.has("list") {
		p.addRoute("list", t, p.listRoute("list"+t.noun), queryParameters(&metav1.ListOptions{}))
	}
	if p.has("create") {
		p.addCreate(t, "create"+t.noun, fmt.Sprintf("create %s %s", article(p.Kind), p.Kind))
	}
	if p.has("deletecollection") {
		r := route{method: "DELETE", operation: "deleteCollection" + t.noun, description: "delete collection of " + p.Kind,
			consumes: anyType, body: &metav1.DeleteOptions{}, parameters: []common.Parameter{bodyParameter(false)},
			responses: responses(&metav1.Status{}, 200)}
		p.addRoute("deletecollection", t, r, queryParameters(&metav1.DeleteOptions{}),
			queryParameters(&metav1.ListOptions{}, "watch", "allowWatchBookmarks"))
	}
}

func (p *paths) listRoute(operation string) route {
	description := "list objects of kind " + p.Kind
	if p.has("watch") {
		description = "list or watch objects of kind " + p.Kind
	}
	return route{method: "GET", operation: operation, description: description, produces: watchTypes, responses: responses(p.list, 200)}
}

func (p *paths) addCreate(t target, operation, description string) {
	r := route{method: "POST", operation: operation, description: description, consumes: anyType, body: t.object,
		parameters: []common.Parameter{bodyParameter(true)}, responses: responses(t.object, 200, 201, 202)}
	p.addRoute("post", t, r, queryParameters(&metav1.CreateOptions{}))
}

func (p *paths) addSingle() {
	t := p.single()
	if p.has("get") {
		p.addGet(t)
	}
	if p.has("update") {
		p.addUpdate(t)
	}
	if p.has("patch") {
		p.addPatch(t)
	}
	if p.has("delete") {
		var answer any = &metav1.Status{}
		if p.returnsDeleted {
			answer = p.object
		}
		r := route{method: "DELETE", operation: "delete" + t.noun, description: fmt.Sprintf("delete %s %s", article(p.Kind), p.Kind),
			consumes: anyType, body: &metav1.DeleteOptions{}, parameters: []common.Parameter{bodyParameter(false)},
			responses: responses(answer, 200, 202)}
		p.addRoute("delete", t, r, queryParameters(&metav1.DeleteOptions{}))
	}
}

func (p *paths) addGet(t target) {
	p.addRoute("get", t, route{method: "GET", operation: "read" + t.noun, description: "read " + t.description, responses: responses(t.object, 200)})
}

func (p *paths) addUpdate(t target) {
	r := route{method: "PUT", operation: "replace" + t.noun, description: "replace " + t.description, consumes: anyType, body: t.object,
		parameters: []common.Parameter{bodyParameter(true)}, responses: responses(t.object, 200, 201)}
	p.addRoute("put", t, r, queryParameters(&metav1.UpdateOptions{}))
}

func (p *paths) addPatch(t target) {
	r := route{method: "PATCH", operation: "patch" + t.noun, description: "partially update " + t.description, consumes: patchTypes, body: &metav1.Patch{},
		parameters: []common.Parameter{bodyParameter(true)}, responses: responses(t.object, 200, 201)}
	p.addRoute("patch", t, r, queryParameters(&metav1.PatchOptions{}))
}

func (p *paths) addAllNamespaces() {
	if !p.namespaced || !p.has("list") {
		return
	}
	t := target{path: p.root + "/" + p.name, gvk: p.GroupVersionKind}
	p.addRoute("list", t, p.listRoute("list"+p.Kind+"ForAllNamespaces"), queryParameters(&metav1.ListOptions{}))
}

func (p *paths) addSubresource(s *subresource) error {
	t := p.collection()
	t.path += "/{name}/" + s.name
	t.parameters = append(t.parameters, pathParameter("name", "name of the "+s.kind.Kind))
	t.gvk = s.kind
	t.noun += capital(s.name)
	t.description = s.name + " of the specified " + p.Kind
	var err error
	if t.object, err = api.Scheme().New(s.kind); err != nil {
		return err
	}
	switch {
	case s.connect:
		p.addConnect(t, s)
	case s.name == "log":
		r := route{method: "GET", operation: "read" + t.noun, description: "read " + t.description,
			produces: append([]string{"text/plain"}, mediaTypes...), responses: responses("", 200)}
		p.addRoute("get", t, r, queryParameters(&corev1.PodLogOptions{}))
	default:
		if s.has("create") {
			p.addCreate(t, "create"+t.noun, fmt.Sprintf("create %s of %s %s", s.name, article(p.Kind), p.Kind))
		}
		if s.has("get") {
			p.addGet(t)
		}
		if s.has("update") {
			p.addUpdate(t)
		}
		if s.has("patch") {
			p.addPatch(t)
		}
	}
	return nil
}

func (p *paths) addConnect(t target, s *subresource) {
	methods := []string{"GET", "POST"}
	if s.withPath {
		methods = append(methods, "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
	}
	add := func(t target, suffix string) {
		for _, method := range methods {
			r := route{method: method, operation: "connect" + capital(strings.ToLower(method)) + t.noun + suffix,
				description: fmt.Sprintf("connect %s requests to %s of %s", method, s.name, p.Kind), produces: anyType, responses: responses("", 200)}
			p.addRoute("connect", t, r, queryParameters(connectOptions[s.kind.Kind]))
		}
	}
	add(t, "")
	if s.withPath {
		t.path += "/{path}"
		t.parameters = append(t.parameters, pathParameter("path", "path to the resource"))
		add(t, "WithPath")
	}
}

// addWatches adds the old way to watch, by a path of its own.
func (p *paths) addWatches() {
	add := func(action string, t target, operation, description string) {
		t.path = p.root + "/watch" + strings.TrimPrefix(t.path, p.root)
		r := route{method: "GET", operation: operation, description: description, produces: watchTypes, responses: responses(&metav1.WatchEvent{}, 200)}
		p.addRoute(action, t, r, queryParameters(&metav1.ListOptions{}))
	}
	list := "watch individual changes to a list of " + p.Kind + ". deprecated: use the 'watch' parameter with a list operation instead."
	one := p.single()
	add("watch", one, "watch"+one.noun, "watch changes to an object of kind "+p.Kind+
		". deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter.")
	all := p.collection()
	add("watchlist", all, "watch"+all.noun+"List", list)
	if p.namespaced {
		add("watchlist", target{path: p.root + "/" + p.name, gvk: p.GroupVersionKind}, "watch"+p.Kind+"ListForAllNamespaces", list)
	}
}
