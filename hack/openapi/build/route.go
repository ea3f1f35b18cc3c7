package main

import (
	"fmt"
	"reflect"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
)

// route is one operation, as kube-openapi's builders take it.
type route struct {
	method, path           string
	operation, description string
	parameters             []common.Parameter
	consumes, produces     []string
	metadata               map[string]any
	body                   any // sample of the request body, nil: none
	responses              []common.StatusCodeResponse
}

func (r *route) Method() string                                   { return r.method }
func (r *route) Path() string                                     { return r.path }
func (r *route) OperationName() string                            { return r.operation }
func (r *route) Parameters() []common.Parameter                   { return r.parameters }
func (r *route) Description() string                              { return r.description }
func (r *route) Consumes() []string                               { return r.consumes }
func (r *route) Produces() []string                               { return r.produces }
func (r *route) Metadata() map[string]any                         { return r.metadata }
func (r *route) RequestPayloadSample() any                        { return r.body }
func (r *route) ResponsePayloadSample() any                       { return nil }
func (r *route) StatusCodeResponses() []common.StatusCodeResponse { return r.responses }

// container is the routes below one root path.
type container struct {
	root   string
	routes []*route
}

func (c *container) RootPath() string                   { return c.root }
func (c *container) PathParameters() []common.Parameter { return nil }
func (c *container) Routes() []common.Route {
	routes := make([]common.Route, len(c.routes))
	for i, r := range c.routes {
		routes[i] = r
	}
	return routes
}

type response struct {
	code    int
	message string
	model   any
}

func (r response) Code() int       { return r.code }
func (r response) Message() string { return r.message }
func (r response) Model() any      { return r.model }

type parameter struct {
	ParameterName, ParameterDescription string
	kind                                common.ParameterKind
	dataType                            string
	required                            bool
}

func (p parameter) Name() string               { return p.ParameterName }
func (p parameter) Description() string        { return p.ParameterDescription }
func (p parameter) Required() bool             { return p.required }
func (p parameter) Kind() common.ParameterKind { return p.kind }
func (p parameter) DataType() string           { return p.dataType }
func (p parameter) AllowMultiple() bool        { return false }

func pathParameter(name, description string) parameter {
	return parameter{name, description, common.PathParameterKind, "string", true}
}

func bodyParameter(required bool) parameter {
	return parameter{"body", "", common.BodyParameterKind, "string", required}
}

var pretty = parameter{"pretty", "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget).",
	common.QueryParameterKind, "string", false}

// queryParameters are the fields of an options type but for those named.
func queryParameters(options any, but ...string) []common.Parameter {
	doc := options.(interface{ SwaggerDoc() map[string]string }).SwaggerDoc()
	typ := reflect.TypeOf(options).Elem()
	var params []common.Parameter
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" || contains(but, name) {
			continue
		}
		dataType, ok := queryType(f.Type)
		if !ok {
			continue // preconditions and the like, which have no query form
		}
		params = append(params, parameter{name, doc[name], common.QueryParameterKind, dataType, false})
	}
	return params
}

// queryType is the OpenAPI type of a query parameter for a field of type t.
func queryType(t reflect.Type) (string, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean", true
	case reflect.Int32, reflect.Int64:
		return "integer", true
	case reflect.String:
		return "string", true
	case reflect.Slice:
		return queryType(t.Elem())
	case reflect.Struct:
		return "string", t.String() == "v1.Time"
	}
	return "", false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// operationID puts the group version into a route's operation name and gives
// the tag: createNamespacedPod becomes createCoreV1NamespacedPod, core_v1.
func operationID(r common.Route) (string, []string, error) {
	parts := strings.Split(strings.Trim(r.Path(), "/"), "/")
	var prefix []string // of capitalised words
	var tag string
	switch {
	case parts[0] == "version":
		return r.OperationName(), []string{"version"}, nil
	case len(parts) == 1 && parts[0] == "api":
		prefix, tag = []string{"Core"}, "core"
	case len(parts) == 1 && parts[0] == "apis":
		return r.OperationName(), []string{"apis"}, nil
	case parts[0] == "api":
		prefix, tag = []string{"Core", capital(parts[1])}, "core_"+parts[1]
	case parts[0] == "apis":
		for word := range strings.SplitSeq(strings.TrimSuffix(parts[1], ".k8s.io"), ".") {
			prefix = append(prefix, capital(word))
		}
		tag = strings.Join(prefix, "")
		tag = strings.ToLower(tag[:1]) + tag[1:]
		if len(parts) > 2 {
			prefix, tag = append(prefix, capital(parts[2])), tag+"_"+parts[2]
		}
	default:
		return "", nil, fmt.Errorf("path %s belongs to no group", r.Path())
	}
	op := r.OperationName()
	at := strings.IndexFunc(op, func(c rune) bool { return c >= 'A' && c <= 'Z' })
	if at < 0 {
		return "", nil, fmt.Errorf("operation %q has no noun", op)
	}
	return op[:at] + strings.Join(prefix, "") + op[at:], []string{tag}, nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// article is "a" or "an", as the documents have it.
func article(noun string) string {
	switch {
	case strings.ContainsRune("AEIOU", rune(noun[0])):
		return "an"
	default:
		return "a"
	}
}
