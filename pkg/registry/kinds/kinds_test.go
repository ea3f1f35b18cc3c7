package kinds

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/equality"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/binnacle-io/binnacle/api"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/authorization"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

var seed = flag.Int64("kinds.seed", 0, "seed of the random objects; 0: a new one")

// nobody is every dependency.
type nobody struct{}

func (nobody) AuthenticateToken(context.Context, string, []string) (registry.User, []string, bool, error) {
	return registry.User{}, nil, false, nil
}

func (nobody) Authorize(context.Context, *authorization.Attributes) (authorization.Decision, string, error) {
	return authorization.NoOpinion, "", nil
}

func (nobody) RulesFor(context.Context, registry.User, string) (authorization.Rules, error) {
	return authorization.Rules{}, nil
}

func everything() []*registry.Resource {
	return All(Deps{Authenticator: nobody{}, Authorizer: nobody{}, Rules: nobody{}})
}

// served is what discovery shows of the groups beside core and coordination: one
// line per resource, "*" for the eight verbs of a stored one.
const served = `
apps/v1 controllerrevisions ControllerRevision namespaced *
apps/v1 daemonsets DaemonSet namespaced * short=ds in=all sub=status
apps/v1 deployments Deployment namespaced * short=deploy in=all sub=scale,status
apps/v1 replicasets ReplicaSet namespaced * short=rs in=all sub=scale,status
apps/v1 statefulsets StatefulSet namespaced * short=sts in=all sub=scale,status
authentication.k8s.io/v1 selfsubjectreviews SelfSubjectReview cluster create
authentication.k8s.io/v1 tokenreviews TokenReview cluster create
authorization.k8s.io/v1 localsubjectaccessreviews LocalSubjectAccessReview namespaced create
authorization.k8s.io/v1 selfsubjectaccessreviews SelfSubjectAccessReview cluster create
authorization.k8s.io/v1 selfsubjectrulesreviews SelfSubjectRulesReview cluster create
authorization.k8s.io/v1 subjectaccessreviews SubjectAccessReview cluster create
autoscaling/v2,v1 horizontalpodautoscalers HorizontalPodAutoscaler namespaced * short=hpa in=all sub=status
batch/v1 cronjobs CronJob namespaced * short=cj in=all sub=status
batch/v1 jobs Job namespaced * in=all sub=status
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest cluster * short=csr sub=approval,status
networking.k8s.io/v1 ingressclasses IngressClass cluster *
networking.k8s.io/v1 ingresses Ingress namespaced * short=ing sub=status key=ingress
networking.k8s.io/v1 ipaddresses IPAddress cluster * short=ip
networking.k8s.io/v1 networkpolicies NetworkPolicy namespaced * short=netpol
networking.k8s.io/v1 servicecidrs ServiceCIDR cluster * sub=status
policy/v1 poddisruptionbudgets PodDisruptionBudget namespaced * short=pdb sub=status
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding cluster *
rbac.authorization.k8s.io/v1 clusterroles ClusterRole cluster *
rbac.authorization.k8s.io/v1 rolebindings RoleBinding namespaced *
rbac.authorization.k8s.io/v1 roles Role namespaced *
storage.k8s.io/v1 csidrivers CSIDriver cluster *
storage.k8s.io/v1 csinodes CSINode cluster *
storage.k8s.io/v1 csistoragecapacities CSIStorageCapacity namespaced *
storage.k8s.io/v1 storageclasses StorageClass cluster * short=sc
storage.k8s.io/v1 volumeattachments VolumeAttachment cluster * sub=status
storage.k8s.io/v1 volumeattributesclasses VolumeAttributesClass cluster * short=vac
admissionregistration.k8s.io/v1 mutatingadmissionpolicies MutatingAdmissionPolicy cluster * in=api-extensions
admissionregistration.k8s.io/v1 mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster * in=api-extensions
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration cluster * in=api-extensions
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy cluster * in=api-extensions sub=status
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster * in=api-extensions
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration cluster * in=api-extensions
scheduling.k8s.io/v1 priorityclasses PriorityClass cluster * short=pc
node.k8s.io/v1 runtimeclasses RuntimeClass cluster *
discovery.k8s.io/v1 endpointslices EndpointSlice namespaced *
resource.k8s.io/v1 deviceclasses DeviceClass cluster *
resource.k8s.io/v1 resourceclaims ResourceClaim namespaced * sub=status
resource.k8s.io/v1 resourceclaimtemplates ResourceClaimTemplate namespaced *
resource.k8s.io/v1 resourceslices ResourceSlice cluster *
flowcontrol.apiserver.k8s.io/v1 flowschemas FlowSchema cluster * sub=status
flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations PriorityLevelConfiguration cluster * sub=status
`

func TestServed(t *testing.T) {
	var lines []string
	for _, r := range everything() {
		if r.Group != "" && r.Group != "coordination.k8s.io" {
			lines = append(lines, line(r))
		}
	}
	want := strings.Split(strings.TrimSpace(served), "\n")
	for i := range max(len(lines), len(want)) {
		var got, exp string
		if i < len(lines) {
			got = lines[i]
		}
		if i < len(want) {
			exp = want[i]
		}
		if got != exp {
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, got, exp)
		}
	}
}

func line(r *registry.Resource) string {
	versions := r.Version
	for _, s := range r.Also {
		versions += "," + s.Version
	}
	scope := "cluster"
	if r.Namespaced {
		scope = "namespaced"
	}
	verbs := strings.Join(r.Verbs, ",")
	if verbs == "create,delete,deletecollection,get,list,patch,update,watch" {
		verbs = "*"
	}
	text := fmt.Sprintf("%s/%s %s %s %s %s", r.Group, versions, r.Resource, r.Kind.Kind, scope, verbs)
	if len(r.ShortNames) > 0 {
		text += " short=" + strings.Join(r.ShortNames, ",")
	}
	if len(r.Categories) > 0 {
		text += " in=" + strings.Join(r.Categories, ",")
	}
	if subs := subresources(r); len(subs) > 0 {
		text += " sub=" + strings.Join(subs, ",")
	}
	if r.Prefix != r.Resource {
		text += " key=" + r.Prefix
	}
	if r.Singular != strings.ToLower(r.Kind.Kind) {
		text += " one=" + r.Singular
	}
	return text
}

func subresources(r *registry.Resource) []string {
	var subs []string
	for _, p := range r.Parts {
		subs = append(subs, p.Name)
	}
	if r.Scale != nil {
		subs = append(subs, "scale")
	}
	if r.Status != nil && !r.NoStatusSubresource {
		subs = append(subs, "status")
	}
	return subs
}

func TestDepsLeftOut(t *testing.T) {
	var virtual []string
	for _, r := range All(Deps{}) {
		if r.Create != nil && r.Group != "" {
			virtual = append(virtual, r.Resource)
		}
	}
	if want := []string{"selfsubjectreviews"}; !slices.Equal(virtual, want) {
		t.Errorf("without dependencies: %v, want %v", virtual, want)
	}
}

// TestTable checks what must hold for every kind.
func TestTable(t *testing.T) {
	names, prefixes := map[string]bool{}, map[string]bool{}
	for _, r := range everything() {
		name := r.GroupResource().String()
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		if r.Create == nil && len(r.Verbs) > 0 && slices.Contains(r.Verbs, "watch") {
			if prefixes[r.Prefix] {
				t.Errorf("%s: the prefix %s is another's", name, r.Prefix)
			}
			prefixes[r.Prefix] = true
		}
		registered(t, r)
		if (r.Columns == nil) != (r.Cells == nil) {
			t.Errorf("%s: columns without cells or the reverse", name)
		}
		if r.WatchField != "" && !slices.ContainsFunc(r.Fields, func(f registry.Field[registry.Object]) bool { return f.Name == r.WatchField }) {
			t.Errorf("%s: the watch field %s is not selectable", name, r.WatchField)
		}
		for _, c := range r.Columns {
			if c.Name == "" || c.Type == "" {
				t.Errorf("%s: column %+v lacks a name or type", name, c)
			}
		}
	}
}

func registered(t *testing.T, r *registry.Resource) {
	t.Helper()
	o, err := api.Scheme().New(r.StoredKind())
	if err != nil {
		t.Error(err)
		return
	}
	if reflect.TypeOf(o) != reflect.TypeOf(r.New()) {
		t.Errorf("%s: the scheme has %T, the kind %T", r.Resource, o, r.New())
	}
	for _, s := range r.Also {
		gvk := r.StoredKind()
		gvk.Group, gvk.Version, gvk.Kind = s.Group, s.Version, s.Kind
		if !api.Scheme().Recognizes(gvk) {
			t.Errorf("%s: %s is not registered", r.Resource, gvk)
		}
	}
}

func filler(t *testing.T) *randfill.Filler {
	n := *seed
	if n == 0 {
		n = time.Now().UnixNano()
	}
	t.Logf("-kinds.seed=%d", n)
	return fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(n), serializer.NewCodecFactory(api.Scheme())).NilChance(0.4).NumElements(0, 3).MaxDepth(12)
}

const rounds = 15

// TestDefaultTwice checks that defaulting an object again changes nothing.
func TestDefaultTwice(t *testing.T) {
	f := filler(t)
	for _, r := range everything() {
		if r.Default == nil {
			continue
		}
		for range rounds {
			o := r.New()
			f.Fill(o)
			r.Default(o)
			again := o.DeepCopyObject().(registry.Object)
			r.Default(again)
			if !equality.Semantic.DeepEqual(o, again) {
				t.Fatalf("%s: defaulted twice is not defaulted once:\n%+v\n%+v", r.Resource, o, again)
			}
		}
	}
}

// TestAnyObject checks that no function of any kind panics on any object, and
// that those that only look change nothing.
func TestAnyObject(t *testing.T) {
	f := filler(t)
	for _, r := range everything() {
		for range rounds {
			obj, old := r.New(), r.New()
			f.Fill(obj)
			f.Fill(old)
			if r.Create == nil {
				anyObject(t, r, obj, old)
			}
		}
	}
}

func anyObject(t *testing.T, r *registry.Resource, obj, old registry.Object) {
	t.Helper()
	look := func(what string, do func()) {
		o, p := obj.DeepCopyObject(), old.DeepCopyObject()
		do()
		if !equality.Semantic.DeepEqual(o, obj) || !equality.Semantic.DeepEqual(p, old) {
			t.Fatalf("%s: %s changes its argument", r.Resource, what)
		}
	}
	if r.Default != nil {
		r.Default(obj)
		r.Default(old)
	}
	if r.Cells != nil {
		look("Cells", func() { r.Cells(obj) })
	}
	for _, field := range r.Fields {
		look(field.Name, func() { field.Get(obj) })
	}
	if r.Warnings != nil {
		look("Warnings", func() { r.Warnings(obj) })
	}
	if r.Validate != nil {
		look("Validate", func() { r.Validate(obj) })
	}
	if r.ValidateUpdate != nil {
		look("ValidateUpdate", func() { r.ValidateUpdate(obj, old) })
	}
	if r.ValidateStatus != nil {
		look("ValidateStatus", func() { r.ValidateStatus(obj, old) })
	}
	for _, s := range r.Also {
		if s.FromStored != nil {
			look("FromStored", func() {
				if _, err := s.FromStored(obj); err != nil {
					t.Fatalf("%s: %v", r.Resource, err)
				}
			})
		}
	}
	if s := r.Scale; s != nil {
		look("Scale", func() { s.Replicas(obj); s.StatusReplicas(obj); s.Selector(obj) })
	}
	look("Spec", func() { kindtest.Update(r, "", obj.DeepCopyObject().(registry.Object), old) })
	kindtest.Create(r, obj.DeepCopyObject().(registry.Object))
	if r.Status != nil {
		look("status", func() { kindtest.Update(r, "status", obj.DeepCopyObject().(registry.Object), old) })
	}
	for _, p := range r.Parts {
		look(p.Name, func() { kindtest.Update(r, p.Name, obj.DeepCopyObject().(registry.Object), old) })
	}
}
