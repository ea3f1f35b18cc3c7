package api

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestServedVersions(t *testing.T) {
	var got []string
	for _, gv := range Scheme().PrioritizedVersionsAllGroups() {
		got = append(got, gv.String())
	}
	slices.Sort(got)
	want := []string{
		"admissionregistration.k8s.io/v1", "apidiscovery.k8s.io/v2", "apiextensions.k8s.io/v1",
		"apiregistration.k8s.io/v1", "apps/v1", "authentication.k8s.io/v1", "authorization.k8s.io/v1",
		"autoscaling/v1", "autoscaling/v2", "batch/v1", "certificates.k8s.io/v1", "coordination.k8s.io/v1",
		"discovery.k8s.io/v1", "events.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1", "meta.k8s.io/v1",
		"meta.k8s.io/v1beta1", "networking.k8s.io/v1", "node.k8s.io/v1", "policy/v1", "policy/v1beta1",
		"rbac.authorization.k8s.io/v1", "resource.k8s.io/v1", "scheduling.k8s.io/v1", "storage.k8s.io/v1", "v1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("served versions\n got %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

func TestOptionsInEveryServedVersion(t *testing.T) {
	for _, gv := range Scheme().PrioritizedVersionsAllGroups() {
		if gv.Group == "meta.k8s.io" && gv.Version == "v1beta1" {
			continue // has the printed forms alone
		}
		for _, kind := range []string{"WatchEvent", "ListOptions", "GetOptions", "DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions"} {
			if !Scheme().Recognizes(gv.WithKind(kind)) {
				t.Errorf("%s lacks %s", gv, kind)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	for gvk, want := range map[schema.GroupVersionKind]bool{
		{Version: "v1", Kind: "Pod"}:                                                                     true,
		{Version: "v1", Kind: "Status"}:                                                                  true,
		{Group: "meta.k8s.io", Version: "v1", Kind: "Table"}:                                             true,
		{Group: "meta.k8s.io", Version: "v1", Kind: "PartialObjectMetadataList"}:                         true,
		{Group: "meta.k8s.io", Version: "v1beta1", Kind: "PartialObjectMetadata"}:                        true,
		{Group: "autoscaling", Version: "v1", Kind: "Scale"}:                                             true,
		{Group: "policy", Version: "v1beta1", Kind: "Eviction"}:                                          true,
		{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget"}:                               false,
		{Group: "resource.k8s.io", Version: "v1beta1", Kind: "ResourceClaim"}:                            false,
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingAdmissionPolicy"}:          true,
		{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"}:             true,
		{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}:                             true,
		{Group: "flowcontrol.apiserver.k8s.io", Version: "v1", Kind: "PriorityLevelConfigurationStatus"}: false,
	} {
		if got := Scheme().Recognizes(gvk); got != want {
			t.Errorf("%s: served %v, want %v", gvk, got, want)
		}
	}
	if _, unversioned, err := Scheme().ObjectKinds(&metav1.Status{}); err != nil || !unversioned {
		t.Errorf("Status: unversioned %v, %v", unversioned, err)
	}
}

func BenchmarkScheme(b *testing.B) {
	build := newScheme
	for b.Loop() {
		build()
	}
}
