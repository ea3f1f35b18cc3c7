package main

import (
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-openapi/pkg/util"
)

// kindsFor lists the kinds of each type, by the type's name, for a document.
//
// kube-apiserver is three servers in one, each with a scheme of its own, and the
// option kinds are of every group version of that scheme, served or not. The
// documents say so, and clients that compare them rely on it.
func kindsFor(path string) map[string][]any {
	scheme := clientscheme.Scheme
	switch {
	case strings.HasPrefix(path, "apis/apiextensions.k8s.io"):
		scheme = runtime.NewScheme()
		must(apiextensionsv1.AddToScheme(scheme))
	case strings.HasPrefix(path, "apis/apiregistration.k8s.io"):
		scheme = runtime.NewScheme()
		must(apiregistrationv1.AddToScheme(scheme))
	}
	byName := map[string][]schema.GroupVersionKind{}
	for gvk, typ := range scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal {
			continue
		}
		name := friendly(util.GetCanonicalTypeName(reflect.New(typ).Interface()))
		byName[name] = append(byName[name], gvk)
	}
	kinds := map[string][]any{}
	for name, gvks := range byName {
		slices.SortFunc(gvks, func(a, b schema.GroupVersionKind) int {
			return strings.Compare(a.Group+"/"+a.Version+"/"+a.Kind, b.Group+"/"+b.Version+"/"+b.Kind)
		})
		for _, gvk := range gvks {
			kinds[name] = append(kinds[name], map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind})
		}
	}
	return kinds
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
