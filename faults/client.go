package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	secret          = "a-secret-for-the-faults-of-32-bytes-or-more"
	requestTimeout  = 2 * time.Second // conversations.request.timeout
	slack           = 2 * time.Second // tolerance for the machine
	perConversation = 150
)

func token(user string, groups ...string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{"sub": user, "groups": append([]string{}, groups...), "exp": time.Now().Add(48 * time.Hour).Unix()})
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// user is a caller with two clients, and with a listener for each conversation.
type user struct {
	name  string
	token string
	count atomic.Int64 // messages sent so far; they determine the current conversation
}

func (u *user) conversation(seed int64) string {
	return fmt.Sprintf("s%d-%s-%d", seed, u.name, u.count.Load()/perConversation)
}

type answer struct {
	status int
	body   []byte
	tag    string // its ETag
}

// once makes one attempt at one replica. Without an answer, the status is 0.
func (s *seed) once(ctx context.Context, replica int, u *user, method, path, body, key string, headers ...string) answer {
	r := s.replicas[replica]
	upBefore, epoch := r.answers()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout+slack+2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+u.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if key != "" && s.defenceOff != "idempotency-key" {
		request.Header.Set("Idempotency-Key", key)
	}
	began := time.Now()
	response, err := s.http.Do(request)
	var a answer
	if err == nil {
		defer response.Body.Close()
		a.body, err = io.ReadAll(response.Body)
		if err == nil {
			a.status = response.StatusCode
			a.tag = response.Header.Get("ETag")
		}
	}
	took := time.Since(began)
	upAfter, epochAfter := r.answers()
	if took > requestTimeout+slack && upBefore && upAfter && epoch == epochAfter {
		s.history.violation("%s %s waited %s for its answer (%d) of a healthy replica", method, path, took.Round(time.Millisecond), a.status)
	}
	if a.status == 503 && (response.Header.Get("Retry-After") == "" || response.Header.Get("Content-Type") != "application/problem+json") {
		s.history.violation("a 503 without Retry-After, or not a problem document: %s", a.body)
	}
	if a.status == 500 {
		s.history.violation("%s %s was answered with 500: %s", method, path, a.body)
	}
	return a
}

// until retries a call, at both replicas in turn, until its status is one of wanted or the context is done.
func (s *seed) until(c *call, chance *rand.Rand, u *user, method, path, body, key string, wanted ...int) (answer, bool) {
	replica := chance.IntN(replicas)
	for s.ctx.Err() == nil {
		c.Attempts++
		a := s.once(s.ctx, replica, u, method, path, body, key)
		for _, status := range wanted {
			if a.status == status {
				return a, true
			}
		}
		if a.status != 0 && a.status < 500 && a.status != 409 {
			s.history.violation("%s %s was answered with %d: %s", method, path, a.status, a.body)
			return a, false
		}
		replica = (replica + 1) % replicas
		time.Sleep(time.Duration(30+chance.IntN(100)) * time.Millisecond)
	}
	return answer{}, false
}

// client appends and reads until the seed stops, and finishes the call that it has begun.
func (s *seed) client(number int, u *user) {
	chance := rand.New(rand.NewPCG(uint64(s.number), uint64(number)))
	for n := 0; !s.stopping.Load() && s.ctx.Err() == nil; n++ {
		conversation := u.conversation(s.number)
		switch chance.IntN(11) {
		case 0, 1:
			s.read(number, u, chance, conversation)
		case 2:
			s.change(number, u, chance, conversation)
		case 3:
			s.readOld(u, chance)
		default:
			contents := []string{fmt.Sprintf("%d-%d", number, n)}
			if chance.IntN(4) == 0 {
				contents = append(contents, contents[0]+"b", contents[0]+"c")
			}
			u.count.Add(int64(len(contents)))
			s.append(number, u, chance, conversation, contents)
		}
		time.Sleep(time.Duration(chance.IntN(30)) * time.Millisecond)
	}
}

func (s *seed) append(number int, u *user, chance *rand.Rand, conversation string, contents []string) {
	c := s.history.invoke(&call{Client: number, User: u.name, Kind: "append", Conversation: conversation, Contents: contents})
	path, body := "/message", `{"content":"`+contents[0]+`"}`
	if len(contents) > 1 {
		path, body = "/messages", `{"messages":[{"content":"`+strings.Join(contents, `"},{"content":"`)+`"}]}`
	}
	a, ok := s.until(c, chance, u, "POST", "/api/conversation/"+conversation+path, body, "key-"+contents[0], 200, 201)
	if !ok {
		return
	}
	var sent struct {
		SessionId string
		Message   *event
		Messages  []event
	}
	err := json.Unmarshal(a.body, &sent)
	if sent.Message != nil {
		sent.Messages = append(sent.Messages, *sent.Message)
	}
	if err != nil || len(sent.Messages) != len(contents) {
		s.history.violation("an append was answered with %s", a.body)
		return
	}
	c.Index = sent.Messages[0].Index
	for i, m := range sent.Messages {
		if m.Index != c.Index+i || m.Content != contents[i] {
			s.history.violation("an append of %v was answered with %s", contents, a.body)
		}
	}
	s.history.complete(c)
	s.history.session(conversation, sent.SessionId)
	s.follow(u, conversation)
}

// change views a conversation, and then changes the metadata of one of the newest messages. The last user truncates it there
// instead, unless somebody has changed it since.
func (s *seed) change(number int, u *user, chance *rand.Rand, conversation string) {
	c := s.history.invoke(&call{Client: number, User: u.name, Kind: "view", Conversation: conversation})
	a, ok := s.until(c, chance, u, "GET", "/api/conversation/"+conversation, "", "", 200, 404)
	if !ok {
		return
	}
	var view struct {
		Messages     []event
		MessageCount int
	}
	if a.status == 200 {
		if err := json.Unmarshal(a.body, &view); err != nil {
			s.history.violation("%s was answered with %s", conversation, a.body)
			return
		}
	}
	for _, m := range view.Messages {
		c.Read = append(c.Read, m.Content)
	}
	c.Count = view.MessageCount
	s.history.complete(c)
	index := c.Count - 1 - chance.IntN(3)
	if index < 0 {
		return
	}
	if u != s.users[users-1] {
		path := fmt.Sprintf("/api/conversation/%s/messages/%d", conversation, index)
		s.until(&call{}, chance, u, "PATCH", path, `{"metadata":{"rating":1}}`, "", 200)
		return
	}
	t := &call{Client: number, User: u.name, Kind: "truncate", Conversation: conversation, Index: index, Count: unknown}
	s.history.invoke(t)
	path := fmt.Sprintf("/api/conversation/%s/messages?from=%d", conversation, index)
	d := s.once(s.ctx, chance.IntN(replicas), u, "DELETE", path, "", "", "If-Match", a.tag)
	switch {
	case d.status == 200:
		var truncated struct{ Deleted, MessageCount int }
		if err := json.Unmarshal(d.body, &truncated); err != nil || truncated.MessageCount != index {
			s.history.violation("a truncation at %d was answered with %s", index, d.body)
		}
		t.Count = truncated.Deleted
	case d.status == 412 || d.status == 409:
		t.Kind = "rejected"
	case d.status != 0 && d.status < 500:
		s.history.violation("a truncation was answered with %d: %s", d.status, d.body)
	default: // it may still take effect
		return
	}
	s.history.complete(t)
}

// read reads the whole conversation by pages. A conversation that does not exist yet has no messages.
func (s *seed) read(number int, u *user, chance *rand.Rand, conversation string) {
	c := s.history.invoke(&call{Client: number, User: u.name, Kind: "read", Conversation: conversation})
	messages, ok := s.pages(c, u, chance, conversation)
	if ok {
		c.Read = messages
		s.history.complete(c)
	}
}

func (s *seed) pages(c *call, u *user, chance *rand.Rand, conversation string) ([]string, bool) {
	messages := []string{}
	for {
		path := fmt.Sprintf("/api/conversation/%s/messages?limit=100&after=%d", conversation, len(messages)-1)
		a, ok := s.until(c, chance, u, "GET", path, "", "", 200, 404)
		if !ok || a.status == 404 {
			return messages, ok
		}
		var page struct {
			Data    []event
			HasMore bool
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			s.history.violation("a page was answered with %s", a.body)
			return nil, false
		}
		for _, m := range page.Data {
			if m.Index != len(messages) {
				s.history.violation("a page of %s has index %d, and %d was due", conversation, m.Index, len(messages))
			}
			messages = append(messages, m.Content)
		}
		if !page.HasMore {
			return messages, true
		}
	}
}

// readOld reads a conversation that was broken before the replicas started.
func (s *seed) readOld(u *user, chance *rand.Rand) {
	conversation := oldId(u.name, chance.IntN(oldOfEach))
	a, ok := s.until(&call{}, chance, u, "GET", "/api/conversation/"+conversation, "", "", 200)
	if !ok {
		return
	}
	var view struct{ SessionId string }
	if err := json.Unmarshal(a.body, &view); err != nil {
		s.history.violation("%s was answered with %s", conversation, a.body)
		return
	}
	s.history.session(conversation, strings.TrimSpace(view.SessionId))
}

// follow listens to a conversation from its first message, unless somebody already does.
func (s *seed) follow(u *user, conversation string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.followed[conversation] {
		return
	}
	s.followed[conversation] = true
	s.history.mutex.Lock()
	s.history.Events[conversation] = nil
	s.history.mutex.Unlock()
	s.listeners.Add(1)
	go func() {
		defer s.listeners.Done()
		last := ""
		for replica := len(s.followed) % replicas; s.listening.Err() == nil; replica = (replica + 1) % replicas {
			last = s.listen(replica, u, conversation, last)
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// listen reads events until the stream ends or misses its heartbeats, and returns the id of the last event.
func (s *seed) listen(replica int, u *user, conversation, last string) string {
	ctx, cancel := context.WithCancel(s.listening)
	defer cancel()
	silence := time.AfterFunc(5*time.Second, cancel)
	defer silence.Stop()
	request, err := http.NewRequestWithContext(ctx, "GET", s.replicas[replica].url+"/api/conversation/"+conversation+"/events?after=-1", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+u.token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return last
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		if response.StatusCode < 500 {
			s.history.violation("the listener of %s was answered with %d", conversation, response.StatusCode)
		}
		return last
	}
	lines := bufio.NewReader(response.Body)
	id := last
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return last // an incomplete event does not count
		}
		silence.Reset(3 * time.Second)
		if found, isId := bytes.CutPrefix(line, []byte("id: ")); isId {
			id = string(bytes.TrimSpace(found))
		}
		if data, found := bytes.CutPrefix(line, []byte("data: ")); found {
			var e event
			if err := json.Unmarshal(data, &e); err != nil {
				s.history.violation("the listener of %s received %s", conversation, data)
				return last
			}
			s.history.event(conversation, e)
			last = id
		}
	}
}

// live probes liveness, and records the slowest answer of a healthy replica.
func (s *seed) live(replica int) {
	r := s.replicas[replica]
	for s.listening.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		up, epoch := r.answers()
		if !up || r.readySince.Load() != int64(epoch) {
			continue
		}
		began := time.Now()
		err := r.health(s.http, "live")
		took := time.Since(began)
		if upAfter, epochAfter := r.answers(); !upAfter || epochAfter != epoch {
			continue
		}
		if err != nil {
			s.history.violation("replica %d was healthy, but its liveness was not UP: %v", replica, err)
		}
		s.history.mutex.Lock()
		s.history.Liveness = max(s.history.Liveness, took)
		s.history.lates = append(s.history.lates, took)
		s.history.mutex.Unlock()
	}
}
