package auth

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// uidOID is the subject attribute that carries a user's UID (KEP-4619).
var uidOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}

// X509 takes the client certificate of the connection: the common name is the
// user, the organizations are the groups.
type X509 struct {
	roots *x509.CertPool

	mu sync.Mutex
	// verified remembers the certificates that were verified, so that the
	// requests of a connection pay for it once. Bounded by maxVerified.
	verified map[*x509.Certificate]*registry.User
}

// maxVerified bounds the memory of X509; beyond it everything is forgotten.
const maxVerified = 4096

// NewX509 trusts certificates that lead to one of roots.
func NewX509(roots *x509.CertPool) *X509 {
	return &X509{roots: roots, verified: map[*x509.Certificate]*registry.User{}}
}

func (a *X509) Authenticate(r *http.Request) (*registry.User, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	leaf := r.TLS.PeerCertificates[0]
	a.mu.Lock()
	user, ok := a.verified[leaf]
	a.mu.Unlock()
	if ok && time.Now().Before(leaf.NotAfter) {
		return user, nil
	}
	user, err := a.verify(r.TLS.PeerCertificates)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.verified) >= maxVerified {
		clear(a.verified)
	}
	a.verified[leaf] = user
	return user, nil
}

func (a *X509) verify(chain []*x509.Certificate) (*registry.User, error) {
	leaf := chain[0]
	opts := x509.VerifyOptions{Roots: a.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(opts); err != nil {
		return nil, fmt.Errorf("%w: client certificate of %q: %v", ErrInvalidCredentials, leaf.Subject.CommonName, err)
	}
	if leaf.Subject.CommonName == "" {
		return nil, nil
	}
	user := &registry.User{Name: leaf.Subject.CommonName, Groups: withAuthenticated(leaf.Subject.Organization)}
	for _, n := range leaf.Subject.Names {
		if n.Type.Equal(uidOID) {
			user.UID = fmt.Sprint(n.Value)
		}
	}
	return user, nil
}
