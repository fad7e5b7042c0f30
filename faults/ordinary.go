package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	ordinaryCallers  = 8
	ordinaryPause    = 250 * time.Millisecond // average between two calls of a caller
	ordinaryTimeout  = 10 * time.Second
	ordinaryRetries  = 2
	ordinaryMessages = 30 // in a conversation; then the caller starts a new one
	ordinaryKept     = 8  // conversations; then the caller deletes the oldest
)

// ordinary is a caller that follows the protocol: one call after the other, with pauses. It retries a 503 after its
// Retry-After, twice at most.
type ordinary struct {
	s             *single
	name, token   string
	chance        *rand.Rand
	http          *http.Client
	conversations []*conversation
	results       *results
}

// conversation is what its caller got acknowledged.
type conversation struct {
	id        string
	messages  map[int]string
	unsure    map[string]bool // contents of failed calls, which may be stored or not
	sent      int
	deleted   bool
	uncertain bool // whether a deletion failed, so the conversation may exist or not
}

// results counts the calls of all ordinary callers.
type results struct {
	mutex          sync.Mutex
	calls, retried int
	failures       map[string]int
	rejections     int // answers with 503
	took           []time.Duration
	firstFailures  []string
	start          time.Time
}

func newResults() *results { return &results{failures: map[string]int{}, start: time.Now()} }

func (r *results) success() float64 {
	failed := 0
	for _, n := range r.failures {
		failed += n
	}
	return 1 - float64(failed)/float64(max(1, r.calls))
}

func (r *results) String() string {
	slices.Sort(r.took)
	return fmt.Sprintf("%d calls, %d of them after a retry, %d failed %v; median %.0f ms, p99 %.0f ms, longest %.1f s",
		r.calls, r.retried, sum(r.failures), r.failures, ms(percentile(r.took, .5)), ms(percentile(r.took, .99)),
		percentile(r.took, 1).Seconds())
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

func newOrdinary(s *single, seed int64, n int) *ordinary {
	name := fmt.Sprintf("ordinary-%d", n)
	return &ordinary{s: s, name: name, token: token(name), chance: newChance(seed, uint64(1000+n)),
		http: &http.Client{Timeout: ordinaryTimeout, Transport: &http.Transport{}}}
}

// call makes a call, with retries, and reports whether its status is one of wanted.
func (o *ordinary) call(method, path, body string, wanted ...int) (answer, bool) {
	key := fmt.Sprintf("%s-%d", o.name, o.chance.Int64())
	began := time.Now()
	var a answer
	var problem string
	attempt := 0
	for ; attempt <= ordinaryRetries; attempt++ {
		var wait time.Duration
		a, wait, problem = o.attempt(method, path, body, key)
		if a.status != http.StatusServiceUnavailable || wait == 0 {
			break
		}
		if attempt < ordinaryRetries {
			time.Sleep(wait)
		}
	}
	ok := slices.Contains(wanted, a.status) || method == http.MethodDelete && attempt > 0 && a.status == http.StatusNotFound
	o.note(method+" "+path, attempt, time.Since(began), ok, a, problem)
	return a, ok
}

// attempt returns the time of Retry-After, or 0.
func (o *ordinary) attempt(method, path, body, key string) (answer, time.Duration, string) {
	request, err := http.NewRequest(method, o.s.service.url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+o.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header["Idempotency-Key"] = nil // lets Go retry a call if the service has closed its idle connection
	if method == http.MethodPost {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := o.http.Do(request)
	if err != nil {
		return answer{}, 0, err.Error()
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}, 0, err.Error()
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	if a.status == http.StatusServiceUnavailable {
		o.results.mutex.Lock()
		o.results.rejections++
		o.results.mutex.Unlock()
	}
	return a, time.Duration(seconds) * time.Second, ""
}

func (o *ordinary) note(call string, retries int, took time.Duration, ok bool, a answer, problem string) {
	r := o.results
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls++
	r.took = append(r.took, took)
	if ok {
		if retries > 0 {
			r.retried++
		}
		return
	}
	kind := fmt.Sprint(a.status)
	if a.status == 0 {
		kind = "no answer"
	}
	r.failures[kind]++
	if len(r.firstFailures) < 10 {
		r.firstFailures = append(r.firstFailures, fmt.Sprintf("%.1f s: %s after %.1f s: %d %.300s%s",
			time.Since(r.start).Seconds(), call, took.Seconds(), a.status, a.body, problem))
	}
}

// work makes calls until ctx is done.
func (o *ordinary) work(ctx context.Context) {
	for ctx.Err() == nil {
		o.next()
		select {
		case <-ctx.Done():
		case <-time.After(ordinaryPause/2 + time.Duration(o.chance.Int64N(int64(ordinaryPause)))):
		}
	}
	o.http.CloseIdleConnections()
}

func (o *ordinary) next() {
	live := o.live()
	if len(live) == 0 || live[len(live)-1].sent >= ordinaryMessages {
		o.start()
		return
	}
	if len(live) > ordinaryKept {
		o.delete(live[0])
		return
	}
	c := live[o.chance.IntN(len(live))]
	switch o.chance.IntN(10) {
	case 0, 1:
		o.get(c, "/api/conversation/"+c.id)
	case 2:
		o.get(c, fmt.Sprintf("/api/conversation/%s/messages?limit=%d", c.id, 1+o.chance.IntN(20)))
	case 3:
		o.list()
	case 4:
		o.call("PATCH", "/api/conversation/"+c.id, fmt.Sprintf(`{"title":"Title %d"}`, o.chance.IntN(1000)), 200)
	default:
		o.append(live[len(live)-1])
	}
}

func (o *ordinary) live() []*conversation {
	return slices.DeleteFunc(slices.Clone(o.conversations), func(c *conversation) bool { return c.deleted || c.uncertain })
}

func (o *ordinary) start() {
	content := "first of " + o.name
	a, ok := o.call("POST", "/api/conversation/start", `{"messages":[{"content":"`+content+`"}]}`, 201)
	var started struct{ ConversationId, SessionId string }
	if !ok {
		return
	}
	if err := json.Unmarshal(a.body, &started); err != nil || started.ConversationId == "" || started.SessionId == "" {
		o.s.wrong("a start was answered with %s", a.body)
		return
	}
	o.conversations = append(o.conversations, &conversation{id: started.ConversationId,
		messages: map[int]string{0: content}, unsure: map[string]bool{}})
}

func (o *ordinary) append(c *conversation) {
	c.sent++
	content := fmt.Sprintf("%d of %s", c.sent, o.name)
	a, ok := o.call("POST", "/api/conversation/"+c.id+"/message", `{"content":"`+content+`"}`, 200)
	if !ok {
		c.unsure[content] = true
		return
	}
	var sent struct{ Message struct{ Index *int } }
	if err := json.Unmarshal(a.body, &sent); err != nil || sent.Message.Index == nil {
		o.s.wrong("an append was answered with %s", a.body)
		return
	}
	c.messages[*sent.Message.Index] = content
}

// get compares what it reads with the acknowledged messages.
func (o *ordinary) get(c *conversation, path string) {
	a, ok := o.call("GET", path, "", 200)
	if !ok {
		return
	}
	var page struct{ Messages, Data []event }
	if err := json.Unmarshal(a.body, &page); err != nil {
		o.s.wrong("%s was answered with %s", path, a.body)
		return
	}
	newest := -1
	for _, m := range append(page.Messages, page.Data...) {
		o.compare(c, m)
		newest = m.Index
	}
	for index := range c.messages {
		if index > newest {
			o.s.wrong("%s does not show the acknowledged message %d", path, index)
			return
		}
	}
}

func (o *ordinary) compare(c *conversation, m event) {
	if content, known := c.messages[m.Index]; known && content != m.Content {
		o.s.wrong("message %d of %s is %q, but %q was acknowledged", m.Index, c.id, m.Content, content)
	} else if !known && !c.unsure[m.Content] {
		o.s.wrong("message %d of %s is %q, which nobody sent", m.Index, c.id, m.Content)
	}
}

func (o *ordinary) list() {
	a, ok := o.call("GET", "/api/conversation?limit=20", "", 200)
	if !ok {
		return
	}
	var page struct {
		Data []struct{ ConversationId, UserId string }
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		o.s.wrong("a list was answered with %s", a.body)
	}
	for _, listed := range page.Data {
		if listed.UserId != o.name {
			o.s.wrong("%s is listed for %s", listed.ConversationId, o.name)
		}
	}
}

func (o *ordinary) delete(c *conversation) {
	_, ok := o.call("DELETE", "/api/conversation/"+c.id, "", 204)
	c.deleted, c.uncertain = ok, !ok
}

// check compares all stored messages with the acknowledged ones, and counts these.
func (o *ordinary) check() (acknowledged int) {
	for _, c := range o.conversations {
		if c.uncertain {
			continue
		}
		found := o.readAll(c)
		if c.deleted {
			if found != nil {
				o.s.wrong("%s exists, although its deletion was acknowledged", c.id)
			}
			continue
		}
		for index := range c.messages {
			acknowledged++
			if _, there := found[index]; !there {
				o.s.wrong("message %d of %s was acknowledged and is missing", index, c.id)
			}
		}
	}
	return acknowledged
}

// readAll reads all messages of a conversation; nil if it does not exist.
func (o *ordinary) readAll(c *conversation) map[int]string {
	found := map[int]string{}
	for {
		a, ok := o.call("GET", fmt.Sprintf("/api/conversation/%s/messages?limit=100&after=%d", c.id, len(found)-1), "", 200, 404)
		var page struct {
			Data    []event
			HasMore bool
		}
		if !ok || a.status == http.StatusOK && json.Unmarshal(a.body, &page) != nil {
			o.s.wrong("%s cannot be read: %d %s", c.id, a.status, a.body)
			return nil
		}
		if a.status == http.StatusNotFound {
			return nil
		}
		for _, m := range page.Data {
			o.compare(c, m)
			found[m.Index] = m.Content
		}
		if !page.HasMore {
			return found
		}
	}
}
