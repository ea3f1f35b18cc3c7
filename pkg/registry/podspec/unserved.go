package podspec

import corev1 "k8s.io/api/core/v1"

// DropUnserved takes out fields that the Go types have but that the API does not
// serve at its default settings. It runs on what clients send, not on what is
// stored.
func DropUnserved(s *corev1.PodSpec) {
	s.SchedulingGroup = nil
	for i := range s.InitContainers {
		dropStopSignal(&s.InitContainers[i])
	}
	for i := range s.Containers {
		dropStopSignal(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		dropStopSignal((*corev1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
	for i := range s.Volumes {
		if p := s.Volumes[i].Projected; p != nil {
			for j := range p.Sources {
				p.Sources[j].ClusterTrustBundle = nil
				p.Sources[j].PodCertificate = nil
			}
		}
	}
}

func dropStopSignal(c *corev1.Container) {
	l := c.Lifecycle
	if l == nil || l.StopSignal == nil {
		return
	}
	l.StopSignal = nil
	if l.PostStart == nil && l.PreStop == nil {
		c.Lifecycle = nil
	}
}
