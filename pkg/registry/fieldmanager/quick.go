package fieldmanager

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

func (m *Manager) createQuick(obj Object, manager string, now metav1.Time) bool       { return false }
func (m *Manager) updateQuick(live, obj Object, manager string, now metav1.Time) bool { return false }
