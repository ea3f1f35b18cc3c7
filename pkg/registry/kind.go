package registry

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is what the Go type of every kind is.
type Object interface {
	metav1.Object
	runtime.Object
}

// User is who makes a request, as authentication found.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// Request is what a kind's functions may know of the request they work for.
type Request struct {
	User      User
	Namespace string
	Name      string
	Now       metav1.Time // the write's time, chosen once per request
	DryRun    bool
	// FieldManager is the name under which the write is recorded in
	// metadata.managedFields; "": it is not recorded.
	FieldManager string
}

// Kind describes a kind as data and a few functions. The zero value of every
// optional field means kube-apiserver's usual behaviour. T is a pointer type of
// k8s.io/api. The functions own the objects they are given for the length of the
// call; those that are not marked as mutating must leave them as they are. They
// are pure: the same input gives the same output.
type Kind[T Object] struct {
	// Group, Version and Kind are the stored form's, and served.
	Group   string // "" is the core group
	Version string
	Kind    string

	Resource   string // plural, lower case: "pods"
	Singular   string // default: Kind in lower case
	ShortNames []string
	Categories []string
	Namespaced bool

	// Prefix is the key prefix below /registry/, default Resource: "minions".
	Prefix string
	// Verbs is what discovery lists; default all eight of a stored resource.
	// A verb that is missing here is answered 405.
	Verbs []string
	// Also are further versions or groups under which the same stored objects
	// are served.
	Also []Served[T]

	// Fields are the selectable fields besides metadata.name and metadata.namespace.
	Fields []Field[T]
	// WatchField names the one of Fields that has event chains of its own in
	// the watch cache, because many watchers select by it: "spec.nodeName".
	WatchField string

	// Columns are the columns of kubectl get; none: Name and Created At. Cells
	// gives one value per column: a string, bool, integer, or an Age or
	// AgeText where the text depends on when it is read.
	Columns []Column
	Cells   func(T) []any
	// RowConditions mark rows in a table (a pod that has completed); nil: none.
	RowConditions func(T) []metav1.TableRowCondition

	// Default fills in what the client left out. It mutates its argument, runs
	// on every decoded body and on every object read from the store, and must
	// give the same result when it runs twice.
	Default func(T)
	// Prepare resets what a client may not set on create. It mutates.
	Prepare func(*Request, T)
	// PrepareUpdate carries over from old what an update may not change without
	// an error. It mutates obj.
	PrepareUpdate func(r *Request, obj, old T)
	// Validate returns what is wrong with the object itself; the generic object
	// metadata has been checked already.
	Validate func(T) field.ErrorList
	// ValidateUpdate returns what is wrong with the change; Validate runs too.
	ValidateUpdate func(obj, old T) field.ErrorList
	// Deprecated is a warning that goes with every answer, "" for none.
	Deprecated string
	// Warnings are sent to the client along with a success.
	Warnings func(T) []string
	// ValidateName checks metadata.name; prefix says that it is a generateName.
	// Default: DNS subdomain.
	ValidateName func(name string, prefix bool) []string

	// Spec returns the part whose change moves metadata.generation (a pointer or
	// comparable by equality.Semantic); nil: generation is not tracked.
	Spec func(T) any
	// Status returns a pointer to the status; nil: there is none and no /status.
	// The generic verbs drop it on create, keep the old one on update, and take
	// it alone on /status.
	Status func(T) any
	// KeepStatusOnCreate leaves the status of a create alone (Node).
	KeepStatusOnCreate bool
	// NoStatusSubresource has Status without serving /status.
	NoStatusSubresource bool
	// PrepareStatus adjusts a /status write after the generic part has put old's
	// spec into obj: which metadata may change with it. It mutates obj.
	PrepareStatus func(r *Request, obj, old T)
	// IgnoredByStatus are the paths ("spec", "metadata.labels") that a /status
	// write leaves alone whatever it sends, so that its client cannot own them;
	// nil: the spec.
	IgnoredByStatus []string
	// ValidateStatus returns what is wrong with a /status write.
	ValidateStatus func(obj, old T) field.ErrorList

	// AllowCreateOnUpdate lets PUT create.
	AllowCreateOnUpdate bool
	// RefuseUnconditionalUpdate demands a resourceVersion on PUT.
	RefuseUnconditionalUpdate bool
	// ReturnDeleted answers DELETE with the object instead of a Status.
	ReturnDeleted bool
	// OrphanByDefault orphans dependents when DELETE does not say (Job, RC).
	OrphanByDefault bool
	// NoGarbageCollection: DELETE never adds the garbage collector's finalizers (Event).
	NoGarbageCollection bool
	// GracePeriod returns the seconds that a delete leaves the object to its
	// agent; nil or 0: it goes at once. asked is the client's wish, nil for none.
	GracePeriod func(obj T, asked *int64) int64
	// BeforeDelete may refuse a delete with an API status error, or change the
	// object that stays behind when finalizers hold it (Namespace). It mutates.
	BeforeDelete func(*Request, T) error
	// Finalized reports whether the kind's own finalizers are gone, nil: it has none.
	Finalized func(T) bool
	// TTL is how long the object lives in the store, nil: for ever (Event).
	TTL func(T) time.Duration

	// Scale projects the kind on autoscaling/v1 Scale; nil: no /scale.
	Scale *Scale[T]
	// Parts are subresources that read and write a part of the object.
	Parts []Part[T]
	// Actions are subresources that take another kind by POST.
	Actions []Action[T]
	// Connects are subresources that lead to a running pod, node or service;
	// they need a kubelet or a network and answer so.
	Connects []Connect

	// Create makes the kind virtual: nothing is stored, POST answers what it
	// returns (TokenReview). Verbs is then {"create"}.
	Create func(context.Context, *Request, T) (T, error)
}

// Served is a further group, version and Go type under which a kind is served.
type Served[T Object] struct {
	Group, Version, Kind string
	// ToStored and FromStored convert; nil when the Go type is the same.
	ToStored   func(runtime.Object) (T, error)
	FromStored func(T) (runtime.Object, error)
	// Fields replaces the kind's selectable field labels: label -> stored label
	// ("regarding.name" -> "involvedObject.name"); nil: the same labels.
	Fields map[string]string
	// Columns and Cells of this version, nil: the kind's.
	Columns []Column
	Cells   func(T) []any
}

// Field is a selectable field.
type Field[T Object] struct {
	Name string
	Get  func(T) string
}

// Column is a column of kubectl get. Priority 1 shows with -o wide only.
// Type is an OpenAPI type, Format an OpenAPI format ("name" for the name).
type Column struct {
	Name, Type, Format, Description string
	Priority                        int32
}

// Age is a cell that shows how long ago a moment was, as kubectl writes it
// ("3d4h"); "<unknown>" for the zero time.
type Age struct{ Time metav1.Time }

// AgeText is a cell of text around an age: "3 (5m ago)".
type AgeText struct {
	Before string
	Time   metav1.Time
	After  string
}

// Part is a subresource whose body is the kind itself but of which a write
// changes one part only: ephemeralcontainers, finalize, resize, approval.
type Part[T Object] struct {
	Name  string
	Verbs []string // of get, patch, update
	// Owns are the only paths that a write can own, Ignored those that it cannot;
	// neither: it can own all that it sends. "*" in Owns is any item of a list.
	Owns, Ignored []string
	// Prepare leaves in obj what this subresource may change and takes the rest
	// from old. It mutates obj.
	Prepare  func(r *Request, obj, old T)
	Validate func(obj, old T) field.ErrorList
}

// Action is a subresource that takes a body of another kind by POST.
type Action[T Object] struct {
	Name string
	Kind schema.GroupVersionKind // of body and answer
	// Do does it. objects gives it the object that it acts on.
	Do func(ctx context.Context, r *Request, objects Acts[T], body runtime.Object) (runtime.Object, error)
}

// Acts is what an Action can do with its object.
type Acts[T Object] interface {
	// Get reads the object; a NotFound status error when there is none.
	Get(ctx context.Context) (T, error)
	// Update changes the object: change mutates its argument and is called
	// again on the fresh object after a conflict. It returns the object written.
	Update(ctx context.Context, change func(T) error) (T, error)
	// Delete deletes the object with opts.
	Delete(ctx context.Context, opts *metav1.DeleteOptions) error
}

// Connect is a subresource that streams to a pod, node or service.
type Connect struct {
	Name     string
	Kind     schema.GroupVersionKind // of its options in discovery, e.g. v1 PodExecOptions
	Verbs    []string                // of discovery: create, get, ...
	WithPath bool                    // a path may follow (proxy)
}

// Scale projects a kind on autoscaling/v1 Scale.
type Scale[T Object] struct {
	Replicas       func(T) int32
	SetReplicas    func(T, int32)
	StatusReplicas func(T) int32
	// Selector is the label selector in its text form.
	Selector func(T) string
}
