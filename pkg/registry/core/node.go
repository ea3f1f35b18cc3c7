package core

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// Labels that name a node's roles.
const (
	nodeRolePrefix = "node-role.kubernetes.io/"
	nodeRoleLabel  = "kubernetes.io/role"
)

// proxyVerbs are the verbs of a proxy subresource.
func proxyVerbs() []string { return []string{"create", "delete", "get", "patch", "update"} }

// Nodes is the Node kind. A kubelet registers its node along with its status.
func Nodes() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Node]{
		Version: "v1", Kind: "Node",
		Resource: "nodes", ShortNames: []string{"no"},
		Prefix: "minions",
		Fields: []registry.Field[*corev1.Node]{
			{Name: "spec.unschedulable", Get: func(n *corev1.Node) string { return strconv.FormatBool(n.Spec.Unschedulable) }},
		},
		Columns:            nodeColumns(),
		Cells:              nodeCells,
		Default:            defaultNode,
		Prepare:            func(_ *registry.Request, n *corev1.Node) { dropNodeConfig(n, nil) },
		PrepareUpdate:      func(_ *registry.Request, n, old *corev1.Node) { dropNodeConfig(n, old) },
		PrepareStatus:      func(_ *registry.Request, n, old *corev1.Node) { dropNodeConfig(n, old) },
		Validate:           validateNode,
		ValidateUpdate:     validateNodeUpdate,
		Status:             func(n *corev1.Node) any { return &n.Status },
		KeepStatusOnCreate: true,
		ValidateStatus:     func(n, _ *corev1.Node) field.ErrorList { return validateNodeStatus(n) },
		Connects: []registry.Connect{{
			Name: "proxy", Kind: schema.GroupVersionKind{Version: "v1", Kind: "NodeProxyOptions"},
			Verbs: proxyVerbs(), WithPath: true,
		}},
	})
}

func nodeColumns() []registry.Column {
	info := corev1.NodeSystemInfo{}.SwaggerDoc()
	addresses := corev1.NodeStatus{}.SwaggerDoc()["addresses"]
	return []registry.Column{columns.Name(),
		columns.Text("Status", "The status of the node"),
		columns.Text("Roles", "The roles of the node"),
		columns.Age(),
		columns.Text("Version", info["kubeletVersion"]),
		columns.Wide(columns.Text("Internal-IP", addresses)),
		columns.Wide(columns.Text("External-IP", addresses)),
		columns.Wide(columns.Text("OS-Image", info["osImage"])),
		columns.Wide(columns.Text("Kernel-Version", info["kernelVersion"])),
		columns.Wide(columns.Text("Container-Runtime", info["containerRuntimeVersion"])),
	}
}

func nodeCells(n *corev1.Node) []any {
	info := n.Status.NodeInfo
	kernel := info.KernelVersion
	if kernel != "" && info.Architecture != "" {
		kernel += " (" + info.Architecture + ")"
	}
	return []any{n.Name, nodeState(n), nodeRoles(n), columns.Created(n), info.KubeletVersion,
		nodeAddress(n, corev1.NodeInternalIP), nodeAddress(n, corev1.NodeExternalIP),
		orUnknown(info.OSImage), orUnknown(kernel), orUnknown(info.ContainerRuntimeVersion)}
}

func nodeState(n *corev1.Node) string {
	state := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		state = "NotReady"
		if c.Status == corev1.ConditionTrue {
			state = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		state += ",SchedulingDisabled"
	}
	return state
}

func nodeRoles(n *corev1.Node) string {
	var roles []string
	for k, v := range n.Labels {
		if role, ok := strings.CutPrefix(k, nodeRolePrefix); ok && role != "" {
			roles = append(roles, role)
		} else if k == nodeRoleLabel && v != "" {
			roles = append(roles, v)
		}
	}
	slices.Sort(roles)
	return columns.OrNone(strings.Join(slices.Compact(roles), ","))
}

func nodeAddress(n *corev1.Node, t corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == t {
			return a.Address
		}
	}
	return columns.None
}

func orUnknown(s string) string {
	if s == "" {
		return columns.Unknown
	}
	return s
}

// defaultNode makes podCIDR the first of podCIDRs, whichever was given (the
// former wins), and everything allocatable that nobody reserved.
func defaultNode(n *corev1.Node) {
	switch {
	case n.Spec.PodCIDR == "" && len(n.Spec.PodCIDRs) > 0:
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	case n.Spec.PodCIDR != "" && (len(n.Spec.PodCIDRs) == 0 || n.Spec.PodCIDRs[0] != n.Spec.PodCIDR):
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	}
	if n.Status.Allocatable == nil && len(n.Status.Capacity) > 0 {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}

// dropNodeConfig drops what configured kubelets dynamically, which is gone from
// the API, unless the old node has it.
func dropNodeConfig(n, old *corev1.Node) {
	if old == nil || old.Spec.ConfigSource == nil {
		n.Spec.ConfigSource = nil
	}
	if old == nil || old.Status.Config == nil {
		n.Status.Config = nil
	}
}

func validateNode(n *corev1.Node) field.ErrorList {
	errs := corevalidation.Taints(n.Spec.Taints, field.NewPath("metadata", "taints"))
	errs = append(errs, validateNodeStatus(n)...)
	path := field.NewPath("spec", "podCIDRs")
	for i, cidr := range n.Spec.PodCIDRs {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Index(i), cidr, true, nil)...)
	}
	if len(errs) == 0 && !oneOfEachFamily(n.Spec.PodCIDRs) {
		errs = append(errs, field.Invalid(path, n.Spec.PodCIDRs, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

// oneOfEachFamily reports whether no two addresses or networks are of one family.
func oneOfEachFamily(all []string) bool {
	v4, v6 := 0, 0
	for _, a := range all {
		if strings.Contains(a, ":") {
			v6++
		} else {
			v4++
		}
	}
	return v4 <= 1 && v6 <= 1
}

func validateNodeStatus(n *corev1.Node) (errs field.ErrorList) {
	status := field.NewPath("status")
	for _, l := range []struct {
		name string
		list corev1.ResourceList
	}{{"capacity", n.Status.Capacity}, {"allocatable", n.Status.Allocatable}} {
		for _, name := range slices.Sorted(maps.Keys(l.list)) {
			errs = append(errs, corevalidation.ResourceQuantity(name, l.list[name], status.Child(l.name, string(name)))...)
		}
	}
	for i, a := range n.Status.Addresses {
		if slices.Contains(n.Status.Addresses[:i], a) {
			errs = append(errs, field.Duplicate(status.Child("addresses").Index(i), a))
		}
	}
	for i, f := range n.Status.DeclaredFeatures {
		at := status.Child("declaredFeatures").Index(i)
		switch {
		case i == 0 || f > n.Status.DeclaredFeatures[i-1]:
		case f == n.Status.DeclaredFeatures[i-1]:
			errs = append(errs, field.Duplicate(at, f))
		default:
			errs = append(errs, field.Invalid(at, f, "list must be sorted alphabetically"))
		}
	}
	return errs
}

// validateNodeUpdate checks the taints a second time, as kube-apiserver does:
// the causes that clients get list them twice.
func validateNodeUpdate(obj, old *corev1.Node) (errs field.ErrorList) {
	spec := field.NewPath("spec")
	if len(old.Spec.PodCIDRs) > 0 && !slices.Equal(obj.Spec.PodCIDRs, old.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(spec.Child("podCIDRs"), `node updates may not change podCIDR except from "" to valid`))
	}
	if old.Spec.ProviderID != "" && obj.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(spec.Child("providerID"), `node updates may not change providerID except from "" to valid`))
	}
	errs = append(errs, corevalidation.Taints(obj.Spec.Taints, field.NewPath("metadata", "taints"))...)
	if obj.Spec.DoNotUseExternalID != old.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(field.NewPath(""),
			"node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)"))
	}
	return errs
}
