package flowcontrol

import (
	"fmt"
	"math"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/fill"
)

type level = flowcontrolv1.PriorityLevelConfiguration

const (
	maxQueues = 10_000_000
	// maxHashBits is how many bits of a flow's hash there are to deal a hand of
	// queues from.
	maxHashBits = 60
)

func priorityLevelConfigurations() *registry.Resource {
	limited, queuing := flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc(), flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()
	return registry.Define(registry.Kind[*level]{
		Group: group, Version: version, Kind: "PriorityLevelConfiguration",
		Resource: "prioritylevelconfigurations",
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Type", flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"]),
			columns.Text("NominalConcurrencyShares", limited["nominalConcurrencyShares"]),
			columns.Text("Queues", queuing["queues"]),
			columns.Text("HandSize", queuing["handSize"]),
			columns.Text("QueueLengthLimit", queuing["queueLengthLimit"]),
			columns.Age(),
		},
		Cells:           levelCells,
		Default:         defaultLevel,
		Validate:        validateLevel,
		Spec:            func(l *level) any { return &l.Spec },
		Status:          func(l *level) any { return &l.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *level) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
		ValidateStatus: func(obj, _ *level) field.ErrorList {
			path := field.NewPath("status", "conditions")
			var errs field.ErrorList
			seen := map[flowcontrolv1.PriorityLevelConfigurationConditionType]bool{}
			for i, c := range obj.Status.Conditions {
				errs = append(errs, conditionType(string(c.Type), seen[c.Type], path.Index(i))...)
				seen[c.Type] = true
			}
			return errs
		},
	})
}

func defaultLevel(l *level) {
	if e := l.Spec.Exempt; e != nil {
		fill.Pointer(&e.NominalConcurrencyShares, 0)
		fill.Pointer(&e.LendablePercent, 0)
	}
	if x := l.Spec.Limited; x != nil {
		fill.Pointer(&x.NominalConcurrencyShares, 30)
		fill.Pointer(&x.LendablePercent, 0)
		if q := x.LimitResponse.Queuing; q != nil {
			fill.Value(&q.HandSize, 8)
			fill.Value(&q.Queues, 64)
			fill.Value(&q.QueueLengthLimit, 50)
		}
	}
}

func levelCells(l *level) []any {
	shares, queues, hand, length := any(columns.None), any(columns.None), any(columns.None), any(columns.None)
	if x := l.Spec.Limited; x != nil {
		if x.NominalConcurrencyShares != nil {
			shares = int64(*x.NominalConcurrencyShares)
		}
		if q := x.LimitResponse.Queuing; q != nil {
			queues, hand, length = int64(q.Queues), int64(q.HandSize), int64(q.QueueLengthLimit)
		}
	}
	return []any{l.Name, string(l.Spec.Type), shares, queues, hand, length, columns.Created(l)}
}

func validateLevel(l *level) field.ErrorList {
	path, s := field.NewPath("spec"), &l.Spec
	switch s.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		var errs field.ErrorList
		if s.Limited != nil {
			errs = append(errs, field.Forbidden(path.Child("limited"), "must be nil if the type is Exempt"))
		}
		if e := s.Exempt; e != nil {
			errs = append(errs, validateShares(e.NominalConcurrencyShares, e.LendablePercent, path.Child("exempt"))...)
		}
		return errs
	case flowcontrolv1.PriorityLevelEnablementLimited:
		var errs field.ErrorList
		if s.Exempt != nil {
			errs = append(errs, field.Forbidden(path.Child("exempt"), "must be nil if the type is Limited"))
		}
		if s.Limited == nil {
			return append(errs, field.Required(path.Child("limited"), "must not be empty when type is Limited"))
		}
		return append(errs, validateLimited(s.Limited, path.Child("limited"))...)
	}
	return field.ErrorList{field.NotSupported(path.Child("type"), s.Type, []flowcontrolv1.PriorityLevelEnablement{
		flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited})}
}

func validateShares(shares, lendable *int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if shares != nil && *shares < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), *shares, "must be a non-negative integer"))
	}
	if lendable != nil && (*lendable < 0 || *lendable > 100) {
		errs = append(errs, field.Invalid(path.Child("lendablePercent"), *lendable, "must be between 0 and 100, inclusive"))
	}
	return errs
}

func validateLimited(l *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) field.ErrorList {
	errs := validateShares(l.NominalConcurrencyShares, l.LendablePercent, path)
	if b := l.BorrowingLimitPercent; b != nil && *b < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *b, "if specified, must be a non-negative integer"))
	}
	response, queuing := path.Child("limitResponse"), path.Child("limitResponse", "queuing")
	switch l.LimitResponse.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if l.LimitResponse.Queuing != nil {
			errs = append(errs, field.Forbidden(queuing, "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if l.LimitResponse.Queuing == nil {
			return append(errs, field.Required(queuing, "must not be empty if limited.limitResponse.type is Limited"))
		}
		errs = append(errs, validateQueuing(l.LimitResponse.Queuing, queuing)...)
	default:
		errs = append(errs, field.NotSupported(response.Child("type"), l.LimitResponse.Type, []flowcontrolv1.LimitResponseType{
			flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject}))
	}
	return errs
}

func validateQueuing(q *flowcontrolv1.QueuingConfiguration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	positive := func(name string, n int32) {
		if n <= 0 {
			errs = append(errs, field.Invalid(path.Child(name), n, "must be positive"))
		}
	}
	positive("queueLengthLimit", q.QueueLengthLimit)
	positive("queues", q.Queues)
	if q.Queues > maxQueues {
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	positive("handSize", q.HandSize)
	if q.HandSize > q.Queues {
		errs = append(errs, field.Invalid(path.Child("handSize"), q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	} else if q.HandSize > 0 && q.Queues > 0 {
		if bits := math.Ceil(math.Log2(float64(q.Queues)) * float64(q.HandSize)); bits > maxHashBits {
			errs = append(errs, field.Invalid(path.Child("handSize"), q.HandSize,
				fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxHashBits)))
		}
	}
	return errs
}
