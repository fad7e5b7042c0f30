package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// attack is one kind of hostile load. It runs in waves; each wave has its own clients.
type attack struct {
	name    string
	clients int
	client  func(*attacker)
	seen    seen
	active  atomic.Bool
}

// seen counts how the service reacted to the clients of an attack.
type seen struct {
	mutex                        sync.Mutex
	waves, connections, requests int
	cut                          int // connections that the service closed, or did not accept
	statuses                     map[int]int
}

func (s *seen) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var answers []string
	for _, status := range slices.Sorted(maps.Keys(s.statuses)) {
		answers = append(answers, fmt.Sprintf("%d: %d", status, s.statuses[status]))
	}
	return fmt.Sprintf("%d waves, %d connections (%d closed by the service), %d requests, answers %s",
		s.waves, s.connections, s.cut, s.requests, strings.Join(answers, ", "))
}

func (s *seen) add(counter *int, n int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	*counter += n
}

// attacker is one client in one wave of an attack. It ends with the wave, and all its connections with it.
type attacker struct {
	ctx     context.Context
	attack  *attack
	service *single
	chance  *rand.Rand
	number  int
	wave    int
}

// run lets all clients of the attack work until ctx is done.
func (a *attack) run(ctx context.Context, service *single, seed int64, number, wave int) {
	a.active.Store(true)
	defer a.active.Store(false)
	a.seen.add(&a.seen.waves, 1)
	var all sync.WaitGroup
	for i := range a.clients {
		client := &attacker{ctx: ctx, attack: a, service: service, number: i, wave: wave,
			chance: newChance(seed, uint64(number)<<40|uint64(wave)<<20|uint64(i))}
		all.Go(func() {
			client.pause(0, time.Second)
			for client.on() {
				a.client(client)
			}
		})
	}
	all.Wait()
}

func (a *attacker) on() bool { return a.ctx.Err() == nil }

// pause waits for a random time between least and most, or until the wave ends.
func (a *attacker) pause(least, most time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(least + time.Duration(a.chance.Int64N(int64(most-least)+1))):
	}
}

// connection belongs to an attacker. It resets every third connection at its end, and closes the others.
type connection struct {
	net.Conn
	attacker *attacker
	in       *bufio.Reader
	stop     func() bool // cancels the close at the end of the wave
}

func (c *connection) Close() error {
	c.stop()
	return c.Conn.Close()
}

// dial connects, or returns nil. A client that does not read gets a small receive buffer.
func (a *attacker) dial(reads bool) *connection {
	if !a.on() {
		return nil
	}
	seen := &a.attack.seen
	seen.add(&seen.connections, 1)
	dialer := net.Dialer{Timeout: 5 * time.Second}
	raw, err := dialer.DialContext(a.ctx, "tcp", a.service.address)
	if err != nil {
		if a.on() {
			seen.add(&seen.cut, 1)
			a.pause(100*time.Millisecond, time.Second)
		}
		return nil
	}
	if !reads {
		raw.(*net.TCPConn).SetReadBuffer(4096)
	}
	if a.chance.IntN(3) == 0 {
		raw.(*net.TCPConn).SetLinger(0)
	}
	stop := context.AfterFunc(a.ctx, func() { raw.Close() })
	return &connection{Conn: raw, attacker: a, in: bufio.NewReader(raw), stop: stop}
}

// send reports whether the text was written within three seconds.
func (c *connection) send(text string) bool {
	c.SetWriteDeadline(time.Now().Add(3 * time.Second))
	_, err := io.WriteString(c, text)
	return err == nil
}

// drip sends text byte by byte, until it is sent, or the service answers or closes the connection.
func (c *connection) drip(text string, least, most time.Duration) {
	c.SetReadDeadline(time.Time{})
	ended := make(chan struct{})
	go func() {
		c.in.Peek(1)
		close(ended)
	}()
	defer func() {
		c.SetReadDeadline(time.Now())
		<-ended
	}()
	for i := range len(text) {
		select {
		case <-ended:
			return
		default:
		}
		if !c.attacker.on() || !c.send(text[i:i+1]) {
			return
		}
		c.attacker.pause(least, most)
	}
}

// answer reads one answer at a rate in bytes a second (0 is unlimited) and returns its status. It returns 0 if the
// connection accepts no further request.
func (c *connection) answer(limit time.Duration, rate int) int {
	c.SetReadDeadline(time.Now().Add(limit))
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.noteEnd(err)
		return 0
	}
	c.attacker.noteAnswer(response)
	for n := int64(1); n > 0 && err == nil; {
		c.SetReadDeadline(time.Now().Add(limit))
		n, err = io.CopyN(io.Discard, response.Body, int64(max(rate/10, 4096)))
		if rate > 0 && err == nil {
			c.attacker.pause(100*time.Millisecond, 100*time.Millisecond)
		}
	}
	if err != io.EOF {
		c.noteEnd(err)
		return 0
	}
	if response.Close {
		return 0
	}
	return response.StatusCode
}

// hold waits until the service closes the connection or limit is over. It reads answers if reads is set.
func (c *connection) hold(limit time.Duration, reads bool) {
	if !reads {
		c.attacker.pause(limit, limit)
		return
	}
	for end := time.Now().Add(limit); time.Now().Before(end) && c.answer(time.Until(end), 0) != 0; {
	}
}

func (c *connection) noteEnd(err error) {
	if timeout, is := err.(net.Error); c.attacker.on() && !(is && timeout.Timeout()) {
		c.attacker.attack.seen.add(&c.attacker.attack.seen.cut, 1)
	}
}

// noteAnswer counts an answer, and records one that no caller may get, hostile or not.
func (a *attacker) noteAnswer(response *http.Response) {
	seen := &a.attack.seen
	seen.mutex.Lock()
	if seen.statuses == nil {
		seen.statuses = map[int]int{}
	}
	seen.statuses[response.StatusCode]++
	seen.mutex.Unlock()
	switch {
	case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "":
		a.service.wrong("%s: a 503 without Retry-After", a.attack.name)
	case response.StatusCode >= 500 && response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusNotImplemented:
		body, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		a.service.wrong("%s: a call was answered with %s: %s", a.attack.name, response.Status, body)
	}
}

// ask sends one request and reads its answer.
func (c *connection) ask(request string, rate int) int {
	c.attacker.count(1)
	if !c.send(request) {
		return 0
	}
	return c.answer(30*time.Second, rate)
}

func (a *attacker) count(requests int) { a.attack.seen.add(&a.attack.seen.requests, requests) }

// head is the beginning of a request; further headers may follow.
func head(method, path, token string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: x\r\n"
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	return head
}

func get(path, token string) string { return head("GET", path, token) + "\r\n" }

func post(path, token, body string, headers ...string) string {
	return head("POST", path, token) + strings.Join(append(headers, ""), "\r\n") +
		fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
