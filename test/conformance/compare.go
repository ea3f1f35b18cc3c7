package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// compare lists how an answer differs from the recorded one.
func compare(s *Step, got *Response) []string {
	want := s.Response
	if want == nil {
		return []string{"the case has no recorded answer"}
	}
	d := &differ{unsorted: s.Unsorted}
	if want.Status != got.Status {
		d.add("status", "%d, want %d: %s", got.Status, want.Status, brief(got.Body))
	}
	if want.ContentType != got.ContentType {
		d.add("content type", "%q, want %q", got.ContentType, want.ContentType)
	}
	if !reflect.DeepEqual(want.Warnings, got.Warnings) {
		d.add("warnings", "%q, want %q", got.Warnings, want.Warnings)
	}
	if len(s.OnlyKeys) > 0 {
		for _, k := range s.OnlyKeys {
			w, _ := lookup(normal(want.Body), k)
			g, _ := lookup(normal(got.Body), k)
			d.diff(k, w, g)
		}
		return d.found
	}
	d.diff("body", normal(want.Body), normal(got.Body))
	if want.Text != got.Text {
		d.add("text", "%q, want %q", got.Text, want.Text)
	}
	if s.Stream {
		d.unsorted = false
		d.diff("events", normal(want.Events), normal(got.Events))
	}
	return d.found
}

type differ struct {
	unsorted bool
	found    []string
}

func (d *differ) add(path, format string, args ...any) {
	d.found = append(d.found, path+": "+fmt.Sprintf(format, args...))
}

func (d *differ) diff(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			d.diffMaps(path, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			d.diffLists(path, w, g)
			return
		}
	}
	if !reflect.DeepEqual(want, got) {
		d.add(path, "%s, want %s", brief(got), brief(want))
	}
}

func (d *differ) diffMaps(path string, want, got map[string]any) {
	keys := map[string]bool{}
	for k := range want {
		keys[k] = true
	}
	for k := range got {
		keys[k] = true
	}
	sorted := make([]string, 0, len(keys))
	for k := range keys {
		sorted = append(sorted, k)
	}
	sort.Strings(sorted)
	for _, k := range sorted {
		w, wok := want[k]
		g, gok := got[k]
		switch {
		case !gok:
			d.add(path+"."+k, "missing, want %s", brief(w))
		case !wok:
			d.add(path+"."+k, "unexpected %s", brief(g))
		default:
			d.diff(path+"."+k, w, g)
		}
	}
}

func (d *differ) diffLists(path string, want, got []any) {
	if d.unsorted {
		d.diffSets(path, want, got)
		return
	}
	if len(want) != len(got) {
		d.add(path, "%d elements, want %d: %s, want %s", len(got), len(want), brief(got), brief(want))
		return
	}
	for i := range want {
		d.diff(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
	}
}

func (d *differ) diffSets(path string, want, got []any) {
	ws, gs := map[string]bool{}, map[string]bool{}
	for _, x := range want {
		ws[canonical(x)] = true
	}
	for _, x := range got {
		gs[canonical(x)] = true
	}
	for k := range ws {
		if !gs[k] {
			d.add(path, "missing element %.200s", k)
		}
	}
	for k := range gs {
		if !ws[k] {
			d.add(path, "unexpected element %.200s", k)
		}
	}
}

// canonical gives the same text for values that differ in the order of lists alone.
func canonical(v any) string {
	switch t := v.(type) {
	case []any:
		s := make([]string, len(t))
		for i, x := range t {
			s[i] = canonical(x)
		}
		sort.Strings(s)
		return "[" + strings.Join(s, ",") + "]"
	case map[string]any:
		keys := make([]string, 0, len(t))
		for k := range t {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		var b strings.Builder
		for _, k := range keys {
			fmt.Fprintf(&b, "%q:%s,", k, canonical(t[k]))
		}
		return "{" + b.String() + "}"
	}
	return text(v)
}

// normal gives a value the types that decoded JSON has.
func normal(v any) any {
	var out any
	if err := json.Unmarshal([]byte(text(v)), &out); err != nil {
		panic(err) // text is JSON
	}
	return out
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // decoded JSON and YAML always have a JSON form
	}
	return string(b)
}

const briefly = 300

func brief(v any) string {
	s := text(v)
	if len(s) > briefly {
		return s[:briefly] + "..."
	}
	return s
}

// lookup finds a dotted path in decoded JSON.
func lookup(v any, path string) (any, bool) {
	for _, p := range strings.Split(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			x, ok := t[p]
			if !ok {
				return nil, false
			}
			v = x
		case []any:
			var i int
			if _, err := fmt.Sscanf(p, "%d", &i); err != nil || i < 0 || i >= len(t) {
				return nil, false
			}
			v = t[i]
		default:
			return nil, false
		}
	}
	return v, true
}
