package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

const (
	minExpirationSeconds = 600
	maxDomainLength      = 253
	maxSignerLength      = 571
)

var usages = []certificatesv1.KeyUsage{
	certificatesv1.UsageAny, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
	certificatesv1.UsageContentCommitment, certificatesv1.UsageCRLSign, certificatesv1.UsageDataEncipherment, certificatesv1.UsageDecipherOnly,
	certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection, certificatesv1.UsageEncipherOnly, certificatesv1.UsageIPsecEndSystem,
	certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser, certificatesv1.UsageKeyAgreement, certificatesv1.UsageKeyEncipherment,
	certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC, certificatesv1.UsageOCSPSigning, certificatesv1.UsageSMIME,
	certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
}

func validateCSR(c *csr) field.ErrorList {
	path, s := field.NewPath("spec"), &c.Spec
	var errs field.ErrorList
	if err := checkRequest(s.Request); err != nil {
		errs = append(errs, field.Invalid(path.Child("request"), s.Request, err.Error()))
	}
	if len(s.Usages) == 0 {
		errs = append(errs, field.Required(path.Child("usages"), ""))
	}
	for i, u := range s.Usages {
		at := path.Child("usages").Index(i)
		errs = append(errs, corevalidation.OneOf(u, at, usages...)...)
		if slices.Contains(s.Usages[:i], u) {
			errs = append(errs, field.Duplicate(at, u))
		}
	}
	errs = append(errs, validateSigner(s.SignerName, path.Child("signerName"))...)
	if e := s.ExpirationSeconds; e != nil && *e < minExpirationSeconds {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *e, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return append(errs, validateConditions(c)...)
}

var errNoRequest = errors.New("PEM block type must be CERTIFICATE REQUEST")

func checkRequest(data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errNoRequest
	}
	_, err := x509.ParseCertificateRequest(block.Bytes)
	return err
}

// validateSigner checks the name of a signer: a domain of two labels at least,
// and a path.
func validateSigner(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	domain, rest, ok := strings.Cut(name, "/")
	if !ok || strings.Contains(rest, "/") {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	var errs field.ErrorList
	if len(domain) > maxDomainLength {
		errs = append(errs, field.TooLong(path, domain, maxDomainLength))
	}
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		for _, m := range validation.IsDNS1123Label(l) {
			errs = append(errs, field.Invalid(path, domain, fmt.Sprintf("validating label %q: %s", l, m)))
		}
	}
	if len(labels) < 2 {
		errs = append(errs, field.Invalid(path, domain, "should be a domain with at least two segments separated by dots"))
	}
	for l := range strings.SplitSeq(rest, ".") {
		for _, m := range validation.IsDNS1123Subdomain(l) {
			errs = append(errs, field.Invalid(path, rest, fmt.Sprintf("validating label %q: %s", l, m)))
		}
	}
	if len(name) > maxSignerLength {
		errs = append(errs, field.TooLong(path, name, maxSignerLength))
	}
	return errs
}

// terminal are the conditions that, once there, stay.
var terminal = []certificatesv1.RequestConditionType{
	certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed,
}

func validateConditions(c *csr) field.ErrorList {
	path := field.NewPath("status", "conditions")
	var errs field.ErrorList
	seen := map[certificatesv1.RequestConditionType]bool{}
	for i, x := range c.Status.Conditions {
		at := path.Index(i)
		status := []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown}
		if slices.Contains(terminal, x.Type) {
			status = []corev1.ConditionStatus{corev1.ConditionTrue}
		}
		if x.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		errs = append(errs, corevalidation.RequiredOneOf(x.Status, at.Child("status"), status...)...)
		if x.Type == certificatesv1.CertificateApproved && seen[certificatesv1.CertificateDenied] ||
			x.Type == certificatesv1.CertificateDenied && seen[certificatesv1.CertificateApproved] {
			errs = append(errs, field.Invalid(path, x.Type, "Approved and Denied conditions are mutually exclusive"))
		}
		if seen[x.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), x.Type))
		}
		seen[x.Type] = true
	}
	return errs
}

// changes are what a subresource may change.
type changes struct {
	approval, certificate bool
}

func validateCSRUpdate(obj, old *csr, may changes) field.ErrorList {
	path := field.NewPath("status", "conditions")
	var errs field.ErrorList
	for _, t := range terminal {
		if count(obj, t) < count(old, t) {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("updates may not remove a condition of type %q", t)))
		}
	}
	if !may.approval {
		for _, t := range terminal[:2] {
			if count(obj, t) > count(old, t) {
				errs = append(errs, field.Forbidden(path, fmt.Sprintf("updates may not add a condition of type %q", t)))
			}
		}
	}
	if bytes.Equal(obj.Status.Certificate, old.Status.Certificate) {
		return errs
	}
	certificate := field.NewPath("status", "certificate")
	switch {
	case !may.certificate:
		errs = append(errs, field.Forbidden(certificate, "updates may not set certificate content"))
	case len(old.Status.Certificate) > 0:
		errs = append(errs, field.Forbidden(certificate, "updates may not modify existing certificate content"))
	default:
		if err := checkCertificates(obj.Status.Certificate); err != nil {
			errs = append(errs, field.Invalid(certificate, "<certificate data>", err.Error()))
		}
	}
	return errs
}

func checkCertificates(data []byte) error {
	found := false
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		}
		if len(block.Headers) > 0 {
			return errors.New("no PEM block headers are permitted")
		}
		certs, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return err
		}
		if len(certs) == 0 {
			return errors.New("found CERTIFICATE PEM block containing 0 certificates")
		}
		found = true
	}
	if !found {
		return errors.New("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}
