package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

func requestWith(authorization string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.csv")
	const text = `t1,ann,1,"dev, ops"
t2,bob,2
"t,3",carl,3,"system:masters"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := LoadTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]*registry.User{
		"":                nil,
		"Basic dDE6":      nil,
		"Bearer":          nil,
		"Bearer ":         nil,
		"Bearer t1":       {Name: "ann", UID: "1", Groups: []string{"dev", "ops", GroupAuthenticated}},
		"bearer t2":       {Name: "bob", UID: "2", Groups: []string{GroupAuthenticated}},
		"  BEARER   t2  ": {Name: "bob", UID: "2", Groups: []string{GroupAuthenticated}},
		"Bearer t,3":      {Name: "carl", UID: "3", Groups: []string{GroupMasters, GroupAuthenticated}},
	} {
		got, err := f.Authenticate(requestWith(header))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", header, got, err)
		}
	}
	for _, header := range []string{"Bearer t", "Bearer t1 ann", "Bearer T1", "Bearer " + strings.Repeat("x", 1<<20)} {
		if u, err := f.Authenticate(requestWith(header)); u != nil || !errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("%.20q: %+v, %v", header, u, err)
		}
	}
}

func TestTokenFileFaults(t *testing.T) {
	for text, says := range map[string]string{
		"t1,ann\n":              "line 1 has 2 columns",
		"t1,a,1\n,b,2\n":        "line 2 has an empty token",
		"t1,a,1\n\"t2,b,2\n":    "\"",
		"t1,a,1\nt\"2\",b,2\n":  "bare",
		"# a comment\nt1,a,1\n": "line 1 has 1 columns",
	} {
		path := filepath.Join(t.TempDir(), "tokens.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadTokenFile(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "--token-auth-file") || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := LoadTokenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if f, err := parseTokens(strings.NewReader("")); err != nil || len(f.users) != 0 {
		t.Error("an empty file:", err)
	}
}

func FuzzTokenFile(f *testing.F) {
	f.Add("t1,ann,1,\"dev,ops\"\n", "Bearer t1")
	f.Add("\"a\nb\",c,d,", "bearer  a")
	f.Fuzz(func(t *testing.T, text, header string) {
		tokens, err := parseTokens(strings.NewReader(text))
		if err != nil {
			return
		}
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		if u, err := tokens.Authenticate(r); u != nil && (err != nil || !slices.Contains(u.Groups, GroupAuthenticated)) {
			t.Fatalf("%+v, %v", u, err)
		}
	})
}

// ca makes certificates.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T) *ca {
	c := &ca{}
	c.cert, c.key = issue(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return c
}

func issue(t *testing.T, by *ca, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func client(name string, groups ...string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: groups}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func over(certs ...*x509.Certificate) *http.Request {
	r := requestWith("")
	r.TLS = &tls.ConnectionState{PeerCertificates: certs}
	return r
}

func TestX509(t *testing.T) {
	mine, other := newCA(t), newCA(t)
	pool := x509.NewCertPool()
	pool.AddCert(mine.cert)
	a := NewX509(pool)

	for _, r := range []*http.Request{requestWith(""), over()} {
		if u, err := a.Authenticate(r); u != nil || err != nil {
			t.Errorf("without a certificate: %+v, %v", u, err)
		}
	}
	ann := client("ann", "dev", "ops")
	ann.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: uidOID, Value: "uid-7"}}
	leaf, _ := issue(t, mine, ann)
	want := &registry.User{Name: "ann", UID: "uid-7", Groups: []string{"dev", "ops", GroupAuthenticated}}
	for range 2 { // the second time from memory
		if u, err := a.Authenticate(over(leaf)); err != nil || !reflect.DeepEqual(u, want) {
			t.Errorf("%+v, %v", u, err)
		}
	}

	between := &ca{}
	between.cert, between.key = issue(t, mine, &x509.Certificate{Subject: pkix.Name{CommonName: "between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	far, _ := issue(t, between, client("far"))
	if u, err := a.Authenticate(over(far, between.cert)); err != nil || u.Name != "far" {
		t.Errorf("through an intermediate: %+v, %v", u, err)
	}
	if u, err := a.Authenticate(over(issueLeaf(t, between, "far2"))); u != nil || !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("without the intermediate: %+v, %v", u, err)
	}

	late := client("late")
	late.NotBefore, late.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	for name, c := range map[string]*x509.Certificate{
		"foreign": issueLeaf(t, other, "x"),
		"expired": first(issue(t, mine, late)),
		"serving": first(issue(t, mine, &x509.Certificate{Subject: pkix.Name{CommonName: "x"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})),
		"self":    first(issue(t, nil, client("x", GroupMasters))),
	} {
		if u, err := a.Authenticate(over(c)); u != nil || !errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
	if u, err := a.Authenticate(over(issueLeaf(t, mine, ""))); u != nil || err != nil {
		t.Errorf("nameless: %+v, %v", u, err)
	}
}

func first(c *x509.Certificate, _ *ecdsa.PrivateKey) *x509.Certificate { return c }

func issueLeaf(t *testing.T, by *ca, name string) *x509.Certificate {
	t.Helper()
	return first(issue(t, by, client(name)))
}

// TestX509MemoryIsBounded: connections come and go, what is remembered does not grow.
func TestX509MemoryIsBounded(t *testing.T) {
	mine := newCA(t)
	pool := x509.NewCertPool()
	pool.AddCert(mine.cert)
	a := NewX509(pool)
	leaf := issueLeaf(t, mine, "ann")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range maxVerified / 2 {
				c := *leaf // every connection parses its own
				if u, err := a.Authenticate(over(&c)); err != nil || u.Name != "ann" {
					t.Errorf("%+v, %v", u, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := len(a.verified); n > maxVerified {
		t.Errorf("%d remembered", n)
	}
}

// fixed is an Authenticator with one answer.
type fixed struct {
	user *registry.User
	err  error
}

func (f fixed) Authenticate(*http.Request) (*registry.User, error) { return f.user, f.err }

func TestUnion(t *testing.T) {
	ann, bob := &registry.User{Name: "ann"}, &registry.User{Name: "bob"}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		union Union
		user  *registry.User
		err   error
	}{
		"none":                 {},
		"nobody knows":         {union: Union{fixed{}, fixed{}}},
		"the first":            {union: Union{fixed{user: ann}, fixed{user: bob}}, user: ann},
		"the second":           {union: Union{fixed{}, fixed{user: bob}}, user: bob},
		"an error, then known": {union: Union{fixed{err: broken}, fixed{user: bob}}, user: bob},
		"the first error":      {union: Union{fixed{}, fixed{err: broken}, fixed{err: ErrInvalidCredentials}}, err: broken},
	} {
		if u, err := c.union.Authenticate(requestWith("")); u != c.user || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

func TestNoTokens(t *testing.T) {
	if u, err := (NoTokens{}).Authenticate(requestWith("")); u != nil || err != nil {
		t.Error(u, err)
	}
	if u, err := (NoTokens{}).Authenticate(requestWith("Bearer x")); u != nil || !errors.Is(err, ErrInvalidCredentials) {
		t.Error(u, err)
	}
}

func TestSystemMasters(t *testing.T) {
	for _, c := range []struct {
		groups []string
		want   bool
	}{{nil, false}, {[]string{GroupAuthenticated}, false}, {[]string{"a", GroupMasters}, true}, {[]string{"system:master"}, false}} {
		ok, reason, err := SystemMasters{}.Authorize(context.Background(), &Attributes{User: &registry.User{Groups: c.groups}, Verb: "delete"})
		if ok != c.want || reason != "" || err != nil {
			t.Errorf("%v: %v %q %v", c.groups, ok, reason, err)
		}
	}
}

// TestGroupsAreNotShared: adding a group must not write into a certificate's.
func TestGroupsAreNotShared(t *testing.T) {
	groups := make([]string, 1, 4)
	groups[0] = "a"
	got := withAuthenticated(groups)
	if !slices.Equal(got, []string{"a", GroupAuthenticated}) || groups[:2][1] != "" {
		t.Errorf("%v %v", got, groups[:2])
	}
	if same := withAuthenticated(got); len(same) != 2 {
		t.Errorf("%v", same)
	}
}
