package rest

import "net/http"

func serveOpenAPI(w http.ResponseWriter, r *http.Request) { pageNotFound(w, r) }
