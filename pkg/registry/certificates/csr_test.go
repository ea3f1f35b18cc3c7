package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

// made returns a certificate request and a certificate, in PEM.
func made(t *testing.T) (request, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
}

func request(t *testing.T) *csr {
	pem, _ := made(t)
	c := &csr{}
	c.Name = "c"
	c.Spec = certificatesv1.CertificateSigningRequestSpec{Request: pem, SignerName: "example.com/s", Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}}
	return c
}

func TestCreate(t *testing.T) {
	r := Kinds()[0]
	c := request(t)
	c.Spec.Username, c.Spec.Groups, c.Spec.Extra = "root", []string{"system:masters"}, map[string]certificatesv1.ExtraValue{"a": {"b"}}
	c.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
	if errs := kindtest.Create(r, c); len(errs) > 0 {
		t.Fatal(errs)
	}
	s := c.Spec
	if s.Username != "jane" || s.UID != "u1" || !reflect.DeepEqual(s.Groups, []string{"devs"}) || !reflect.DeepEqual(s.Extra, map[string]certificatesv1.ExtraValue{"k": {"v"}}) {
		t.Errorf("asked by %+v", s)
	}
	if len(c.Status.Conditions) > 0 {
		t.Error("it approved itself")
	}
}

func TestInvalid(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []struct {
		name   string
		change func(*csr)
		err    string
	}{
		{"no PEM", func(c *csr) { c.Spec.Request = []byte("abc") }, `spec.request: Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST`},
		{"usages", func(c *csr) { c.Spec.Usages = nil }, "spec.usages: Required value"},
		{"usage twice", func(c *csr) { c.Spec.Usages = append(c.Spec.Usages, c.Spec.Usages...) }, `spec.usages[1]: Duplicate value: "client auth"`},
		{"signer", func(c *csr) { c.Spec.SignerName = "nodomain" }, `spec.signerName: Invalid value: "nodomain": must be a fully qualified domain and path of the form 'example.com/signer-name'`},
		{"signer of one label", func(c *csr) { c.Spec.SignerName = "a/b" }, `spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots`},
		{"expiration", func(c *csr) { c.Spec.ExpirationSeconds = new(int32(300)) }, "spec.expirationSeconds: Invalid value: 300: may not specify a duration less than 600 seconds (10 minutes)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := request(t)
			c.change(o)
			if got := kindtest.Text(kindtest.Create(r, o)); got != c.err {
				t.Errorf("got  %s\nwant %s", got, c.err)
			}
		})
	}
}

func condition(t certificatesv1.RequestConditionType) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{Type: t, Status: corev1.ConditionTrue}
}

func TestSubresources(t *testing.T) {
	r := Kinds()[0]
	_, certificate := made(t)
	approved, denied, failed := condition(certificatesv1.CertificateApproved), condition(certificatesv1.CertificateDenied), condition(certificatesv1.CertificateFailed)
	for _, c := range []struct {
		name, sub string
		old, obj  func(*csr)
		err       string
	}{
		{name: "approve", sub: "approval", obj: func(c *csr) { c.Status.Conditions = append(c.Status.Conditions, approved) }},
		{name: "approve through status", sub: "status", obj: func(c *csr) { c.Status.Conditions = append(c.Status.Conditions, approved) }, err: `status.conditions: Forbidden: updates may not add a condition of type "Approved"`},
		{name: "both", sub: "approval", obj: func(c *csr) { c.Status.Conditions = append(c.Status.Conditions, approved, denied) }, err: `status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive`},
		{name: "take back", sub: "approval", old: func(c *csr) { c.Status.Conditions = append(c.Status.Conditions, approved) }, err: `status.conditions: Forbidden: updates may not remove a condition of type "Approved"`},
		{name: "fail", sub: "status", obj: func(c *csr) { c.Status.Conditions = append(c.Status.Conditions, failed) }},
		{name: "issue", sub: "status", obj: func(c *csr) { c.Status.Certificate = certificate }},
		{name: "issue through approval", sub: "approval", obj: func(c *csr) { c.Status.Certificate = certificate }, err: "status.certificate: Forbidden: updates may not set certificate content"},
		{name: "issue again", sub: "status", old: func(c *csr) { c.Status.Certificate = certificate }, err: "status.certificate: Forbidden: updates may not modify existing certificate content"},
		{name: "issue nothing", sub: "status", obj: func(c *csr) { c.Status.Certificate = []byte("x") }, err: `status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block`},
		{name: "spec", obj: func(c *csr) { c.Spec.SignerName = "other.example.com/s" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := request(t)
			kindtest.Create(r, old)
			obj := old.DeepCopy()
			if c.old != nil {
				c.old(old)
			}
			if c.obj != nil {
				c.obj(obj)
			}
			out, errs := kindtest.Update(r, c.sub, obj, old)
			if got := kindtest.Text(errs); got != c.err {
				t.Fatalf("got  %s\nwant %s", got, c.err)
			}
			if !reflect.DeepEqual(out.(*csr).Spec, old.Spec) {
				t.Error("the spec changed")
			}
			for _, x := range out.(*csr).Status.Conditions {
				if x.LastUpdateTime.IsZero() || x.LastTransitionTime.IsZero() {
					t.Errorf("condition %+v has no times", x)
				}
			}
		})
	}
}

func TestRow(t *testing.T) {
	r := Kinds()[0]
	for _, c := range []kindtest.Row{
		{Name: "new", Body: "spec: {request: '', signerName: a.b/c, username: jane}", Want: "x | <age> | a.b/c | jane | <none> | Pending"},
		{Name: "issued", Body: "spec: {request: '', signerName: a.b/c, username: jane, expirationSeconds: 86400}\nstatus: {certificate: YQ==, conditions: [{type: Approved, status: 'True'}, {type: Failed, status: 'True'}]}", Want: "x | <age> | a.b/c | jane | 24h | Approved,Failed,Issued"},
	} {
		c.Run(t, r)
	}
	if got, want := kindtest.Header(r), "Name | Age | SignerName | Requestor | RequestedDuration | Condition"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}

func FuzzPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nYQ==\n-----END CERTIFICATE REQUEST-----\n"))
	f.Add([]byte(strings.Repeat("-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n", 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = checkRequest(b)
		_ = checkCertificates(b)
	})
}
