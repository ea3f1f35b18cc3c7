package fieldmanager

type rootPlan struct{}

func (m *Manager) newPlan() *rootPlan { return nil }
