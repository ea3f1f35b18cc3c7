package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// Lifetimes of the certificates that a server makes. The serving and admin
// certificates are made anew when less than renewBefore is left.
const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	certLifetime = 365 * 24 * time.Hour
	renewBefore  = 30 * 24 * time.Hour
	clockSkew    = time.Hour // certificates are valid from that long ago
)

// keyPair is a certificate with its key, as files hold them.
type keyPair struct {
	cert *x509.Certificate
	key  crypto.Signer
	tls  tls.Certificate
}

// pki is what a server needs to speak TLS and to know its clients.
type pki struct {
	ca, serving, admin *keyPair
	caPEM              []byte
	clientCAs          *x509.CertPool
}

// loadPKI reads the certificates of dir and makes those that are missing or
// about to expire. A file that is there but cannot be used is an error, never
// replaced; everything that is there is read before anything is made.
func loadPKI(c Config, addresses []string, now time.Time) (*pki, error) {
	p := &pki{clientCAs: x509.NewCertPool()}
	if err := p.read(c, now); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.PKIDir, 0o700); err != nil {
		return nil, fmt.Errorf("--pki-dir %s: %w", c.PKIDir, err)
	}
	if err := p.complete(c, addresses, now); err != nil {
		return nil, err
	}
	p.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.cert.Raw})
	p.clientCAs.AddCert(p.ca.cert)
	return p, nil
}

// read takes what is there.
func (p *pki) read(c Config, now time.Time) (err error) {
	if c.ClientCAFile != "" {
		extra, err := os.ReadFile(c.ClientCAFile)
		if err != nil {
			return fmt.Errorf("--client-ca-file: %w", err)
		}
		if !p.clientCAs.AppendCertsFromPEM(extra) {
			return fmt.Errorf("--client-ca-file %s: no certificate in it", c.ClientCAFile)
		}
	}
	if p.ca, err = existing(c.PKIDir, "ca"); err != nil {
		return err
	}
	if p.ca != nil && now.After(p.ca.cert.NotAfter) {
		return fmt.Errorf("%s/ca.crt expired on %s: replace it and ca.key", c.PKIDir, p.ca.cert.NotAfter.Format(time.DateOnly))
	}
	if p.admin, err = existing(c.PKIDir, "admin"); err != nil {
		return err
	}
	if c.TLSCertFile != "" {
		p.serving, err = readPair(c.TLSCertFile, c.TLSPrivateKeyFile)
	} else {
		p.serving, err = existing(c.PKIDir, "apiserver")
	}
	return err
}

// complete makes what is missing, and anew what is about to expire.
func (p *pki) complete(c Config, addresses []string, now time.Time) (err error) {
	if p.ca == nil {
		if p.ca, err = makePair(c.PKIDir, "ca", caTemplate(now), nil); err != nil {
			return err
		}
	}
	if p.stale(p.admin, nil, now) {
		if p.admin, err = makePair(c.PKIDir, "admin", adminTemplate(now), p.ca); err != nil {
			return err
		}
	}
	if c.TLSCertFile == "" && p.stale(p.serving, addresses, now) {
		p.serving, err = makePair(c.PKIDir, "apiserver", servingTemplate(now, addresses), p.ca)
	}
	return err
}

// stale reports whether a certificate is missing, or is one of ours that is
// about to expire or does not carry all hosts.
func (p *pki) stale(k *keyPair, hosts []string, now time.Time) bool {
	return k == nil || (k.cert.NotAfter.Sub(now) < renewBefore || !covers(k.cert, hosts)) && signedBy(k.cert, p.ca.cert)
}

// existing reads name.crt and name.key, nil when neither is there.
func existing(dir, name string) (*keyPair, error) {
	certFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	_, certErr := os.Stat(certFile)
	_, keyErr := os.Stat(keyFile)
	switch {
	case errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist):
		return nil, nil
	case certErr != nil:
		return nil, fmt.Errorf("%s is there but its certificate is not: %w", keyFile, certErr)
	case keyErr != nil:
		return nil, fmt.Errorf("%s is there but its key is not: %w", certFile, keyErr)
	}
	return readPair(certFile, keyFile)
}

func signedBy(c, ca *x509.Certificate) bool { return c.CheckSignatureFrom(ca) == nil }

func covers(c *x509.Certificate, hosts []string) bool {
	return !slices.ContainsFunc(hosts, func(h string) bool { return c.VerifyHostname(h) != nil })
}

func readPair(certFile, keyFile string) (*keyPair, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s cannot be used: %w", certFile, keyFile, err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("certificate %s cannot be used: %w", certFile, err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key %s cannot sign", keyFile)
	}
	return &keyPair{cert: leaf, key: signer, tls: pair}, nil
}

// makePair makes name.crt and name.key, signed by ca (nil: by themselves).
func makePair(dir, name string, template *x509.Certificate, ca *keyPair) (*keyPair, error) {
	certFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	parent, signer := template, crypto.Signer(key)
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("making certificate %s: %w", certFile, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("making key %s: %w", keyFile, err)
	}
	if err := writeFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return nil, err
	}
	if err := writeFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return nil, err
	}
	return readPair(certFile, keyFile)
}

// writeFile replaces a file as a whole, durably: readers see the old one or the
// new one.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return vfs.OS{}.SyncDir(filepath.Dir(path)) // or a power cut forgets the name
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil { // crypto/rand does not fail
		panic(err)
	}
	return n.Add(n, big.NewInt(1))
}

func caTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "binnacle-ca"},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(caLifetime), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature}
}

func adminTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "kubernetes-admin", Organization: []string{auth.GroupMasters}},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(certLifetime), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func servingTemplate(now time.Time, hosts []string) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "binnacle-apiserver"},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(certLifetime), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return t
}

// servingNames are the names that clients use for the server.
func servingNames(bind, advertise, serviceIP string) []string {
	names := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "127.0.0.1", "::1"}
	for _, a := range []string{bind, advertise, serviceIP} {
		if ip := net.ParseIP(a); ip != nil && !ip.IsUnspecified() && !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names
}
