package columns

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// None stands in a cell for a value that is not there.
const None = "<none>"

// Unset stands in a cell for a reference that was never set.
const Unset = "<unset>"

// Unknown stands in a cell for a value that nobody has reported yet.
const Unknown = "<unknown>"

// Name is the column that names the object.
func Name() registry.Column {
	return registry.Column{Name: "Name", Type: "string", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]}
}

// Age is the column of the time since creation; its cell is Created.
func Age() registry.Column {
	return Text("Age", metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"])
}

// Text is a column of strings.
func Text(name, description string) registry.Column {
	return registry.Column{Name: name, Type: "string", Description: description}
}

// Integer is a column of whole numbers.
func Integer(name, description string) registry.Column {
	return registry.Column{Name: name, Type: "integer", Description: description}
}

// Boolean is a column of true and false.
func Boolean(name, description string) registry.Column {
	return registry.Column{Name: name, Type: "boolean", Description: description}
}

// Wide makes a column one that shows with -o wide only.
func Wide(c registry.Column) registry.Column {
	c.Priority = 1
	return c
}

// Created is the cell of the Age column.
func Created(o metav1.Object) registry.Age {
	return registry.Age{Time: o.GetCreationTimestamp()}
}
