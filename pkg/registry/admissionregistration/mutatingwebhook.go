package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

func mutatingWebhooks() *registry.Resource {
	type kind = admissionv1.MutatingWebhookConfiguration
	return registry.Define(registry.Kind[*kind]{
		Group: group, Version: version, Kind: "MutatingWebhookConfiguration",
		Resource: "mutatingwebhookconfigurations", Categories: categories(),
		Columns: webhookColumns(kind{}.SwaggerDoc()["webhooks"]),
		Cells: func(c *kind) []any {
			return []any{c.Name, int64(len(c.Webhooks)), columns.Created(c)}
		},
		Default: func(c *kind) {
			for i := range c.Webhooks {
				w := mutating(&c.Webhooks[i])
				w.fill()
				fill.Pointer(&c.Webhooks[i].ReinvocationPolicy, admissionv1.NeverReinvocationPolicy)
			}
		},
		Validate: func(c *kind) field.ErrorList {
			hooks := make([]webhook, len(c.Webhooks))
			for i := range c.Webhooks {
				hooks[i] = mutating(&c.Webhooks[i])
			}
			return validateWebhooks(hooks, func(i int, path *field.Path) field.ErrorList {
				p := c.Webhooks[i].ReinvocationPolicy
				if p == nil {
					return nil
				}
				return corevalidation.OneOf(*p, path.Child("reinvocationPolicy"), admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)
			})
		},
		Spec:                      func(c *kind) any { return c.Webhooks },
		RefuseUnconditionalUpdate: true,
	})
}

func mutating(w *admissionv1.MutatingWebhook) webhook {
	return webhook{w.Name, &w.ClientConfig, w.Rules, &w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector,
		w.SideEffects, &w.TimeoutSeconds, w.AdmissionReviewVersions, w.MatchConditions}
}

func webhookColumns(description string) []registry.Column {
	return []registry.Column{columns.Name(), columns.Integer("Webhooks", description), columns.Age()}
}
