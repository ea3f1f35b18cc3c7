package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A resource is what is served under one plural name of a group version.
type resource struct {
	schema.GroupVersionKind
	name       string // plural
	namespaced bool
	verbs      []string
	// returnsDeleted: DELETE answers the object, not a Status.
	returnsDeleted bool
	subresources   []subresource
}

// A subresource has the kind that its bodies are of.
type subresource struct {
	name  string
	kind  schema.GroupVersionKind
	verbs []string
	// connect: a stream to a pod, node or service; its kind holds the query parameters.
	connect  bool
	withPath bool
}

var (
	allVerbs    = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	updateVerbs = []string{"get", "patch", "update"}
	streamVerbs = []string{"create", "get"}
	proxyVerbs  = []string{"create", "delete", "get", "patch", "update"}
)

func (r *resource) has(verb string) bool { return slices.Contains(r.verbs, verb) }

func (s *subresource) has(verb string) bool { return slices.Contains(s.verbs, verb) }

// served lists what is served, group version by group version.
func served() []resource {
	var all []resource
	for _, g := range groups {
		for _, r := range g.resources {
			r.Group, r.Version = g.gv.Group, g.gv.Version
			if r.verbs == nil {
				r.verbs = allVerbs
			}
			for i := range r.subresources {
				if s := &r.subresources[i]; s.kind.Kind == "" {
					s.kind = r.GroupVersionKind
				}
			}
			all = append(all, r)
		}
	}
	return all
}

type group struct {
	gv        schema.GroupVersion
	resources []resource
}

func namespaced(kind, name string, subs ...subresource) resource {
	r := cluster(kind, name, subs...)
	r.namespaced = true
	return r
}

func cluster(kind, name string, subs ...subresource) resource {
	return resource{GroupVersionKind: schema.GroupVersionKind{Kind: kind}, name: name, subresources: subs}
}

func (r resource) only(verbs ...string) resource {
	r.verbs = verbs
	return r
}

func (r resource) returned() resource {
	r.returnsDeleted = true
	return r
}

// part is a subresource of the resource's own kind.
func part(name string, verbs ...string) subresource {
	if verbs == nil {
		verbs = updateVerbs
	}
	return subresource{name: name, verbs: verbs}
}

func action(name, group, version, kind string) subresource {
	return subresource{name: name, verbs: []string{"create"}, kind: schema.GroupVersionKind{Group: group, Version: version, Kind: kind}}
}

func stream(name, options string) subresource {
	return subresource{name: name, verbs: streamVerbs, connect: true, kind: schema.GroupVersionKind{Version: "v1", Kind: options}}
}

func proxy(options string) subresource {
	s := stream("proxy", options)
	s.verbs, s.withPath = proxyVerbs, true
	return s
}

var (
	status = part("status")
	scale  = subresource{name: "scale", verbs: updateVerbs, kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}}
)

func gv(group, version string) schema.GroupVersion {
	return schema.GroupVersion{Group: group, Version: version}
}

var groups = []group{
	{gv("", "v1"), []resource{
		namespaced("Binding", "bindings").only("create"),
		cluster("ComponentStatus", "componentstatuses").only("get", "list"),
		namespaced("ConfigMap", "configmaps"),
		namespaced("Endpoints", "endpoints"),
		namespaced("Event", "events"),
		namespaced("LimitRange", "limitranges"),
		cluster("Namespace", "namespaces", part("finalize", "update"), status).
			only("create", "delete", "get", "list", "patch", "update", "watch"),
		cluster("Node", "nodes", proxy("NodeProxyOptions"), status),
		namespaced("PersistentVolumeClaim", "persistentvolumeclaims", status).returned(),
		cluster("PersistentVolume", "persistentvolumes", status).returned(),
		namespaced("Pod", "pods",
			stream("attach", "PodAttachOptions"),
			action("binding", "", "v1", "Binding"),
			part("ephemeralcontainers"),
			action("eviction", "policy", "v1", "Eviction"),
			stream("exec", "PodExecOptions"),
			part("log", "get"),
			stream("portforward", "PodPortForwardOptions"),
			proxy("PodProxyOptions"),
			part("resize"),
			status).returned(),
		namespaced("PodTemplate", "podtemplates").returned(),
		namespaced("ReplicationController", "replicationcontrollers", scale, status),
		namespaced("ResourceQuota", "resourcequotas", status).returned(),
		namespaced("Secret", "secrets"),
		namespaced("ServiceAccount", "serviceaccounts", action("token", "authentication.k8s.io", "v1", "TokenRequest")).returned(),
		namespaced("Service", "services", proxy("ServiceProxyOptions"), status).returned(),
	}},
	{gv("admissionregistration.k8s.io", "v1"), []resource{
		cluster("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
		cluster("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
		cluster("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
		cluster("ValidatingAdmissionPolicy", "validatingadmissionpolicies", status),
		cluster("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
		cluster("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
	}},
	{gv("apiextensions.k8s.io", "v1"), []resource{
		cluster("CustomResourceDefinition", "customresourcedefinitions", status),
	}},
	{gv("apiregistration.k8s.io", "v1"), []resource{
		cluster("APIService", "apiservices", status),
	}},
	{gv("apps", "v1"), []resource{
		namespaced("ControllerRevision", "controllerrevisions"),
		namespaced("DaemonSet", "daemonsets", status),
		namespaced("Deployment", "deployments", scale, status),
		namespaced("ReplicaSet", "replicasets", scale, status),
		namespaced("StatefulSet", "statefulsets", scale, status),
	}},
	{gv("authentication.k8s.io", "v1"), []resource{
		cluster("SelfSubjectReview", "selfsubjectreviews").only("create"),
		cluster("TokenReview", "tokenreviews").only("create"),
	}},
	{gv("authorization.k8s.io", "v1"), []resource{
		namespaced("LocalSubjectAccessReview", "localsubjectaccessreviews").only("create"),
		cluster("SelfSubjectAccessReview", "selfsubjectaccessreviews").only("create"),
		cluster("SelfSubjectRulesReview", "selfsubjectrulesreviews").only("create"),
		cluster("SubjectAccessReview", "subjectaccessreviews").only("create"),
	}},
	{gv("autoscaling", "v1"), []resource{
		namespaced("HorizontalPodAutoscaler", "horizontalpodautoscalers", status),
	}},
	{gv("autoscaling", "v2"), []resource{
		namespaced("HorizontalPodAutoscaler", "horizontalpodautoscalers", status),
	}},
	{gv("batch", "v1"), []resource{
		namespaced("CronJob", "cronjobs", status),
		namespaced("Job", "jobs", status),
	}},
	{gv("certificates.k8s.io", "v1"), []resource{
		cluster("CertificateSigningRequest", "certificatesigningrequests", part("approval"), status),
	}},
	{gv("coordination.k8s.io", "v1"), []resource{
		namespaced("Lease", "leases"),
	}},
	{gv("discovery.k8s.io", "v1"), []resource{
		namespaced("EndpointSlice", "endpointslices"),
	}},
	{gv("events.k8s.io", "v1"), []resource{
		namespaced("Event", "events"),
	}},
	{gv("flowcontrol.apiserver.k8s.io", "v1"), []resource{
		cluster("FlowSchema", "flowschemas", status),
		cluster("PriorityLevelConfiguration", "prioritylevelconfigurations", status),
	}},
	{gv("networking.k8s.io", "v1"), []resource{
		cluster("IngressClass", "ingressclasses"),
		namespaced("Ingress", "ingresses", status),
		cluster("IPAddress", "ipaddresses"),
		namespaced("NetworkPolicy", "networkpolicies"),
		cluster("ServiceCIDR", "servicecidrs", status),
	}},
	{gv("node.k8s.io", "v1"), []resource{
		cluster("RuntimeClass", "runtimeclasses"),
	}},
	{gv("policy", "v1"), []resource{
		namespaced("PodDisruptionBudget", "poddisruptionbudgets", status),
	}},
	{gv("rbac.authorization.k8s.io", "v1"), []resource{
		cluster("ClusterRoleBinding", "clusterrolebindings"),
		cluster("ClusterRole", "clusterroles"),
		namespaced("RoleBinding", "rolebindings"),
		namespaced("Role", "roles"),
	}},
	{gv("resource.k8s.io", "v1"), []resource{
		cluster("DeviceClass", "deviceclasses").returned(),
		namespaced("ResourceClaim", "resourceclaims", status).returned(),
		namespaced("ResourceClaimTemplate", "resourceclaimtemplates").returned(),
		cluster("ResourceSlice", "resourceslices").returned(),
	}},
	{gv("scheduling.k8s.io", "v1"), []resource{
		cluster("PriorityClass", "priorityclasses"),
	}},
	{gv("storage.k8s.io", "v1"), []resource{
		cluster("CSIDriver", "csidrivers").returned(),
		cluster("CSINode", "csinodes").returned(),
		namespaced("CSIStorageCapacity", "csistoragecapacities"),
		cluster("StorageClass", "storageclasses").returned(),
		cluster("VolumeAttachment", "volumeattachments", status).returned(),
		cluster("VolumeAttributesClass", "volumeattributesclasses").returned(),
	}},
}
