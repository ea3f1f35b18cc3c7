package consensus

import "errors"

var (
	// ErrNoLeader is returned by Propose and ReadIndex when no leader is known:
	// nothing was proposed or read.
	ErrNoLeader = errors.New("no leader")
	// ErrStopped is returned by Propose and ReadIndex once Run has ended, is
	// ending, or has failed.
	ErrStopped = errors.New("the member has stopped")
	// ErrTooLarge is returned by Propose when data exceeds Config.MaxEntrySize.
	ErrTooLarge = errors.New("the proposal is too large")
	// ErrEmpty is returned by Propose without data: such entries are raft's own.
	ErrEmpty = errors.New("the proposal is empty")
	// ErrForeign is returned by Open when the log belongs to another member or
	// cluster.
	ErrForeign = errors.New("the log belongs to another member")
	// ErrMismatch is returned by Open when log and state machine do not belong
	// together: one lacks what the other has confirmed.
	ErrMismatch = errors.New("log and state machine do not fit")
	// ErrRunning is returned by Run when it was called before.
	ErrRunning = errors.New("the member was started before")
	// ErrMessage is returned by Step for a message that no peer may send.
	ErrMessage = errors.New("message is not for a peer to send")
)
