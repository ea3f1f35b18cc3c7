package rest

import (
	"mime"
	"net/http"
	"sort"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// medium is an encoding on the wire.
type medium uint8

const (
	mediumJSON medium = iota
	mediumYAML
	mediumProtobuf
)

var mediaTypes = [...]string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}

func (m medium) String() string { return mediaTypes[m] }

// shape is what an object is turned into before it is encoded.
type shape uint8

const (
	shapeObject shape = iota
	shapeTable
	shapePartial     // PartialObjectMetadata
	shapePartialList // PartialObjectMetadataList
)

// negotiated is the outcome of the Accept header.
type negotiated struct {
	medium  medium
	shape   shape
	version string // of the shape's group meta.k8s.io: "v1" or "v1beta1"
	pretty  bool
}

// accepts names what the server can answer, for 406.
const (
	objectMedia = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
	watchMedia  = objectMedia + ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)

// maxAccept bounds the clauses of an Accept header that are looked at.
const maxAccept = 32

// negotiate picks the first clause of the Accept header, by quality, that can
// be served. known is false when no clause names a media type of this server.
func negotiate(r *http.Request, watch bool) (n negotiated, err error) {
	header := r.Header["Accept"]
	switch {
	case len(header) == 0, len(header) == 1 && (header[0] == "" || header[0] == "*/*" || header[0] == mediaTypes[mediumJSON]):
		n.pretty = wantsPretty(r)
		return n, nil
	case len(header) == 1 && header[0] == mediaTypes[mediumProtobuf]:
		n.medium = mediumProtobuf
		return n, nil
	}
	known := false
	for _, c := range parseAccept(strings.Join(header, ",")) {
		m, ok := mediumOf(c.media)
		if !ok || watch && m == mediumYAML {
			continue
		}
		known = true
		n := negotiated{medium: m}
		if !n.transform(c.params) {
			continue
		}
		n.pretty = m == mediumJSON && wantsPretty(r)
		return n, nil
	}
	switch {
	case known:
		return n, notAcceptable("only the following media types are accepted: "+objectMedia, nil)
	case watch:
		return n, notAcceptable("406: Not Acceptable\n\nAvailable representations: "+watchMedia, &metav1.StatusDetails{})
	}
	return n, notAcceptable("406: Not Acceptable\n\nAvailable representations: "+objectMedia, &metav1.StatusDetails{})
}

func mediumOf(media string) (medium, bool) {
	switch media {
	case "*/*":
		return mediumJSON, true
	case mediaTypes[mediumJSON], mediaTypes[mediumYAML], mediaTypes[mediumProtobuf]:
		for i, m := range mediaTypes {
			if m == media {
				return medium(i), true
			}
		}
	}
	return 0, false
}

// transform reads the as, g and v parameters. false: this clause asks for
// something that is not served.
func (n *negotiated) transform(params map[string]string) bool {
	as := params["as"]
	if as == "" {
		return true
	}
	n.version = params["v"]
	if params["g"] != metav1.GroupName || n.version != "v1" && n.version != "v1beta1" {
		return false
	}
	switch as {
	case "Table":
		n.shape = shapeTable
		return n.medium != mediumProtobuf
	case "PartialObjectMetadata":
		n.shape = shapePartial
	case "PartialObjectMetadataList":
		n.shape = shapePartialList
	default:
		return false
	}
	return true
}

type acceptClause struct {
	media   string
	params  map[string]string
	quality float64
}

// parseAccept reads an Accept header, best quality first, otherwise in order.
// Clauses that cannot be read are left out.
func parseAccept(header string) []acceptClause {
	var out []acceptClause
	for _, c := range strings.SplitN(header, ",", maxAccept) {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(c))
		if err != nil {
			continue
		}
		a := acceptClause{media: media, params: params, quality: 1}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			a.quality = q
		}
		out = append(out, a)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].quality > out[j].quality })
	return out
}

// wantsPretty says whether JSON is to be indented for a person.
func wantsPretty(r *http.Request) bool {
	if strings.Contains(r.URL.RawQuery, "pretty=") {
		v := r.URL.Query().Get("pretty")
		return v != "" && v != "false" && v != "0"
	}
	ua := r.UserAgent()
	return strings.HasPrefix(ua, "curl/") || strings.HasPrefix(ua, "Wget/") || strings.HasPrefix(ua, "Mozilla/5.0")
}

func notAcceptable(message string, details *metav1.StatusDetails) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusNotAcceptable,
		Reason: metav1.StatusReasonNotAcceptable, Message: message, Details: details}}
}

func unsupportedMediaType(accepted string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType,
		Reason:  metav1.StatusReasonUnsupportedMediaType,
		Message: "the body of the request was in an unknown format - accepted media types include: " + accepted}}
}

// bodyMedium is the encoding of a request body: JSON when nothing is said.
func bodyMedium(r *http.Request) (medium, error) {
	ct := r.Header.Get("Content-Type")
	switch ct {
	case "", mediaTypes[mediumJSON]:
		return mediumJSON, nil
	case mediaTypes[mediumProtobuf]:
		return mediumProtobuf, nil
	}
	media, _, err := mime.ParseMediaType(ct)
	if err == nil {
		if m, ok := mediumOf(media); ok && media != "*/*" {
			return m, nil
		}
	}
	return 0, unsupportedMediaType(objectMedia)
}
