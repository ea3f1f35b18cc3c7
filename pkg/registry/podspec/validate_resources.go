package podspec

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// resources checks what a container asks for and may use.
func (c *checker) resources(r *corev1.ResourceRequirements, at *field.Path) {
	if plainResources(r) {
		return
	}
	path := at.Child("resources")
	limits, requests := path.Child("limits"), path.Child("requests")
	computes, pages := false, false
	for _, name := range sortedKeys(r.Limits) {
		c.containerResource(limits.Key(string(name)), name, r.Limits[name])
		computes, pages = computes || isCompute(name), pages || isHugePage(name)
	}
	for _, name := range sortedKeys(r.Requests) {
		c.containerResource(requests.Key(string(name)), name, r.Requests[name])
		c.requestInLimit(r, name, limits, requests)
		computes, pages = computes || isCompute(name), pages || isHugePage(name)
	}
	if pages && !computes {
		c.forbidden(path, "HugePages require cpu or memory")
	}
	c.containerClaims(r.Claims, path)
}

// plainResources recognises what nearly every container has: amounts of the
// three common resources, requests within limits.
func plainResources(r *corev1.ResourceRequirements) bool {
	if len(r.Claims) > 0 {
		return false
	}
	for name, q := range r.Limits {
		if !isCommon(name) || q.Sign() < 0 {
			return false
		}
	}
	for name, q := range r.Requests {
		if !isCommon(name) || q.Sign() < 0 {
			return false
		}
		if limit, has := r.Limits[name]; has && q.Cmp(limit) > 0 {
			return false
		}
	}
	return true
}

func isCompute(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory
}

func isCommon(name corev1.ResourceName) bool {
	return isCompute(name) || name == corev1.ResourceEphemeralStorage
}

func (c *checker) containerResource(at *field.Path, name corev1.ResourceName, q resource.Quantity) {
	c.containerResourceName(at, name)
	c.addAll(corevalidation.ResourceQuantity(name, q, at))
	if isHugePage(name) && !wholePages(name, q) {
		c.invalid(at, q.String(), fmt.Sprintf("%s is not positive integer multiple of %s", q.String(), name))
	}
}

func wholePages(name corev1.ResourceName, q resource.Quantity) bool {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	return err == nil && size.Sign() > 0 && q.Value()%size.Value() == 0
}

func (c *checker) containerResourceName(at *field.Path, name corev1.ResourceName) {
	s := string(name)
	if msgs := validation.IsQualifiedName(s); len(msgs) > 0 {
		c.messages(at, name, msgs)
		return
	}
	switch {
	case strings.Contains(s, "/"):
		if !corevalidation.IsNativeResource(name) && !corevalidation.IsExtendedResource(name) {
			c.invalid(at, name, "doesn't follow extended resource name standard")
		}
	case isCommon(name), isHugePage(name):
	default:
		if !slices.Contains(quotaResources, name) {
			c.invalid(at, name, "must be a standard resource type or fully qualified")
		}
		c.invalid(at, name, "must be a standard resource for containers")
	}
}

// quotaResources are resources without a domain that only quotas know.
var quotaResources = []corev1.ResourceName{
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage,
	corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers,
	corev1.ResourceSecrets, corev1.ResourcePersistentVolumeClaims, corev1.ResourceConfigMaps,
	corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers,
	corev1.ResourceStorage, corev1.ResourceRequestsStorage,
}

// overcommit says of which resources more may be promised than there is.
func overcommit(name corev1.ResourceName) bool {
	return corevalidation.IsNativeResource(name) && !isHugePage(name)
}

func (c *checker) requestInLimit(r *corev1.ResourceRequirements, name corev1.ResourceName, limits, requests *field.Path) {
	request := r.Requests[name]
	limit, has := r.Limits[name]
	switch {
	case !has:
		if !overcommit(name) {
			c.required(limits, "Limit must be set for non overcommitable resources")
		}
	case !overcommit(name) && request.Cmp(limit) != 0:
		c.invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String()))
	case request.Cmp(limit) > 0:
		c.invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String()))
	}
}

func (c *checker) containerClaims(claims []corev1.ResourceClaim, path *field.Path) {
	type key struct{ name, request string }
	seen := map[key]bool{}
	for i, claim := range claims {
		at := path.Child("claims").Index(i)
		if claim.Name == "" {
			c.required(at, "")
			continue
		}
		// A claim named as a whole includes each of its requests.
		if seen[key{claim.Name, claim.Request}] || seen[key{claim.Name, ""}] || claim.Request == "" && seen[key{claim.Name, "*"}] {
			c.add(field.Duplicate(at, claim.Name))
		}
		seen[key{claim.Name, claim.Request}] = true
		seen[key{claim.Name, "*"}] = true
		if !c.claims.has(claim.Name) {
			err := field.NotFound(at, claim.Name)
			err.Detail = "must be one of the names in pod.spec.resourceClaims"
			if list := c.claimNames(); list == "" {
				err.Detail += " which is empty"
			} else {
				err.Detail += ": " + list
			}
			c.add(err)
		}
	}
}

func (c *checker) claimNames() string {
	var list []string
	for _, p := range c.spec.ResourceClaims {
		list = append(list, p.Name)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// resourceClaims checks the claims of the pod, and remembers their names.
func (c *checker) resourceClaims(path *field.Path) {
	for i, claim := range c.spec.ResourceClaims {
		at := path.Child("resourceClaims").Index(i)
		switch {
		case claim.Name == "":
			c.required(at.Child("name"), "")
		case !c.claims.add(claim.Name):
			c.add(field.Duplicate(at.Child("name"), claim.Name))
		default:
			c.label(at, "name", claim.Name)
		}
		if claim.ResourceClaimName != nil && claim.ResourceClaimTemplateName != nil {
			c.invalid(at, goNames{claim}, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
		}
		if claim.ResourceClaimName == nil && claim.ResourceClaimTemplateName == nil {
			c.invalid(at, goNames{claim}, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
		}
		if n := claim.ResourceClaimName; n != nil {
			c.subdomain(at, "resourceClaimName", *n)
		}
		if n := claim.ResourceClaimTemplateName; n != nil {
			c.subdomain(at, "resourceClaimTemplateName", *n)
		}
	}
}

// podResources checks resources that are stated for the pod as a whole.
func (c *checker) podResources(path *field.Path) {
	r := c.spec.Resources
	if r == nil {
		return
	}
	spec := path
	path = path.Child("resources")
	limits, requests := path.Child("limits"), path.Child("requests")
	if len(r.Claims) > 0 {
		c.forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level")
	}
	computes, pages := false, false
	for _, name := range sortedKeys(r.Limits) {
		c.podResource(limits, name, r.Limits[name])
		computes, pages = computes || isCompute(name), pages || isHugePage(name)
	}
	for _, name := range sortedKeys(r.Requests) {
		c.podResource(requests, name, r.Requests[name])
		c.requestInLimit(r, name, limits, requests)
		computes, pages = computes || isCompute(name), pages || isHugePage(name)
	}
	if pages && !computes {
		c.forbidden(path, "HugePages require cpu or memory")
	}
	c.podCoversContainers(r, spec, requests)
}

func (c *checker) podResource(list *field.Path, name corev1.ResourceName, q resource.Quantity) {
	at := list.Key(string(name))
	if !podLevelResource(name) {
		c.add(field.NotSupported(at, name, []string{"cpu", corev1.ResourceHugePagesPrefix, "memory"}))
	}
	c.addAll(corevalidation.NonNegativeQuantity(q, at))
	if isHugePage(name) && !wholePages(name, q) {
		c.invalid(at, q.String(), fmt.Sprintf("%s is not positive integer multiple of %s", q.String(), name))
	}
}

// podCoversContainers: a pod asks for what its containers ask for at least, and
// none of them may use more than the pod.
func (c *checker) podCoversContainers(r *corev1.ResourceRequirements, spec, requests *field.Path) {
	together := containerRequests(c.spec)
	for _, name := range sortedKeys(together) {
		sum := together[name]
		if q, has := r.Requests[name]; has && podLevelResource(name) && sum.Cmp(q) > 0 {
			c.invalid(requests.Key(string(name)), q.String(),
				"must be greater than or equal to aggregate container requests of "+sum.String())
		}
	}
	eachContainer(c.spec, spec, func(ctr *corev1.Container, at *field.Path) {
		for _, name := range sortedKeys(ctr.Resources.Limits) {
			q := ctr.Resources.Limits[name]
			if limit, has := r.Limits[name]; has && q.Cmp(limit) > 0 {
				c.invalid(at.Child("resources", "limits").Key(string(name)), q.String(),
					"must be less than or equal to pod limits of "+limit.String())
			}
		}
	})
}
