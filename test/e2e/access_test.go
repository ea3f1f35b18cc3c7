package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/binnacle-io/binnacle/pkg/server"
	"github.com/binnacle-io/binnacle/test/internal/testserver"
)

// TestAccess comes with every kind of credentials: the server's own
// certificates, those of a further CA, tokens of a file, wrong ones and none.
func TestAccess(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	dir := write(t, map[string]string{
		"ca.crt":     ours.pem,
		"tokens.csv": "root-token,root,1,\"system:masters,people\"\nann-token,ann,2,people\n",
	})
	s := testserver.StartAt(t, server.Config{DataDir: filepath.Join(t.TempDir(), "data"), AnyPort: true,
		ClientCAFile: filepath.Join(dir, "ca.crt"), TokenAuthFile: filepath.Join(dir, "tokens.csv")})
	admin := clientConfig(t, s.Kubeconfig, asJSON)
	anybody := rest.AnonymousClientConfig(admin)
	token := func(token string) *rest.Config {
		c := rest.CopyConfig(anybody)
		c.BearerToken = token
		return c
	}
	certificate := func(a *authority, name string, groups ...string) *rest.Config {
		c := rest.CopyConfig(anybody)
		c.CertData, c.KeyData = a.client(t, name, groups)
		return c
	}
	for _, c := range []struct {
		name   string
		config *rest.Config
		user   string // empty: not known
		may    bool
	}{
		{"admin's certificate", admin, "kubernetes-admin", true},
		{"a master's token", token("root-token"), "root", true},
		{"somebody's token", token("ann-token"), "ann", false},
		{"a wrong token", token("guessed"), "", false},
		{"a master's certificate", certificate(ours, "root", "system:masters"), "root", true},
		{"somebody's certificate", certificate(ours, "ann", "people"), "ann", false},
		{"a master's certificate of another CA", certificate(theirs, "root", "system:masters"), "", false},
		{"nothing", anybody, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := kubernetes.NewForConfigOrDie(c.config)
			_, err := client.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})
			switch {
			case c.may && err != nil, c.user == "" && !apierrors.IsUnauthorized(err), c.user != "" && !c.may && !apierrors.IsForbidden(err):
				t.Errorf("reading secrets: %v", err)
			}
			if _, err := client.Discovery().ServerVersion(); err != nil {
				t.Errorf("the version is for everybody: %v", err)
			}
			if body, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context()); err != nil || string(body) != "ok" {
				t.Errorf("health is for everybody: %s, %v", body, err)
			}
			if !c.may {
				return
			}
			who, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "user", who.Status.UserInfo.Username, c.user)
		})
	}
}

// authority is a CA of people.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "people"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key: key, cert: cert, pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// client makes a client certificate and its key.
func (a *authority) client(t *testing.T, name string, groups []string) (cert, key []byte) {
	t.Helper()
	k := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name, Organization: groups}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, k.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
