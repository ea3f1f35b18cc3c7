package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// optimisticLock is what a client is told that wrote over a newer version.
var errOptimisticLock = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// storeError turns an error of the store or of a wait into an API status. Errors
// that are API statuses already pass.
func storeError(err error) error {
	var status apierrors.APIStatus
	var compacted *storage.CompactedError
	switch {
	case err == nil, errors.As(err, &status):
		return err
	case errors.As(err, &compacted):
		return apierrors.NewResourceExpired(fmt.Sprintf("The provided resource version %d is too old, the oldest that is kept is %d.", compacted.Requested, compacted.Compacted))
	case errors.Is(err, storage.ErrCompacted):
		return apierrors.NewResourceExpired("The provided resource version is too old.")
	case errors.Is(err, storage.ErrTooLarge):
		return apierrors.NewRequestEntityTooLargeError(err.Error())
	case errors.Is(err, storage.ErrUnknownOutcome):
		return apierrors.NewTimeoutError("the write timed out, it may or may not have taken effect", 0)
	case errors.Is(err, context.DeadlineExceeded):
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	case errors.Is(err, storage.ErrNoLeader):
		return statusError(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "this member has no leader, try again or try another member", 1)
	case errors.Is(err, storage.ErrNoSpace):
		return statusError(http.StatusInsufficientStorage, metav1.StatusReasonInternalError, "the database is full: delete what is not needed", 0)
	case errors.Is(err, storage.ErrStopped):
		return statusError(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "the server is shutting down", 1)
	case errors.Is(err, context.Canceled):
		return err
	}
	return apierrors.NewInternalError(err)
}

func statusError(code int32, reason metav1.StatusReason, message string, retryAfter int32) error {
	s := &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message}}
	if retryAfter > 0 {
		s.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	}
	return s
}

// PlainError is an error without a reason: HTTP 500, as kube-apiserver answers
// where its own code returns a bare error.
func PlainError(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: message}}
}

// futureRevision is the answer to a read at a version that does not exist yet.
func futureRevision(asked, current int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", asked, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}

func uidPrecondition(gr schema.GroupResource, key, name string, asked, have string) error {
	return apierrors.NewConflict(gr, name, fmt.Errorf("StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in object meta: %s", key, asked, have))
}
