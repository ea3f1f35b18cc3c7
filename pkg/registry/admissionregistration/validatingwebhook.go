package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func validatingWebhooks() *registry.Resource {
	type kind = admissionv1.ValidatingWebhookConfiguration
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "ValidatingWebhookConfiguration",
		Resource: "validatingwebhookconfigurations", Categories: categories(),
		Columns: webhookColumns(kind{}.SwaggerDoc()["webhooks"]),
		Cells: func(c *kind) []any {
			return []any{c.Name, int64(len(c.Webhooks)), columns.Created(c)}
		},
		Default: func(c *kind) {
			for i := range c.Webhooks {
				w := validating(&c.Webhooks[i])
				w.fill()
			}
		},
		Validate: func(c *kind) field.ErrorList {
			hooks := make([]webhook, len(c.Webhooks))
			for i := range c.Webhooks {
				hooks[i] = validating(&c.Webhooks[i])
			}
			return validateWebhooks(hooks, nil)
		},
		Spec:                      func(c *kind) any { return c.Webhooks },
		RefuseUnconditionalUpdate: true,
	})
}

func validating(w *admissionv1.ValidatingWebhook) webhook {
	return webhook{w.Name, &w.ClientConfig, w.Rules, &w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector,
		w.SideEffects, &w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}
}
