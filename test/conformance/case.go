package conformance

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// Case is one conversation. It runs in a fresh namespace, ${ns}.
type Case struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Namespaces is how many fresh namespaces it wants: ${ns}, ${ns2}, ...
	Namespaces int `json:"namespaces,omitempty"`
	// Mask names further fields whose values differ from run to run.
	Mask []string `json:"mask,omitempty"`
	// CompareManagedFields compares metadata.managedFields too.
	CompareManagedFields bool   `json:"compareManagedFields,omitempty"`
	Steps                []Step `json:"steps"`
}

// Step is one request and its recorded answer.
type Step struct {
	ID      string            `json:"id"`
	Method  string            `json:"method,omitempty"` // GET
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`    // sent as JSON
	RawBody string            `json:"rawBody,omitempty"` // sent as it is
	// Capture sets variables to what stands at dotted paths of the answer.
	Capture map[string]string `json:"capture,omitempty"`
	// Stream reads JSON documents until the server ends the answer.
	Stream bool `json:"stream,omitempty"`
	// OnlyKeys compares these dotted paths alone.
	OnlyKeys []string `json:"onlyKeys,omitempty"`
	// Unsorted compares lists as sets.
	Unsorted bool `json:"unsorted,omitempty"`
	// Until repeats the request for ten seconds until it has this status.
	Until    int       `json:"until,omitempty"`
	SleepMS  int       `json:"sleepMS,omitempty"`
	Response *Response `json:"response,omitempty"`
}

// Response is what is compared.
type Response struct {
	Status      int      `json:"status"`
	ContentType string   `json:"contentType,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
	Body        any      `json:"body,omitempty"`
	Text        string   `json:"text,omitempty"`
	Events      []any    `json:"events,omitempty"`
}

func loadCase(file string) (*Case, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Case{}
	if err := yaml.UnmarshalStrict(raw, c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// masked are the fields that differ from run to run in every case.
var masked = []string{"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue", "selfLink",
	"lastTransitionTime", "hash", "clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort", "storageVersionHash",
	"description", "kube-aggregator.kubernetes.io/automanaged"}

var (
	variable  = regexp.MustCompile(`\$\{([a-zA-Z0-9_]+)\}`)
	timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	uid       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	jwt       = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)
)

// vars are the values of a case's variables.
type vars map[string]string

func (v vars) expand(s string) string {
	return variable.ReplaceAllStringFunc(s, func(m string) string {
		if x, ok := v[m[2:len(m)-1]]; ok {
			return x
		}
		return m
	})
}

// minVariable is the length from which a value is taken for its variable's.
const minVariable = 6

// collapse puts the variables' names back and masks what differs in free text.
func (v vars) collapse(s string) string {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return len(v[keys[i]]) > len(v[keys[j]]) })
	for _, k := range keys {
		if len(v[k]) >= minVariable {
			s = strings.ReplaceAll(s, v[k], "${"+k+"}")
		}
	}
	s = jwt.ReplaceAllString(s, "<jwt>")
	s = uid.ReplaceAllString(s, "<uid>")
	return timestamp.ReplaceAllString(s, "<time>")
}

// cleaner masks answers.
type cleaner struct {
	vars          vars
	mask          map[string]bool
	managedFields bool
}

func (c *cleaner) clean(v any) any {
	switch t := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range t {
			switch s, isString := x.(string); {
			case k == "managedFields" && !c.managedFields:
			case !c.mask[k]:
				out[c.vars.collapse(k)] = c.clean(x)
			case x == nil:
				out[k] = nil
			case isString && s == "":
				out[k] = ""
			default:
				out[k] = "<" + k + ">"
			}
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = c.clean(x)
		}
		return out
	case string:
		return c.vars.collapse(t)
	}
	return v
}
