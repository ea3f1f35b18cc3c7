package main

import (
	"encoding/json"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"google.golang.org/protobuf/proto"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/binnacle-io/binnacle/hack/openapi/definitions"
)

func buildV3(d *document) ([]byte, error) {
	config := &common.OpenAPIV3Config{
		Info: info(),
		CommonResponses: map[int]*spec3.Response{
			401: {ResponseProps: spec3.ResponseProps{Description: "Unauthorized"}},
		},
		SecuritySchemes: spec3.SecuritySchemes{
			"BearerToken": {SecuritySchemeProps: spec3.SecuritySchemeProps{
				Type: "apiKey", Name: "authorization", In: "header", Description: "Bearer Token authentication"}},
		},
		GetDefinitions:                 withoutElementDefaults,
		GetDefinitionName:              namerOf(d.path),
		GetOperationIDAndTagsFromRoute: operationID,
	}
	doc, err := builder3.BuildOpenAPISpecFromRoutes([]common.RouteContainer{&d.routes}, config)
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// buildV2 puts everything into one document of the old version.
func buildV2(docs []document) ([]byte, error) {
	config := &common.Config{
		ProtocolList:    []string{"https"},
		Info:            info(),
		CommonResponses: map[int]spec.Response{401: {ResponseProps: spec.ResponseProps{Description: "Unauthorized"}}},
		SecurityDefinitions: &spec.SecurityDefinitions{"BearerToken": {SecuritySchemeProps: spec.SecuritySchemeProps{
			Type: "apiKey", Name: "authorization", In: "header", Description: "Bearer Token authentication"}}},
		DefaultSecurity:                []map[string][]string{{"BearerToken": {}}},
		GetDefinitions:                 definitions.Get,
		GetDefinitionName:              namerOf(""),
		GetOperationIDAndTagsFromRoute: operationID,
	}
	var containers []common.RouteContainer
	for i := range docs {
		containers = append(containers, &docs[i].routes)
	}
	doc, err := builder.BuildOpenAPISpecFromRoutes(containers, config)
	if err != nil {
		return nil, err
	}
	for name, s := range doc.Definitions { // clients of the old version never saw defaults
		dropDefaults(&s)
		doc.Definitions[name] = s
	}
	return json.Marshal(doc)
}

func info() *spec.Info {
	return &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes", Version: release}}
}

func protobufV3(doc []byte) ([]byte, error) {
	m, err := openapi_v3.ParseDocument(doc)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

func protobufV2(doc []byte) ([]byte, error) {
	m, err := openapi_v2.ParseDocument(doc)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// withoutElementDefaults describes the types as the documents of version 3 have
// them: a default stands at a property, not at the elements of a list or map,
// where it would mean nothing.
func withoutElementDefaults(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	all := definitions.Get(ref)
	for name, d := range all {
		for p, s := range d.Schema.Properties {
			dropElementDefaults(&s)
			d.Schema.Properties[p] = s
		}
		dropElementDefaults(&d.Schema)
		all[name] = d
	}
	return all
}

func dropElementDefaults(s *spec.Schema) {
	for _, element := range elements(s) {
		element.Default = nil
		dropElementDefaults(element)
	}
}

func elements(s *spec.Schema) []*spec.Schema {
	var all []*spec.Schema
	if s.Items != nil && s.Items.Schema != nil {
		all = append(all, s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		all = append(all, s.AdditionalProperties.Schema)
	}
	return all
}

// dropDefaults drops the defaults of s and of everything within.
func dropDefaults(s *spec.Schema) {
	s.Default = nil
	for p, property := range s.Properties {
		dropDefaults(&property)
		s.Properties[p] = property
	}
	for _, element := range elements(s) {
		dropDefaults(element)
	}
}
