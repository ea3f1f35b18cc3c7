package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// check is one named condition of health.
type check struct {
	name string
	ok   func() error
}

// health answers /livez, /readyz and /healthz with their sub-checks, in the
// text form that kube-apiserver gives: ?verbose lists them, ?exclude= leaves
// some out, /<name> asks for one.
type health struct {
	checks map[string][]check // by "livez", "readyz", "healthz"
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	checks := h.checks[kind]
	if name != "" {
		i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		if i < 0 {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		checks = checks[i : i+1]
	}
	query := r.URL.Query()
	excluded := query["exclude"]
	_, verbose := query["verbose"]
	verbose = verbose && name == "" // a single check has nothing to list
	var out strings.Builder
	failed := false
	for _, c := range checks {
		if slices.Contains(excluded, c.name) {
			fmt.Fprintf(&out, "[+]%s excluded: ok\n", c.name)
			continue
		}
		if err := c.ok(); err != nil {
			failed = true
			fmt.Fprintf(&out, "[-]%s failed: %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(&out, "[+]%s ok\n", c.name)
	}
	switch {
	case failed:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "%s%s check failed\n", out.String(), kind)
	case verbose:
		fmt.Fprintf(w, "%s%s check passed\n", out.String(), kind)
	default:
		fmt.Fprint(w, "ok")
	}
}
