package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// defaultPodRequests completes the requests of a pod that states resources for
// itself as a whole: what its containers request together, else its own limit.
func defaultPodRequests(p *corev1.Pod) {
	r := p.Spec.Resources
	if r == nil {
		return
	}
	requests := r.Requests
	set := func(name corev1.ResourceName, l corev1.ResourceList) {
		if _, has := requests[name]; has || !podLevelResource(name) {
			return
		}
		if requests == nil {
			requests = corev1.ResourceList{}
		}
		requests[name] = l[name].DeepCopy()
	}
	together := containerRequests(&p.Spec)
	for name := range together {
		// Huge pages cannot be overcommitted: request is limit.
		if !isHugePage(name) {
			set(name, together)
		}
	}
	for name := range r.Limits {
		set(name, r.Limits)
	}
	r.Requests = requests
}

// podLevelResource says which resources a pod may state for itself as a whole.
func podLevelResource(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || isHugePage(name)
}

func isHugePage(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// containerRequests is what a pod's containers need at once, at most: the
// containers and sidecars together, or an init container beside the sidecars
// that started before it.
func containerRequests(s *corev1.PodSpec) corev1.ResourceList {
	sum, sidecars, init := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for i := range s.Containers {
		addAll(sum, s.Containers[i].Resources.Requests)
	}
	for i := range s.InitContainers {
		c := &s.InitContainers[i]
		if isSidecar(c) {
			addAll(sum, c.Resources.Requests)
			addAll(sidecars, c.Resources.Requests)
			atLeast(init, sidecars)
			continue
		}
		alone := c.Resources.Requests.DeepCopy()
		if alone == nil {
			alone = corev1.ResourceList{}
		}
		addAll(alone, sidecars)
		atLeast(init, alone)
	}
	atLeast(sum, init)
	return sum
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func addAll(to, l corev1.ResourceList) {
	for name, q := range l {
		sum := to[name].DeepCopy()
		sum.Add(q)
		if _, has := to[name]; !has {
			sum = q.DeepCopy()
		}
		to[name] = sum
	}
}

func atLeast(to, l corev1.ResourceList) {
	for name, q := range l {
		if have, has := to[name]; !has || have.Cmp(q) < 0 {
			to[name] = q.DeepCopy()
		}
	}
}
