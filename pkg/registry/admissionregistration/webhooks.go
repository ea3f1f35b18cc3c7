package admissionregistration

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

const (
	defaultTimeoutSeconds = 10
	maxTimeoutSeconds     = 30
)

// reviewVersions are the versions of AdmissionReview that a server can send.
var reviewVersions = []string{"v1", "v1beta1"}

// webhook is what webhooks of both kinds have in common. It points into one.
type webhook struct {
	name              string
	clientConfig      *admissionv1.WebhookClientConfig
	rules             []admissionv1.RuleWithOperations
	failurePolicy     **admissionv1.FailurePolicyType
	matchPolicy       **admissionv1.MatchPolicyType
	namespaceSelector **metav1.LabelSelector
	objectSelector    **metav1.LabelSelector
	sideEffects       *admissionv1.SideEffectClass
	timeoutSeconds    **int32
	reviewVersions    []string
	matchConditions   []admissionv1.MatchCondition
}

func (w *webhook) fill() {
	fill.Pointer(w.failurePolicy, admissionv1.Fail)
	fill.Pointer(w.matchPolicy, admissionv1.Equivalent)
	fill.Pointer(w.namespaceSelector, metav1.LabelSelector{})
	fill.Pointer(w.objectSelector, metav1.LabelSelector{})
	fill.Pointer(w.timeoutSeconds, defaultTimeoutSeconds)
	if s := w.clientConfig.Service; s != nil {
		fill.Pointer(&s.Port, 443)
	}
	for i := range w.rules {
		fill.Pointer(&w.rules[i].Scope, admissionv1.AllScopes)
	}
}

// validateWebhooks checks the webhooks of a configuration; more checks what is of
// one kind only, and may be nil.
func validateWebhooks(hooks []webhook, more func(i int, path *field.Path) field.ErrorList) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range hooks {
		w, at := &hooks[i], field.NewPath("webhooks").Index(i)
		errs = append(errs, w.validate(at)...)
		if more != nil {
			errs = append(errs, more(i, at)...)
		}
		errs = append(errs, validateClientConfig(w.clientConfig, at.Child("clientConfig"))...)
		errs = append(errs, validateMatchConditions(w.matchConditions, at.Child("matchConditions"))...)
		errs = append(errs, validateReviewVersions(w.reviewVersions, at.Child("admissionReviewVersions"))...)
		if w.name != "" && names[w.name] {
			errs = append(errs, field.Duplicate(at.Child("name"), w.name))
		}
		names[w.name] = true
	}
	return errs
}

func (w *webhook) validate(path *field.Path) field.ErrorList {
	errs := validation.IsFullyQualifiedName(path.Child("name"), w.name)
	for i := range w.rules {
		errs = append(errs, validateRule(&w.rules[i], path.Child("rules").Index(i))...)
	}
	errs = append(errs, validatePolicies(*w.failurePolicy, *w.matchPolicy, path)...)
	switch at := path.Child("sideEffects"); {
	case w.sideEffects == nil:
		errs = append(errs, field.Required(at, fmt.Sprintf("must specify one of %s, %s", admissionv1.SideEffectClassNone, admissionv1.SideEffectClassNoneOnDryRun)))
	default:
		errs = append(errs, corevalidation.OneOf(*w.sideEffects, at, admissionv1.SideEffectClassNone, admissionv1.SideEffectClassNoneOnDryRun)...)
	}
	if t := *w.timeoutSeconds; t != nil && (*t < 1 || *t > maxTimeoutSeconds) {
		errs = append(errs, field.Invalid(path.Child("timeoutSeconds"), *t, fmt.Sprintf("the timeout value must be between 1 and %d seconds", maxTimeoutSeconds)))
	}
	errs = append(errs, corevalidation.LabelSelector(*w.namespaceSelector, path.Child("namespaceSelector"))...)
	return append(errs, corevalidation.LabelSelector(*w.objectSelector, path.Child("objectSelector"))...)
}

func validatePolicies(failure *admissionv1.FailurePolicyType, match *admissionv1.MatchPolicyType, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if failure != nil {
		errs = append(errs, corevalidation.OneOf(*failure, path.Child("failurePolicy"), admissionv1.Fail, admissionv1.Ignore)...)
	}
	if match != nil {
		errs = append(errs, corevalidation.OneOf(*match, path.Child("matchPolicy"), admissionv1.Equivalent, admissionv1.Exact)...)
	}
	return errs
}

func validateReviewVersions(versions []string, path *field.Path) field.ErrorList {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(path, "must specify one of "+strings.Join(reviewVersions, ", "))}
	}
	var errs field.ErrorList
	known := false
	for i, v := range versions {
		if slices.Contains(versions[:i], v) {
			errs = append(errs, field.Duplicate(path.Index(i), v))
			continue
		}
		for _, m := range validation.IsDNS1035Label(v) {
			errs = append(errs, field.Invalid(path.Index(i), v, m))
		}
		known = known || slices.Contains(reviewVersions, v)
	}
	if !known {
		errs = append(errs, field.Invalid(path, versions, "must include at least one of "+strings.Join(reviewVersions, ", ")))
	}
	return errs
}

func validateClientConfig(c *admissionv1.WebhookClientConfig, path *field.Path) field.ErrorList {
	switch {
	case (c.URL == nil) == (c.Service == nil):
		return field.ErrorList{field.Required(path, "exactly one of url or service is required")}
	case c.URL != nil:
		return validateURL(*c.URL, path.Child("url"))
	}
	return validateService(c.Service, path.Child("service"))
}

func validateURL(text string, path *field.Path) field.ErrorList {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(text)
	if err != nil {
		return field.ErrorList{field.Required(path, "url must be a valid URL: "+err.Error()+form)}
	}
	var errs field.ErrorList
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(path, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(path, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(path, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(path, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(path, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

func validateService(s *admissionv1.ServiceReference, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	// kube-apiserver names the other of the two.
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("namespace"), ""))
	}
	if s.Namespace == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if s.Port != nil {
		if m := validation.IsValidPortNum(int(*s.Port)); len(m) > 0 {
			errs = append(errs, field.Invalid(path.Child("port"), *s.Port, "port is not valid: "+strings.Join(m, ",")))
		}
	}
	if s.Path == nil || *s.Path == "" || *s.Path == "/" {
		return errs
	}
	return append(errs, validatePath(*s.Path, path.Child("path"))...)
}

// validatePath checks the path of a service's URL: DNS subdomains between slashes.
func validatePath(p string, path *field.Path) field.ErrorList {
	if p == "//" {
		return field.ErrorList{field.Invalid(path, p, "segment[0] may not be empty")}
	}
	var errs field.ErrorList
	if !strings.HasPrefix(p, "/") {
		errs = append(errs, field.Invalid(path, p, "must start with a '/'"))
	}
	i := 0
	for segment := range strings.SplitSeq(strings.TrimSuffix(p[1:], "/"), "/") {
		if segment == "" {
			errs = append(errs, field.Invalid(path, p, fmt.Sprintf("segment[%d] may not be empty", i)))
		} else {
			for _, m := range validation.IsDNS1123Subdomain(segment) {
				errs = append(errs, field.Invalid(path, p, fmt.Sprintf("segment[%d]: %s", i, m)))
			}
		}
		i++
	}
	return errs
}
