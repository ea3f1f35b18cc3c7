package fieldmanager

import (
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// filterOf is the library's form of the paths that cannot be owned, or of those
// that alone can be; nil: all can.
func filterOf(ignored, only []string) fieldpath.Filter {
	if len(only) > 0 {
		matchers := make([]*fieldpath.SetMatcher, len(only))
		for i, path := range only {
			var parts []any
			for name := range strings.SplitSeq(path, ".") {
				if name == "*" {
					parts = append(parts, fieldpath.MatchAnyPathElement())
					continue
				}
				parts = append(parts, name)
			}
			matchers[i] = fieldpath.MakePrefixMatcherOrDie(parts...)
		}
		return fieldpath.NewIncludeMatcherFilter(matchers...)
	}
	if len(ignored) == 0 {
		return nil
	}
	set := fieldpath.NewSet()
	for _, path := range ignored {
		var parts []any
		for name := range strings.SplitSeq(path, ".") {
			parts = append(parts, name)
		}
		set.Insert(fieldpath.MakePathOrDie(parts...))
	}
	return fieldpath.NewExcludeSetFilter(set)
}
