package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// strangers are attacks without a valid token. Half of the bodies are sent with one, since the service reads only those.
func strangers() []*attack {
	return []*attack{
		{name: "chunked bodies of 1 MB that stop", clients: 90, client: func(a *attacker) { a.bodyThatStops(true) }},
		{name: "bodies with a length that stop", clients: 90, client: func(a *attacker) { a.bodyThatStops(false) }},
		{name: "slow bodies", clients: 120, client: slowBody},
		{name: "unfinished heads of 19 KB", clients: 1500, client: unfinishedHead},
		{name: "slow heads", clients: 200, client: slowHead},
		{name: "idle connections", clients: 2000, client: idleConnection},
		{name: "pipelines whose answers nobody reads", clients: 50, client: pipeline},
		{name: "invented methods and rejected paths", clients: 4, client: invented},
		{name: "invalid tokens", clients: 8, client: garbageToken},
	}
}

// mallory names one of the hostile callers with a valid token.
func mallory(n int) string { return fmt.Sprintf("mallory-%d", n%hostileCallers) }

// anyToken returns a valid token, or none for every second client.
func (a *attacker) anyToken() string {
	if a.number%2 == 0 {
		return ""
	}
	return malloryToken(a.number / 2)
}

const bodySize = 1 << 20

func (a *attacker) bodyThatStops(chunked bool) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	a.count(1)
	request := head("POST", "/api/conversation/start", a.anyToken()) + "Content-Type: application/json\r\n"
	part := strings.Repeat(" ", bodySize/16)
	if chunked {
		request += "Transfer-Encoding: chunked\r\n\r\n"
		part = fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
	} else {
		request += fmt.Sprintf("Content-Length: %d\r\n\r\n", bodySize)
	}
	sent := c.send(request)
	for i := 0; i < 15 && sent; i++ {
		sent = c.send(part)
	}
	c.hold(25*time.Second, true)
	a.pause(100*time.Millisecond, time.Second)
}

func slowBody(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	a.count(1)
	if c.send(head("POST", "/api/conversation/start", a.anyToken()) + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n") {
		c.drip(strings.Repeat(" ", 1000), 50*time.Millisecond, 300*time.Millisecond)
		c.hold(time.Second, true)
	}
	a.pause(100*time.Millisecond, time.Second)
}

func unfinishedHead(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	header := "X-Long: " + strings.Repeat("a", 19_000)
	if a.number%4 == 0 {
		header = strings.Repeat("a:\r\n", 4_750) // more headers than the service accepts
	}
	c.send(head("GET", "/api/conversation", "") + header)
	c.hold(20*time.Second, true)
	a.pause(2*time.Second, 6*time.Second)
}

func slowHead(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	c.drip(head("GET", "/api/conversation", malloryToken(a.number))+"X-Long: "+strings.Repeat("a", 1000), 100*time.Millisecond, 400*time.Millisecond)
	c.hold(time.Second, true)
	a.pause(100*time.Millisecond, time.Second)
}

func idleConnection(a *attacker) {
	if c := a.dial(true); c != nil {
		defer c.Close()
		c.hold(time.Minute, true)
		a.pause(2*time.Second, 6*time.Second)
	}
}

func pipeline(a *attacker) {
	c := a.dial(false)
	if c == nil {
		return
	}
	defer c.Close()
	token := malloryToken(a.number)
	requests := []string{get("/q/metrics", ""), get("/q/openapi", ""), get("/api/conversation?limit=100", token),
		get("/api/conversation/"+largeId(a.number), token), get("/", "")}
	all := strings.Repeat(requests[a.number%len(requests)], 100)
	for i := 0; i < 20 && c.send(all); i++ {
		a.count(100)
	}
	c.hold(time.Duration(5+a.chance.IntN(20))*time.Second, false)
}

// invented sends many requests with invented names at once, and reads their answers.
func invented(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	const atOnce = 50
	for a.on() {
		var all strings.Builder
		for range atOnce {
			all.WriteString(a.inventedRequest())
		}
		a.count(atOnce)
		if !c.send(all.String()) {
			return
		}
		for range atOnce {
			if c.answer(30*time.Second, 0) == 0 {
				return
			}
		}
		a.pause(20*time.Millisecond, 80*time.Millisecond)
	}
}

func (a *attacker) inventedRequest() string {
	name := fmt.Sprintf("%x", a.chance.Uint64())
	switch a.chance.IntN(9) {
	case 0:
		return head("M"+name, "/api/conversation", "") + "\r\n"
	case 1:
		return head("M"+name, "/"+name, "") + "\r\n"
	case 2:
		return get("/"+name, "")
	case 3:
		return get("/api/"+name+";v="+name, "")
	case 4:
		return get("/api/conversation/"+name, malloryToken(a.number))
	case 5:
		return get("/api/conversation/%2e%2e/"+name, "")
	case 6:
		return get("/q/"+name+"/../metrics/"+name, "")
	case 7:
		return get("/api/session/"+name+"?"+name+"="+name, malloryToken(a.number))
	default:
		return head("OPTIONS", "/api/"+name, "") + "Origin: https://" + name + ".example\r\nAccess-Control-Request-Method: M" + name + "\r\n\r\n"
	}
}

func garbageToken(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	for range 50 {
		request := get("/api/conversation", a.garbage())
		if a.chance.IntN(4) == 0 {
			request = head("GET", "/api/conversation", "") + "Cookie: auth-token=" + a.garbage() + "\r\n\r\n"
		}
		if c.ask(request, 0) == 0 {
			return
		}
		a.pause(0, 20*time.Millisecond)
	}
}

func (a *attacker) garbage() string {
	encode := base64.RawURLEncoding.EncodeToString
	noise := make([]byte, 1+a.chance.IntN(4000))
	for i := range noise {
		noise[i] = byte(a.chance.Uint32())
	}
	valid := malloryToken(a.number)
	switch a.chance.IntN(7) {
	case 0:
		return encode(noise)
	case 1:
		return encode(noise) + "." + encode(noise[:len(noise)/2]) + "." + encode(noise[:len(noise)/4])
	case 2:
		return valid[:len(valid)-1-a.chance.IntN(len(valid)/2)]
	case 3:
		return encode([]byte(`{"alg":"none"}`)) + "." + strings.Split(valid, ".")[1] + "."
	case 4:
		return encode([]byte(`{"alg":"HS256","kid":"`+encode(noise)+`"}`)) + "." + strings.Split(valid, ".")[1] + "." + encode(noise[:1])
	case 5:
		return encode([]byte(strings.Repeat(`{"a":`, 500))) + "." + encode([]byte(strings.Repeat("[", 2000))) + "." + encode(noise[:1])
	default:
		return strings.Repeat(".", a.chance.IntN(2000)) + encode(noise[:1])
	}
}
