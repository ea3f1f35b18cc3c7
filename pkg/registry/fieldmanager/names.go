package fieldmanager

import (
	"reflect"
	"strings"
)

func compareStrings(a, b string) int { return strings.Compare(a, b) }

func splitPath(path string) []string { return strings.Split(path, ".") }

// jsonName is the name of a struct's field in JSON, "" for an inline one.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
