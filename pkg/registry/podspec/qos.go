package podspec

import corev1 "k8s.io/api/core/v1"

// QOSClass is how well a pod is served when its node runs short: Guaranteed when
// it is given all that it may use of processor and memory, BestEffort when it
// asked for nothing, Burstable otherwise.
func QOSClass(s *corev1.PodSpec) corev1.PodQOSClass {
	var t qosTally
	t.guaranteed = true
	if r := s.Resources; r != nil && (len(r.Limits) > 0 || len(r.Requests) > 0) {
		t.take(r) // what the pod states as a whole stands for its containers
	} else {
		for i := range s.Containers {
			t.take(&s.Containers[i].Resources)
		}
		for i := range s.InitContainers {
			t.take(&s.InitContainers[i].Resources)
		}
	}
	switch {
	case !t.any:
		return corev1.PodQOSBestEffort
	case t.guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

type qosTally struct{ any, guaranteed bool }

func (t *qosTally) take(r *corev1.ResourceRequirements) {
	for _, name := range [...]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, limit := r.Requests[name], r.Limits[name]
		if !request.IsZero() || !limit.IsZero() {
			t.any = true
		}
		if limit.IsZero() || request.Cmp(limit) != 0 {
			t.guaranteed = false
		}
	}
}
