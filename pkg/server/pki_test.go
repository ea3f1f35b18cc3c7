package server

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var hosts = []string{"localhost", "127.0.0.1", "10.0.0.1"}

// pkiFiles are the files of a directory by name.
func pkiFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range strings.Fields(tree(t, dir)) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

func mustLoad(t *testing.T, c Config, now time.Time) *pki {
	t.Helper()
	p, err := loadPKI(c, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPKIIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	now := time.Now()
	p := mustLoad(t, Config{PKIDir: dir}, now)
	if got := tree(t, dir); got != "admin.crt admin.key apiserver.crt apiserver.key ca.crt ca.key" {
		t.Errorf("made %s", got)
	}
	for _, key := range []string{"admin.key", "apiserver.key", "ca.key"} {
		if info, err := os.Stat(filepath.Join(dir, key)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", key, info.Mode(), err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.caPEM)
	for _, h := range hosts {
		if _, err := p.serving.cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: h, CurrentTime: now}); err != nil {
			t.Errorf("serving, %s: %v", h, err)
		}
	}
	if _, err := p.admin.cert.Verify(x509.VerifyOptions{Roots: p.clientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: now}); err != nil {
		t.Errorf("admin: %v", err)
	}
	if s := p.admin.cert.Subject; s.CommonName != "kubernetes-admin" || !slices.Equal(s.Organization, []string{"system:masters"}) {
		t.Errorf("admin is %v", s)
	}
	before := pkiFiles(t, dir)
	mustLoad(t, Config{PKIDir: dir}, now.Add(24*time.Hour))
	if after := pkiFiles(t, dir); !mapsEqual(before, after) {
		t.Error("a second start replaced what the first had made")
	}
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestPKIRenewal: what is about to expire, or lacks a name, is made anew by the
// same CA; the CA stays.
func TestPKIRenewal(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first := mustLoad(t, Config{PKIDir: dir}, now)
	before := pkiFiles(t, dir)
	soon := first.serving.cert.NotAfter.Add(-renewBefore + time.Hour)
	p := mustLoad(t, Config{PKIDir: dir}, soon)
	after := pkiFiles(t, dir)
	for name := range before {
		if changed := before[name] != after[name]; changed != !strings.HasPrefix(name, "ca.") {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
	if !p.serving.cert.NotAfter.After(first.serving.cert.NotAfter) || !signedBy(p.serving.cert, first.ca.cert) {
		t.Error("the new certificate is not a renewal")
	}
	if _, err := loadPKI(Config{PKIDir: dir}, append(hosts, "192.0.2.7"), soon); err != nil {
		t.Fatal(err)
	}
	named := pkiFiles(t, dir)
	if named["apiserver.crt"] == after["apiserver.crt"] || named["admin.crt"] != after["admin.crt"] {
		t.Error("a new address: the serving certificate alone should be new")
	}
	if _, err := loadPKI(Config{PKIDir: dir}, hosts, first.ca.cert.NotAfter.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "expired on") {
		t.Errorf("an expired CA: %v", err)
	}
}

// TestPKIGiven: certificates of a CA that is not ours are used and never replaced.
func TestPKIGiven(t *testing.T) {
	given, dir := t.TempDir(), t.TempDir()
	mustLoad(t, Config{PKIDir: given}, time.Now())
	c := Config{PKIDir: dir, TLSCertFile: filepath.Join(given, "apiserver.crt"), TLSPrivateKeyFile: filepath.Join(given, "apiserver.key"), ClientCAFile: filepath.Join(given, "ca.crt")}
	before := pkiFiles(t, given)
	p := mustLoad(t, c, time.Now().Add(360*24*time.Hour)) // about to expire
	if !mapsEqual(before, pkiFiles(t, given)) {
		t.Error("files that were given were replaced")
	}
	b, _ := pem.Decode([]byte(before["apiserver.crt"]))
	if !bytes.Equal(p.serving.cert.Raw, b.Bytes) {
		t.Error("the certificate that was given is not used")
	}
	if got := tree(t, dir); got != "admin.crt admin.key ca.crt ca.key" {
		t.Errorf("made %s", got)
	}
	a, _ := pem.Decode([]byte(before["admin.crt"]))
	cert, err := x509.ParseCertificate(a.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: p.clientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("a client of --client-ca-file: %v", err)
	}
}

// TestPKIFaults: a file that cannot be used is named, and nothing is touched.
func TestPKIFaults(t *testing.T) {
	whole := t.TempDir()
	mustLoad(t, Config{PKIDir: whole}, time.Now())
	files := pkiFiles(t, whole)
	other := t.TempDir()
	mustLoad(t, Config{PKIDir: other}, time.Now())
	for name, c := range map[string]struct {
		with   map[string]string // instead of what is there; "" removes
		config Config
		says   string
	}{
		"a broken CA":                     {with: map[string]string{"ca.crt": "nonsense"}, says: "ca.crt"},
		"a CA without its key":            {with: map[string]string{"ca.key": ""}, says: "its key is not"},
		"a key without its CA":            {with: map[string]string{"ca.crt": ""}, says: "its certificate is not"},
		"a serving certificate cut off":   {with: map[string]string{"apiserver.crt": files["apiserver.crt"][:100]}, says: "apiserver.crt"},
		"a key of another":                {with: map[string]string{"apiserver.key": files["admin.key"]}, says: "apiserver.crt"},
		"a broken admin":                  {with: map[string]string{"admin.key": "x"}, says: "admin"},
		"no admin, broken serving":        {with: map[string]string{"admin.crt": "", "admin.key": "", "apiserver.crt": "x"}, says: "apiserver.crt"},
		"nothing but a broken serving":    {with: map[string]string{"ca.crt": "", "ca.key": "", "admin.crt": "", "admin.key": "", "apiserver.crt": "x"}, says: "apiserver.crt"},
		"no such client CA":               {with: map[string]string{"admin.crt": "", "admin.key": ""}, config: Config{ClientCAFile: "/none"}, says: "--client-ca-file"},
		"a client CA that is none":        {config: Config{ClientCAFile: filepath.Join(whole, "ca.key")}, says: "no certificate in it"},
		"no such serving certificate":     {with: map[string]string{"apiserver.crt": "", "apiserver.key": "", "admin.crt": "", "admin.key": ""}, config: Config{TLSCertFile: "/none.crt", TLSPrivateKeyFile: "/none.key"}, says: "/none.crt"},
		"a serving certificate, no match": {config: Config{TLSCertFile: filepath.Join(whole, "ca.crt"), TLSPrivateKeyFile: filepath.Join(other, "ca.key")}, says: "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for f, text := range files {
				if instead, ok := c.with[f]; ok {
					text = instead
				}
				if text != "" {
					write(t, filepath.Join(dir, f), text)
				}
			}
			before := pkiFiles(t, dir)
			c.config.PKIDir = dir
			_, err := loadPKI(c.config, hosts, time.Now())
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			if after := pkiFiles(t, dir); !mapsEqual(before, after) {
				t.Errorf("it left %s", tree(t, dir))
			}
		})
	}
}
