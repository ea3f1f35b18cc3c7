package server

import (
	"errors"
	"net/http/httptest"
	"testing"
)

func TestHealth(t *testing.T) {
	good := check{"ping", func() error { return nil }}
	bad := check{"etcd", func() error { return errors.New("no leader") }}
	for name, c := range map[string]struct {
		checks []check
		path   string
		code   int
		body   string
	}{
		"well":              {[]check{good}, "/livez", 200, "ok"},
		"well, in words":    {[]check{good}, "/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"},
		"ill":               {[]check{good, bad}, "/livez", 500, "[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n"},
		"ill, not asked":    {[]check{good, bad}, "/livez?exclude=etcd", 200, "ok"},
		"not asked":         {[]check{good, bad}, "/livez?exclude=etcd&verbose", 200, "[+]ping ok\n[+]etcd excluded: ok\nlivez check passed\n"},
		"all left out":      {[]check{good, bad}, "/livez?exclude=etcd&exclude=ping", 200, "ok"},
		"one":               {[]check{good, bad}, "/livez/ping", 200, "ok"},
		"one, ill":          {[]check{good, bad}, "/livez/etcd", 500, ""},
		"none of that name": {[]check{good, bad}, "/livez/disk", 404, "404 page not found\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &health{checks: map[string][]check{"livez": c.checks}}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
			if w.Code != c.code {
				t.Errorf("HTTP %d %s", w.Code, w.Body)
			}
			got := w.Body.String()
			if c.code == 500 {
				if c.body != "" && len(got) == 0 {
					t.Error("no words")
				}
				return
			}
			if got != c.body {
				t.Errorf("%q, want %q", got, c.body)
			}
		})
	}
}
