package certificates

import (
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apipath "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

type csr = certificatesv1.CertificateSigningRequest

func certificateSigningRequests() *registry.Resource {
	doc := certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*csr]{
		Group: "certificates.k8s.io", Version: "v1", Kind: "CertificateSigningRequest",
		Resource: "certificatesigningrequests", ShortNames: []string{"csr"},
		Fields: []registry.Field[*csr]{
			{Name: "spec.signerName", Get: func(c *csr) string { return c.Spec.SignerName }},
		},
		Columns: []registry.Column{
			columns.Name(),
			columns.Age(),
			columns.Text("SignerName", doc["signerName"]),
			columns.Text("Requestor", doc["username"]),
			columns.Text("RequestedDuration", doc["expirationSeconds"]),
			columns.Text("Condition", certificatesv1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"]),
		},
		Cells: func(c *csr) []any {
			return []any{c.Name, columns.Created(c), columns.OrNone(c.Spec.SignerName), c.Spec.Username, requestedDuration(c), conditionText(c)}
		},
		ValidateName:    apipath.ValidatePathSegmentName,
		Prepare:         stampRequester,
		PrepareUpdate:   func(_ *registry.Request, obj, old *csr) { obj.Spec = old.Spec },
		Validate:        validateCSR,
		ValidateUpdate:  func(obj, old *csr) field.ErrorList { return validateCSRUpdate(obj, old, changes{}) },
		Status:          func(c *csr) any { return &c.Status },
		IgnoredByStatus: []string{"spec", "status.conditions"},
		PrepareStatus: func(r *registry.Request, obj, old *csr) {
			obj.Spec = old.Spec
			stampConditions(r.Now, obj, old)
		},
		ValidateStatus: func(obj, old *csr) field.ErrorList {
			errs := validateConditions(obj)
			return append(errs, validateCSRUpdate(obj, old, changes{certificate: true})...)
		},
		Parts: []registry.Part[*csr]{{
			Name: "approval", Verbs: []string{"get", "patch", "update"}, Ignored: []string{"spec", "status.certificate"},
			Prepare: func(r *registry.Request, obj, old *csr) {
				obj.Spec = old.Spec
				stampConditions(r.Now, obj, old)
			},
			Validate: func(obj, old *csr) field.ErrorList {
				errs := validateConditions(obj)
				return append(errs, validateCSRUpdate(obj, old, changes{approval: true})...)
			},
		}},
	})
}

// stampRequester writes down who asks, whatever the client says.
func stampRequester(r *registry.Request, c *csr) {
	s := &c.Spec
	s.Username, s.UID, s.Groups, s.Extra = r.User.Name, r.User.UID, r.User.Groups, nil
	for k, v := range r.User.Extra {
		if s.Extra == nil {
			s.Extra = make(map[string]certificatesv1.ExtraValue, len(r.User.Extra))
		}
		s.Extra[k] = v
	}
}

// stampConditions fills in the times that a client left out of conditions.
func stampConditions(now metav1.Time, obj, old *csr) {
	for i := range obj.Status.Conditions {
		c := &obj.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for _, o := range old.Status.Conditions {
			if o.Type == c.Type && o.Status == c.Status && !o.LastTransitionTime.IsZero() {
				c.LastTransitionTime = o.LastTransitionTime
			}
		}
	}
}

func requestedDuration(c *csr) string {
	if c.Spec.ExpirationSeconds == nil {
		return columns.None
	}
	return duration.HumanDuration(time.Duration(*c.Spec.ExpirationSeconds) * time.Second)
}

func conditionText(c *csr) string {
	has := func(t certificatesv1.RequestConditionType) bool { return count(c, t) > 0 }
	text := "Pending"
	switch {
	case has(certificatesv1.CertificateDenied):
		text = "Denied"
	case has(certificatesv1.CertificateApproved):
		text = "Approved"
	}
	if has(certificatesv1.CertificateFailed) {
		text += ",Failed"
	}
	if len(c.Status.Certificate) > 0 {
		text += ",Issued"
	}
	return text
}

// count counts the conditions of a type.
func count(c *csr, t certificatesv1.RequestConditionType) int {
	n := 0
	for i := range c.Status.Conditions {
		if c.Status.Conditions[i].Type == t {
			n++
		}
	}
	return n
}
