package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// ComponentStatuses is the ComponentStatus kind, which tells the health of a
// cluster's components. Only clients that are old ask for it. Nothing can be
// written, and there is no component beside this server: the list is empty.
func ComponentStatuses() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.ComponentStatus]{
		Version: "v1", Kind: "ComponentStatus",
		Deprecated: "v1 ComponentStatus is deprecated in v1.19+",
		Resource:   "componentstatuses", ShortNames: []string{"cs"},
		Verbs: []string{"get", "list"},
		Columns: []registry.Column{columns.Name(),
			columns.Text("Status", "Status of the component conditions"),
			columns.Text("Message", "Message of the component conditions"),
			columns.Text("Error", "Error of the component conditions")},
		Cells: componentStatusCells,
	})
}

func componentStatusCells(c *corev1.ComponentStatus) []any {
	status, message, err := "Unknown", "", ""
	for _, cond := range c.Conditions {
		if cond.Type != corev1.ComponentHealthy {
			continue
		}
		status = "Unhealthy"
		if cond.Status == corev1.ConditionTrue {
			status = "Healthy"
		}
		message, err = cond.Message, cond.Error
		break
	}
	return []any{c.Name, status, message, err}
}
