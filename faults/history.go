package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// call is a call of a client, retried until it is answered. Times are nanoseconds since the seed began.
type call struct {
	Client       int
	User         string
	Kind         string // append, read, view, truncate, or rejected for a truncation that changed nothing
	Conversation string
	Contents     []string // of an append, in order
	Index        int      // of an append: of its first message; of a truncation: of the first removed message
	Read         []string // what a read returned, from the first message; what a view returned, to the last message
	Count        int      // of a view: the number of all messages; of a truncation: of the removed ones, or unknown
	Invoked      int64
	Completed    int64 // 0 if it was never answered
	Attempts     int
}

// history records clients, listeners and faults of a seed.
type history struct {
	mutex      sync.Mutex
	began      time.Time
	Calls      []*call
	Sessions   map[string]string // of each conversation, as first answered
	Faults     []string
	Kinds      map[string]int
	Violations []string
	Events     map[string][]event
	Refused    int           // invalid inserts that were rejected
	Liveness   time.Duration // the slowest answer of a live replica
	lates      []time.Duration
	opened     int64 // when the service was first ready
}

// event is a message, or a truncation if it has From.
type event struct {
	Index   int    `json:"index"`
	Content string `json:"content"`
	From    *int   `json:"from,omitempty"`
}

func newHistory() *history {
	return &history{began: time.Now(), Sessions: map[string]string{}, Kinds: map[string]int{}, Events: map[string][]event{}}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

func (h *history) invoke(c *call) *call {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	c.Invoked = h.now()
	h.Calls = append(h.Calls, c)
	return c
}

func (h *history) complete(c *call) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	c.Completed = h.now()
}

func (h *history) violation(format string, values ...any) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.Violations = append(h.Violations, fmt.Sprintf("%.3f s: ", time.Since(h.began).Seconds())+fmt.Sprintf(format, values...))
}

func (h *history) fault(kind, detail string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.Kinds[kind]++
	h.Faults = append(h.Faults, fmt.Sprintf("%.3f s: %s %s", time.Since(h.began).Seconds(), kind, detail))
}

// session records the sessionId of an answer, which must not be blank or change.
func (h *history) session(conversation, session string) {
	h.mutex.Lock()
	first, known := h.Sessions[conversation]
	if !known {
		h.Sessions[conversation] = session
	}
	h.mutex.Unlock()
	if session == "" {
		h.violation("%s has no sessionId", conversation)
	} else if known && first != session {
		h.violation("the sessionId of %s was %s and is %s", conversation, first, session)
	}
}

func (h *history) event(conversation string, e event) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.Events[conversation] = append(h.Events[conversation], e)
}

// seen returns the messages that the listener of a conversation has, and what is wrong with its events.
func (h *history) seen(conversation string) (messages []string, wrong string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, e := range h.Events[conversation] {
		switch {
		case e.From != nil && *e.From > len(messages):
			return messages, fmt.Sprintf("a truncation from %d, of %d messages", *e.From, len(messages))
		case e.From != nil:
			messages = messages[:*e.From]
		case e.Index != len(messages):
			return messages, fmt.Sprintf("index %d, and %d was due", e.Index, len(messages))
		default:
			messages = append(messages, e.Content)
		}
	}
	return messages, ""
}

func (h *history) write(path string) error {
	text, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
