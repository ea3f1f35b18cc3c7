package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/binnacle-io/binnacle/api/openapi"
)

// openapiYear is how long a document with its hash in the URL may be kept.
const openapiYear = 365 * 24 * time.Hour

// serveOpenAPI serves the documents under /openapi/: version 2 as a whole,
// version 3 as an index and a document per group version. They are sent as they
// are kept, compressed, to clients that take gzip.
func (h *Handler) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/openapi/"), "/")
	switch {
	case path == "v2":
		serveDocument(w, r, openapi.V2, "v2")
	case path == "v3":
		h.serveOpenAPIIndex(w)
	case strings.HasPrefix(path, "v3/"):
		h.serveV3(w, r, strings.TrimPrefix(path, "v3/"))
	default:
		pageNotFound(w, r)
	}
}

// described lists the documents of what is served: the archive knows kinds that
// the table may lack.
func (h *Handler) described() map[string]string {
	served := map[string]bool{"version": true, "api": true, "apis": true}
	for _, gv := range h.Registry.GroupVersions() {
		if gv.Group == "" {
			served["api/"+gv.Version] = true
			continue
		}
		served["apis/"+gv.Group] = true
		served["apis/"+gv.String()] = true
	}
	out := map[string]string{}
	for path, hash := range openapi.Paths() {
		if served[path] {
			out[path] = hash
		}
	}
	return out
}

func (h *Handler) serveOpenAPIIndex(w http.ResponseWriter) {
	type entry struct {
		ServerRelativeURL string `json:"serverRelativeURL"`
	}
	paths := map[string]entry{}
	for path, hash := range h.described() {
		paths[path] = entry{"/openapi/v3/" + path + "?hash=" + hash}
	}
	body, err := json.Marshal(map[string]any{"paths": paths})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // as kube-apiserver has it
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func (h *Handler) serveV3(w http.ResponseWriter, r *http.Request, path string) {
	hash, ok := h.described()[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if asked := r.URL.Query().Get("hash"); asked != "" {
		if asked != hash {
			http.Redirect(w, r, "/openapi/v3/"+path+"?hash="+hash, http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", time.Now().UTC().Add(openapiYear).Format(http.TimeFormat))
	}
	serveDocument(w, r, path, "v3")
}

// serveDocument sends a document in the form that the client takes. version is
// that of the specification, which the protobuf media type names.
func serveDocument(w http.ResponseWriter, r *http.Request, path, version string) {
	form, contentType, ok := openapiForm(r, version)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	var body []byte
	var hash string
	var err error
	h := w.Header()
	zipped := acceptsGzip(r)
	switch {
	case zipped:
		body, hash, err = openapi.Gzip(path, form)
	case path == openapi.V2:
		body, hash, err = openapi.Version2(form)
	case form == openapi.PB:
		body, hash, err = openapi.Protobuf(path)
	default:
		body, hash, err = openapi.Document(path)
	}
	if err != nil {
		writeStatus(w, r, err)
		return
	}
	h.Add("Vary", "Accept")
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", strconv.Quote(hash))
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// openapiForm negotiates the form of a document: JSON unless protobuf is asked
// for under one of the names that it has.
func openapiForm(r *http.Request, version string) (form openapi.Form, contentType string, ok bool) {
	const proto = "application/com.github.proto-openapi.spec."
	header := strings.Join(r.Header["Accept"], ",")
	if header == "" {
		return openapi.JSON, mediaTypes[mediumJSON], true
	}
	for _, c := range strings.Split(header, ",") {
		media, _, _ := strings.Cut(strings.TrimSpace(c), ";")
		switch media {
		case "*/*", "application/*", mediaTypes[mediumJSON]:
			return openapi.JSON, mediaTypes[mediumJSON], true
		case proto + version + "@v1.0+protobuf", proto + version + ".v1.0+protobuf":
			return openapi.PB, proto + version + ".v1.0+protobuf", true
		}
	}
	return "", "", false
}
