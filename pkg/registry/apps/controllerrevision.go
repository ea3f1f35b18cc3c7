package apps

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

func controllerRevisions() *registry.Resource {
	return registry.Define(registry.Kind[*appsv1.ControllerRevision]{
		Group: group, Version: version, Kind: "ControllerRevision",
		Resource: "controllerrevisions", Namespaced: true,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Controller", "Controller of the object"),
			columns.Text("Revision", appsv1.ControllerRevision{}.SwaggerDoc()["revision"]),
			columns.Age(),
		},
		Cells: func(r *appsv1.ControllerRevision) []any {
			return []any{r.Name, controllerName(r), r.Revision, columns.Created(r)}
		},
		Validate: func(r *appsv1.ControllerRevision) field.ErrorList {
			var errs field.ErrorList
			if len(r.Data.Raw) == 0 && r.Data.Object == nil {
				errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
			}
			return append(errs, check.NotNegative(r.Revision, field.NewPath("revision"))...)
		},
		ValidateUpdate: func(obj, old *appsv1.ControllerRevision) field.ErrorList {
			return check.Immutable(obj.Data, old.Data, field.NewPath("data"))
		},
	})
}

// controllerName prints who controls an object: "statefulset.apps/web".
func controllerName(o metav1.Object) string {
	c := metav1.GetControllerOf(o)
	if c == nil {
		return columns.None
	}
	gv, err := schema.ParseGroupVersion(c.APIVersion)
	if err != nil {
		gv = schema.GroupVersion{Group: columns.Unknown}
	}
	kind := schema.GroupKind{Group: gv.Group, Kind: strings.ToLower(c.Kind)}
	return kind.String() + "/" + c.Name
}
