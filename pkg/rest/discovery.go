package rest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"

	discoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// discovery tells clients what is served, from the registry's table alone: the
// legacy documents and the aggregated ones (KEP-3352).
type discovery struct {
	registry *registry.Registry
	address  string

	mu sync.Mutex
	// documents by path and medium; made once, since the table does not change
	// while the process lives.
	documents map[string]document
}

type document struct {
	contentType string
	body        []byte
	etag        string
}

func newDiscovery(r *registry.Registry, address string) *discovery {
	return &discovery{registry: r, address: address, documents: map[string]document{}}
}

const aggregatedParams = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// wantsAggregated finds a clause that asks for the aggregated form, wherever it
// stands: it holds all that the others do.
func wantsAggregated(r *http.Request) (medium, bool) {
	for _, c := range parseAccept(strings.Join(r.Header["Accept"], ",")) {
		if m, ok := mediumOf(c.media); ok && c.params["as"] == "APIGroupDiscoveryList" &&
			c.params["g"] == discoveryv2.GroupName && c.params["v"] == "v2" {
			return m, true
		}
	}
	return 0, false
}

func (d *discovery) serveCore(w http.ResponseWriter, r *http.Request) {
	if m, ok := wantsAggregated(r); ok {
		d.aggregated(w, r, m, true)
		return
	}
	d.legacy(w, r, schema.GroupVersionKind{Kind: "APIVersions"}, func() runtime.Object {
		return &metav1.APIVersions{Versions: []string{"v1"}, ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{
			{ClientCIDR: "0.0.0.0/0", ServerAddress: d.address}}}
	})
}

func (d *discovery) serveGroups(w http.ResponseWriter, r *http.Request) {
	if m, ok := wantsAggregated(r); ok {
		d.aggregated(w, r, m, false)
		return
	}
	d.legacy(w, r, schema.GroupVersionKind{Version: "v1", Kind: "APIGroupList"}, func() runtime.Object {
		l := &metav1.APIGroupList{}
		for _, g := range d.groups() {
			if g != "" {
				l.Groups = append(l.Groups, d.group(g))
			}
		}
		return l
	})
}

func (d *discovery) serveGroup(w http.ResponseWriter, r *http.Request, group string) {
	d.legacy(w, r, schema.GroupVersionKind{Version: "v1", Kind: "APIGroup"}, func() runtime.Object {
		g := d.group(group)
		return &g
	})
}

func (d *discovery) serveVersion(w http.ResponseWriter, r *http.Request, gv schema.GroupVersion) {
	if !slices.Contains(d.registry.GroupVersions(), gv) {
		writeStatus(w, r, notFoundPath())
		return
	}
	d.legacy(w, r, schema.GroupVersionKind{Version: "v1", Kind: "APIResourceList"}, func() runtime.Object {
		return &metav1.APIResourceList{GroupVersion: gv.String(), APIResources: d.resources(gv)}
	})
}

// legacy answers with a document in the negotiated medium.
func (d *discovery) legacy(w http.ResponseWriter, r *http.Request, gvk schema.GroupVersionKind, build func() runtime.Object) {
	n, err := negotiate(r, false)
	if err == nil && n.shape != shapeObject {
		err = notAcceptable("only the following media types are accepted: "+objectMedia, nil)
	}
	if err != nil {
		writeStatus(w, r, err)
		return
	}
	doc, err := d.document(fmt.Sprintf("%s %d", strings.TrimSuffix(r.URL.Path, "/"), n.medium), func() (document, error) {
		obj := build()
		if gvk.Version == "" && n.medium != mediumProtobuf { // APIVersions is older than versions
			obj.GetObjectKind().SetGroupVersionKind(gvk)
			body, err := finish(n.medium, appendJSON(nil, obj))
			return document{contentType: n.medium.String(), body: body}, err
		}
		body, err := encodeAs(n.medium, obj, gvk)
		return document{contentType: n.medium.String(), body: body}, err
	})
	if err != nil {
		writeStatus(w, r, err)
		return
	}
	if n.pretty {
		doc.body = indent(doc.body)
	}
	doc.write(w, r)
}

func (d *discovery) aggregated(w http.ResponseWriter, r *http.Request, m medium, core bool) {
	doc, err := d.document(fmt.Sprintf("aggregated %t %d", core, m), func() (document, error) {
		body, err := encodeAs(m, d.aggregate(core), discoveryv2.SchemeGroupVersion.WithKind("APIGroupDiscoveryList"))
		return document{contentType: m.String() + aggregatedParams, body: body, etag: etagOf(body)}, err
	})
	if err != nil {
		writeStatus(w, r, err)
		return
	}
	w.Header().Add("Vary", "Accept")
	doc.write(w, r)
}

func etagOf(body []byte) string { return fmt.Sprintf(`"%X"`, sha512.Sum512(body)) }

// document returns a document, made on first use.
func (d *discovery) document(key string, build func() (document, error)) (document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if doc, ok := d.documents[key]; ok {
		return doc, nil
	}
	doc, err := build()
	if err == nil {
		d.documents[key] = doc
	}
	return doc, err
}

func (doc document) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if doc.etag != "" {
		h.Set("ETag", doc.etag)
		if r.Header.Get("If-None-Match") == doc.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", doc.contentType)
	h.Set("Content-Length", fmt.Sprint(len(doc.body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(doc.body)
}

// groups lists the API groups in table order.
func (d *discovery) groups() []string {
	var out []string
	for _, gv := range d.registry.GroupVersions() {
		if !slices.Contains(out, gv.Group) {
			out = append(out, gv.Group)
		}
	}
	return out
}

// versions lists the versions of a group, the preferred one first.
func (d *discovery) versions(group string) []string {
	var out []string
	for _, gv := range d.registry.GroupVersions() {
		if gv.Group == group {
			out = append(out, gv.Version)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i] > out[j] })
	return out
}

func (d *discovery) group(name string) metav1.APIGroup {
	g := metav1.APIGroup{Name: name}
	for _, v := range d.versions(name) {
		g.Versions = append(g.Versions, metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + v, Version: v})
	}
	g.PreferredVersion = g.Versions[0]
	return g
}

// subresourceInfo is a subresource as discovery tells of it.
type subresourceInfo struct {
	name  string
	kind  schema.GroupVersionKind
	verbs []string
}

// subresources lists those of an endpoint by name.
func subresources(ep *registry.Endpoint) []subresourceInfo {
	var out []subresourceInfo
	if ep.Status != nil && !ep.NoStatusSubresource {
		out = append(out, subresourceInfo{"status", ep.GVK, partVerbs})
	}
	if ep.Scale != nil {
		out = append(out, subresourceInfo{"scale", scaleKind, partVerbs})
	}
	for _, p := range ep.Parts {
		out = append(out, subresourceInfo{p.Name, ep.GVK, p.Verbs})
	}
	for _, a := range ep.Actions {
		out = append(out, subresourceInfo{a.Name, a.Kind, []string{"create"}})
	}
	for _, k := range ep.Connects {
		out = append(out, subresourceInfo{k.Name, k.Kind, k.Verbs})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// endpointsOf lists the endpoints of a group version by name.
func (d *discovery) endpointsOf(gv schema.GroupVersion) []*registry.Endpoint {
	var out []*registry.Endpoint
	for _, ep := range d.registry.Endpoints() {
		if ep.GVR.GroupVersion() == gv {
			out = append(out, ep)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].GVR.Resource < out[j].GVR.Resource })
	return out
}

func (d *discovery) resources(gv schema.GroupVersion) []metav1.APIResource {
	out := []metav1.APIResource{}
	for _, ep := range d.endpointsOf(gv) {
		r := metav1.APIResource{Name: ep.GVR.Resource, SingularName: ep.Singular, Namespaced: ep.Namespaced, Kind: ep.GVK.Kind,
			Verbs: ep.Verbs, ShortNames: ep.ShortNames, Categories: ep.Categories}
		if ep.HasVerb("list") && ep.Kind.Create == nil {
			r.StorageVersionHash = storageVersionHash(ep.StoredKind())
		}
		out = append(out, r)
		for _, s := range subresources(ep) {
			sub := metav1.APIResource{Name: ep.GVR.Resource + "/" + s.name, Namespaced: ep.Namespaced, Kind: s.kind.Kind, Verbs: s.verbs}
			if s.kind.GroupVersion() != gv {
				sub.Group, sub.Version = s.kind.Group, s.kind.Version
			}
			out = append(out, sub)
		}
	}
	return out
}

// storageVersionHash is kube-apiserver's: clients compare it, nothing more.
func storageVersionHash(gvk schema.GroupVersionKind) string {
	sum := sha256.Sum256([]byte(gvk.Group + "/" + gvk.Version + "/" + gvk.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}

func (d *discovery) aggregate(core bool) *discoveryv2.APIGroupDiscoveryList {
	l := &discoveryv2.APIGroupDiscoveryList{Items: []discoveryv2.APIGroupDiscovery{}}
	for _, g := range d.groups() {
		if (g == "") != core {
			continue
		}
		item := discoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g}}
		for _, v := range d.versions(g) {
			item.Versions = append(item.Versions, discoveryv2.APIVersionDiscovery{Version: v, Freshness: discoveryv2.DiscoveryFreshnessCurrent,
				Resources: d.aggregateResources(schema.GroupVersion{Group: g, Version: v})})
		}
		l.Items = append(l.Items, item)
	}
	return l
}

func (d *discovery) aggregateResources(gv schema.GroupVersion) []discoveryv2.APIResourceDiscovery {
	var out []discoveryv2.APIResourceDiscovery
	for _, ep := range d.endpointsOf(gv) {
		r := discoveryv2.APIResourceDiscovery{Resource: ep.GVR.Resource, SingularResource: ep.Singular, Scope: discoveryv2.ScopeCluster,
			ResponseKind: responseKind(gv, ep.GVK), Verbs: ep.Verbs, ShortNames: ep.ShortNames, Categories: ep.Categories}
		if ep.Namespaced {
			r.Scope = discoveryv2.ScopeNamespace
		}
		for _, s := range subresources(ep) {
			r.Subresources = append(r.Subresources, discoveryv2.APISubresourceDiscovery{Subresource: s.name,
				ResponseKind: responseKind(gv, s.kind), Verbs: s.verbs})
		}
		out = append(out, r)
	}
	return out
}

// responseKind leaves group and version empty where they are the endpoint's own.
func responseKind(gv schema.GroupVersion, gvk schema.GroupVersionKind) *metav1.GroupVersionKind {
	k := &metav1.GroupVersionKind{Kind: gvk.Kind}
	if gvk.GroupVersion() != gv {
		k.Group, k.Version = gvk.Group, gvk.Version
	}
	return k
}
