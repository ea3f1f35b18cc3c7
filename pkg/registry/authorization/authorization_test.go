package authorization

import (
	"context"
	"errors"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

// policy allows jane all, denies mallory, and remembers what it was asked.
type policy struct{ asked *Attributes }

func (p *policy) Authorize(_ context.Context, a *Attributes) (Decision, string, error) {
	p.asked = a
	switch a.User.Name {
	case "jane":
		return Allow, "she may", nil
	case "mallory":
		return Deny, "never", errors.New("half blind")
	}
	return NoOpinion, "", nil
}

func (p *policy) RulesFor(_ context.Context, u registry.User, namespace string) (Rules, error) {
	if u.Name != "jane" {
		return Rules{Incomplete: true}, errors.New("unknown")
	}
	return Rules{Resources: []authorizationv1.ResourceRule{{Verbs: []string{"get"}, Resources: []string{namespace}}}}, nil
}

func create(t *testing.T, resource, body string) (registry.Object, *Attributes, string) {
	t.Helper()
	p := &policy{}
	r := kindtest.Find(t, Kinds(p, p), resource)
	o := r.New()
	if err := yaml.UnmarshalStrict([]byte(body), o); err != nil {
		t.Fatal(err)
	}
	out, err := r.Create(t.Context(), kindtest.Request(), o)
	if err != nil {
		return nil, nil, err.Error()
	}
	return out, p.asked, ""
}

func status(o registry.Object) string {
	var s authorizationv1.SubjectAccessReviewStatus
	switch x := o.(type) {
	case *authorizationv1.SubjectAccessReview:
		s = x.Status
	case *authorizationv1.SelfSubjectAccessReview:
		s = x.Status
	case *authorizationv1.LocalSubjectAccessReview:
		s = x.Status
	}
	return fmt.Sprintf("allowed=%t denied=%t reason=%q error=%q", s.Allowed, s.Denied, s.Reason, s.EvaluationError)
}

func TestReviews(t *testing.T) {
	const pods = "resourceAttributes: {namespace: ns, verb: get, resource: pods}"
	const prefix = `.authorization.k8s.io "" is invalid: `
	for _, c := range []struct{ name, resource, body, want, err string }{
		{name: "self", resource: "selfsubjectaccessreviews", body: "spec: {" + pods + "}", want: `allowed=true denied=false reason="she may" error=""`},
		{name: "other", resource: "subjectaccessreviews", body: "spec: {user: bob, " + pods + "}", want: `allowed=false denied=false reason="" error=""`},
		{name: "denied", resource: "subjectaccessreviews", body: "spec: {user: mallory, nonResourceAttributes: {path: /x, verb: get}}", want: `allowed=false denied=true reason="never" error="half blind"`},
		{name: "local", resource: "localsubjectaccessreviews", body: "spec: {user: jane, " + pods + "}", want: `allowed=true denied=false reason="she may" error=""`},
		{name: "unreadable selectors", resource: "subjectaccessreviews", body: "spec: {user: jane, resourceAttributes: {verb: list, fieldSelector: {rawSelector: 'x'}, labelSelector: {rawSelector: 'a in ('}}}",
			want: `allowed=true denied=false reason="she may" error="spec.resourceAttributes.fieldSelector ignored due to parse error\nspec.resourceAttributes.labelSelector ignored due to parse error"`},
		{name: "nothing asked", resource: "selfsubjectaccessreviews", body: "{}", err: prefix + "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"},
		{name: "nobody", resource: "subjectaccessreviews", body: "spec: {" + pods + "}", err: prefix + `spec.user: Invalid value: "": at least one of user or group must be specified`},
		{name: "both", resource: "selfsubjectaccessreviews", body: "spec: {" + pods + ", nonResourceAttributes: {path: /x, verb: get}}", err: prefix + `spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes`},
		{name: "named", resource: "subjectaccessreviews", body: "metadata: {name: a}\nspec: {user: a, " + pods + "}", err: prefix + `metadata: Invalid value: {"name":"a"}: must be empty`},
		{name: "elsewhere", resource: "localsubjectaccessreviews", body: "spec: {user: a, resourceAttributes: {namespace: other}}", err: prefix + `spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace`},
		{name: "no resource", resource: "localsubjectaccessreviews", body: "spec: {user: a, nonResourceAttributes: {path: /, verb: get}}", err: prefix + `spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: disallowed on this kind of request`},
		{name: "selectors", resource: "subjectaccessreviews", body: "spec: {user: a, resourceAttributes: {fieldSelector: {rawSelector: x, requirements: [{key: '', operator: Nope}]}, labelSelector: {}}}",
			err: prefix + `[spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "x": may not specified at the same time as requirements, spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _, err := create(t, c.resource, c.body)
			if err != c.err {
				t.Fatalf("error:\n got %s\nwant %s", err, c.err)
			}
			if o != nil && status(o) != c.want {
				t.Errorf("got %s, want %s", status(o), c.want)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	_, a, _ := create(t, "subjectaccessreviews", `spec: {user: u, uid: i, groups: [g], extra: {k: [v]}, resourceAttributes: {namespace: ns, name: m, verb: list, group: apps, version: v1, resource: deployments, subresource: scale,
  fieldSelector: {requirements: [{key: a, operator: In, values: [b]}, {key: c, operator: NotIn, values: [d]}]}, labelSelector: {requirements: [{key: x, operator: In, values: [v, w]}]}}}`)
	got := fmt.Sprintf("%s %s %v %v | %s %s/%s %s/%s %s/%s | %v | %v", a.User.Name, a.User.UID, a.User.Groups, a.User.Extra, a.Verb, a.Group, a.Version, a.Resource, a.Subresource, a.Namespace, a.Name, a.Fields, a.Labels)
	if want := "u i [g] map[k:[v]] | list apps/v1 deployments/scale ns/m | [{= a b} {!= c d}] | x in (v,w)"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestRules(t *testing.T) {
	o, _, _ := create(t, "selfsubjectrulesreviews", "spec: {namespace: here}")
	s := o.(*authorizationv1.SelfSubjectRulesReview).Status
	if len(s.ResourceRules) != 1 || s.ResourceRules[0].Resources[0] != "here" || s.NonResourceRules == nil || s.Incomplete {
		t.Errorf("got %+v", s)
	}
	if _, _, err := create(t, "selfsubjectrulesreviews", "{}"); err != "no namespace on request" {
		t.Errorf("error %q", err)
	}
}
