package rest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// served fails unless an answer is one that a client may be given: no fault of
// the server, and text where it says so.
func (a *answer) served() {
	a.t.Helper()
	if a.Code >= 500 {
		a.t.Fatalf("HTTP %d: %.1000s", a.Code, a.Body)
	}
	if a.Header().Get("Content-Type") != protobufType && !utf8.Valid(a.Body.Bytes()) {
		a.t.Fatalf("HTTP %d is not UTF-8: %.500q", a.Code, a.Body)
	}
}

// FuzzCreate posts any body to several kinds, and reads back what was taken.
func FuzzCreate(f *testing.F) {
	paths := []string{"configmaps", "pods", "services", "secrets", "events", "serviceaccounts"}
	types := []string{"", yamlType, protobufType}
	for i := range paths {
		f.Add(uint8(i), uint8(0), []byte(`{"metadata":{"name":"x","generateName":"y-"},"data":{"k":"v"},"spec":{"containers":[{"name":"c","image":"i"}],"ports":[{"port":80}]}}`))
		f.Add(uint8(i), uint8(1), []byte("metadata: {name: x}\ndata: {k: v}\n"))
	}
	f.Add(uint8(0), uint8(2), []byte("k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\x0b\n\t\n\x01x\x12\x00\x1a\x00\"\x00"))
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, path, contentType uint8, body []byte) {
		w.t = t
		resource := paths[int(path)%len(paths)]
		a := w.do(request{method: "POST", path: "/api/v1/namespaces/ns/" + resource, contentType: types[int(contentType)%len(types)], body: string(body)})
		a.served()
		if a.Code != http.StatusCreated {
			return
		}
		name, _ := dig(a.object(), "metadata", "name").(string)
		one := "/api/v1/namespaces/ns/" + resource + "/" + url.PathEscape(name)
		for _, accept := range []string{"", yamlType, protobufType, tableType, partialType} {
			b := w.do(request{path: one, accept: accept}).want(200)
			b.served()
			if accept == "" && b.Body.String() != a.Body.String() {
				t.Fatalf("created %s\nread    %s", a.Body, b.Body)
			}
		}
		w.do(request{method: "PUT", path: one, body: a.Body.String()}).served()
		w.do(request{method: "DELETE", path: one + "?gracePeriodSeconds=0"}).served()
		w.do(request{method: "PATCH", path: one, contentType: mergeType, body: `{"metadata":{"finalizers":null}}`}).served()
	})
}

// FuzzPatch patches a pod in every way that there is.
func FuzzPatch(f *testing.F) {
	types := []string{jsonPatchType, mergeType, strategicType, applyType}
	for i, s := range []string{
		`[{"op":"add","path":"/metadata/labels/x","value":"y"},{"op":"copy","from":"/spec","path":"/metadata/annotations"},{"op":"move","from":"/spec/containers/0","path":"/spec/containers/-"},{"op":"test","path":"/x~1y~0","value":null}]`,
		`{"metadata":{"labels":{"a":null}},"spec":{"containers":[{"name":"c","image":"z"}],"tolerations":null}}`,
		`{"spec":{"containers":[{"$patch":"delete","name":"c"}],"$setElementOrder/containers":[{"name":"d"}],"$retainKeys":["containers"]},"metadata":{"$patch":"merge","$deleteFromPrimitiveList/finalizers":["a"]}}`,
		`[{"op":"replace","path":"","value":{}}]`, `[{"op":"remove","path":"/spec/containers/-1"}]`, `null`, `[null]`, `{"metadata":null}`, `{"$patch":"replace"}`, `{"spec":{"containers":[null]}}`,
		`[{"op":"add","path":"/spec/containers/9999999999999999999","value":1}]`, `{"spec":{"$patch":"delete"}}`, `{"spec":{"volumes":[{"$patch":"replace"}]}}`,
		`[{"op":"copy","from":"","path":"/metadata/annotations"}]`, `[{"op":"test","path":"/spec","value":{}}]`, `[{}]`, `[{"op":null,"path":null}]`,
	} {
		f.Add(uint8(i), []byte(s))
		f.Add(uint8(i+1), []byte(s))
		f.Add(uint8(i+2), []byte(s))
		f.Add(uint8(i+3), []byte(s))
	}
	f.Add(uint8(3), []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: b}, managedFields: null}\nspec: {containers: [{name: c, image: z, ports: [{containerPort: 1}]}], tolerations: [{key: k}]}\n"))
	f.Add(uint8(3), []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p, finalizers: [a/b, a/b]}\nspec: {containers: [{name: c}, {name: c}], volumes: [{name: v, emptyDir: {}}]}\n"))
	w := newWorld(f)
	w.pod("p")
	f.Fuzz(func(t *testing.T, contentType uint8, body []byte) {
		w.t = t
		ct := types[int(contentType)%len(types)]
		for _, path := range []string{"/api/v1/namespaces/ns/pods/p?dryRun=All", "/api/v1/namespaces/ns/pods/p/status?dryRun=All", "/api/v1/namespaces/ns/pods/p?dryRun=All&fieldValidation=Strict"} {
			if ct == applyType {
				path += "&fieldManager=m&force=true"
			}
			began := time.Now()
			a := w.do(request{method: "PATCH", path: path, contentType: ct, body: string(body)})
			if took := time.Since(began); took > 5*time.Second {
				t.Fatalf("it took %v", took)
			}
			if a.Code == 500 && (ct == strategicType || ct == applyType) && !strings.Contains(a.Body.String(), "its log says why") {
				continue // kube-apiserver answers malformed directives and configurations so
			}
			a.served()
		}
	})
}

// FuzzListQuery lists and watches with any options.
func FuzzListQuery(f *testing.F) {
	for _, s := range []string{"labelSelector=a%3Db,c!%3Dd,!e,f+in+(g,h),i+notin+(j),k>1", "fieldSelector=metadata.name%3Da,status.phase!%3DRunning", "limit=1&continue=abc",
		"resourceVersion=0&resourceVersionMatch=NotOlderThan", "resourceVersion=1&resourceVersionMatch=Exact&limit=2", "limit=9223372036854775807", "limit=-9223372036854775808",
		"fieldSelector=spec.nodeName%3D%5C%2C%5C%3D", "includeObject=None", "pretty=x", "timeoutSeconds=-1", "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1",
		"continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYVx1MDAwMCJ9&limit=1", "watch", "%zz=;;&"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(1))
	}
	w := newWorld(f)
	w.fill(5, 10)
	w.pod("p")
	accepts := []string{"", tableType, protobufType}
	f.Fuzz(func(t *testing.T, query string, accept uint8) {
		if strings.Contains(query, "resourceVersion=") {
			// A version far ahead is waited for: three seconds, shortened here.
			query = strings.ReplaceAll(query, "timeout", "t") + "&timeout=1ms"
		}
		w.t = t
		u := &url.URL{Path: "/api/v1/namespaces/ns/configmaps", RawQuery: query}
		q := request{path: u.Path, accept: accepts[int(accept)%len(accepts)]}.build("")
		q.URL.RawQuery = u.RawQuery
		if asksToWatch(q.URL.Query()) {
			return
		}
		a := &answer{newRecorder(), t}
		w.handler.ServeHTTP(a, q)
		if a.Code == http.StatusGatewayTimeout {
			return
		}
		a.served()
	})
}

// FuzzContinue takes any token.
func FuzzContinue(f *testing.F) {
	for _, s := range []string{"", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYVx1MDAwMCJ9", "!!"} {
		f.Add(s, "", int64(-1))
	}
	f.Add("", "cm-0001\x00", int64(-1))
	f.Add("", "ns/cm-0001", int64(3))
	f.Add("", "../x", int64(4))
	w := newWorld(f)
	w.fill(5, 10)
	f.Fuzz(func(t *testing.T, token, start string, revision int64) {
		w.t = t
		if token == "" {
			token = tokenOf(start, revision)
		}
		for _, path := range []string{"/api/v1/namespaces/ns/configmaps", "/api/v1/configmaps", "/api/v1/namespaces"} {
			a := w.get(path + "?limit=2&timeout=1ms&continue=" + url.QueryEscape(token))
			if a.Code != http.StatusGatewayTimeout { // a version far ahead is waited for
				a.served()
			}
		}
	})
}
