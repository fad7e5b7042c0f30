package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

const (
	hostileCallers = 6 // with a valid token
	foreigner      = "mallory-foreign"
)

// withTokens are attacks by callers that have a valid token.
func withTokens() []*attack {
	return []*attack{
		{name: "conversations of 290 messages of 32 KiB", clients: 60, client: func(a *attacker) { a.readPages(largeId(a.number)) }},
		{name: "the same of NUL characters", clients: 60, client: func(a *attacker) { a.readPages(nulId(a.number)) }},
		{name: "exports read slowly or not at all", clients: 40, client: export},
		{name: "event streams that nobody reads", clients: 150, client: eventStream},
		{name: "one caller on all places", clients: 150, client: allPlaces},
		{name: "huge lists", clients: 100, client: hugeList},
		{name: "lists of metadata of 1 MiB that another program stored", clients: 4, client: func(a *attacker) { foreignData(a, "?limit=100") }},
		{name: "messages of 2 MiB that another program stored", clients: 30, client: foreignMessages},
		{name: "cursors nested deep", clients: 8, client: cursor},
		{name: "floods of idempotency keys", clients: 20, client: idempotencyKeys},
		{name: "appends of 32 KiB to one conversation", clients: 16, client: largeAppend},
	}
}

var malloryTokens = func() []string {
	var tokens []string
	for n := range hostileCallers {
		tokens = append(tokens, token(mallory(n)))
	}
	return tokens
}()

var foreignToken = token(foreigner)

func malloryToken(n int) string { return malloryTokens[n%hostileCallers] }

var largeContent = strings.Repeat("x", 32<<10)

// rate is how fast a client reads, in bytes a second: every third client reads slowly, the others without a limit (0).
func (a *attacker) rate() int {
	if a.chance.IntN(3) == 0 {
		return 40_000
	}
	return 0
}

// readPages reads a conversation or one of its pages. Every third client sends the request and does not read.
func (a *attacker) readPages(id string) {
	reads := a.chance.IntN(3) > 0
	c := a.dial(reads)
	if c == nil {
		return
	}
	defer c.Close()
	path := "/api/conversation/" + id
	switch a.chance.IntN(3) {
	case 0:
		path += "/messages?limit=100"
	case 1:
		path += fmt.Sprintf("/messages?limit=100&before=%d", a.chance.IntN(largeMessages))
	}
	request := get(path, malloryToken(a.number))
	if !reads {
		a.count(1)
		c.send(request)
		c.hold(time.Duration(5+a.chance.IntN(20))*time.Second, false)
		return
	}
	for rate := a.rate(); a.on() && c.ask(request, rate) != 0; {
		a.pause(100*time.Millisecond, time.Second)
	}
}

func export(a *attacker) {
	reads := a.chance.IntN(2) == 0
	c := a.dial(reads)
	if c == nil {
		return
	}
	defer c.Close()
	request := get("/api/conversation/"+exportId+"/export", malloryToken(0))
	if reads {
		c.ask(request, 40_000)
	} else {
		a.count(1)
		c.send(request)
		c.hold(time.Duration(5+a.chance.IntN(40))*time.Second, false)
	}
	a.pause(100*time.Millisecond, time.Second)
}

// eventStream requests all events of a large conversation, and reads the first one at most.
func eventStream(a *attacker) {
	if a.number == 0 { // so that there are new events too
		largeAppendTo(a, largeId(a.chance.IntN(hostileCallers)))
		a.pause(500*time.Millisecond, time.Second)
		return
	}
	c := a.dial(false)
	if c == nil {
		return
	}
	defer c.Close()
	a.count(1)
	c.send(get("/api/conversation/"+largeId(a.number)+"/events?after=-1", malloryToken(a.number)))
	if a.chance.IntN(3) == 0 {
		c.answer(30*time.Second, 40_000)
	} else {
		c.hold(time.Duration(5+a.chance.IntN(40))*time.Second, false)
	}
	a.pause(100*time.Millisecond, time.Second)
}

func allPlaces(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	token := malloryToken(a.wave)
	for a.on() {
		request := get("/api/conversation?limit=100", token)
		switch a.chance.IntN(3) {
		case 0:
			request = get("/api/conversation/"+largeId(a.wave), token)
		case 1:
			request = post("/api/conversation/places-"+mallory(a.wave)+fmt.Sprint(a.number)+"/message", token, hello)
		}
		if c.ask(request, 0) == 0 {
			return
		}
		a.pause(0, 20*time.Millisecond)
	}
}

func hugeList(a *attacker) {
	reads := a.chance.IntN(3) > 0
	c := a.dial(reads)
	if c == nil {
		return
	}
	defer c.Close()
	request := get("/api/conversation?limit=100", malloryToken(a.number%listOwners))
	if !reads {
		a.count(20)
		c.send(strings.Repeat(request, 20))
		c.hold(time.Duration(5+a.chance.IntN(20))*time.Second, false)
		return
	}
	for rate := a.rate(); a.on() && c.ask(request, rate) != 0; {
		a.pause(50*time.Millisecond, 500*time.Millisecond)
	}
}

func foreignMessages(a *attacker) {
	path := fmt.Sprintf("/foreign-%d", a.chance.IntN(foreignLength))
	foreignData(a, path+[]string{"", "/messages?limit=100", "/export", "/events?after=-1"}[a.chance.IntN(4)])
}

func foreignData(a *attacker, path string) {
	if c := a.dial(true); c != nil {
		defer c.Close()
		c.ask(get("/api/conversation"+path, foreignToken), 0)
		a.pause(100*time.Millisecond, time.Second)
	}
}

func cursor(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	for range 20 {
		depth := 1 + a.chance.IntN(1500)
		place := `{"u":` + strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) + `,"i":1}`
		switch a.chance.IntN(5) {
		case 0:
			place = `{"u":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,"i":1}`
		case 1:
			place = strings.Repeat(`{"u":`, depth)
		case 2:
			place = `{"u":{"$numberDecimal":"` + strings.Repeat("9", depth) + `"},"i":{"$regularExpression":{"pattern":"(a+)+$","options":""}}}`
		case 3:
			place = `{"u":{"$date":{"$numberLong":"-9223372036854775808"}},"i":{"$oid":"` + strings.Repeat("0", depth) + `"}}`
		}
		encoded := base64.RawURLEncoding.EncodeToString([]byte(place))
		if c.ask(get("/api/conversation?after="+encoded[:min(len(encoded), 10_000)], malloryToken(a.number)), 0) == 0 {
			return
		}
		a.pause(0, 50*time.Millisecond)
	}
}

// idempotencyKeys starts and appends with keys that are new, shared by all clients, or of maximum length.
func idempotencyKeys(a *attacker) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	token := malloryToken(a.number)
	for range 50 {
		key := fmt.Sprintf("%x", a.chance.Uint64())
		body := hello
		switch a.chance.IntN(3) {
		case 0:
			key = fmt.Sprintf("shared-%d", time.Now().Unix())
		case 1:
			key += strings.Repeat("k", 239)
			body = fmt.Sprintf(`{"content":"%x"}`, a.chance.Uint64())
		}
		path, sent := "/api/conversation/start", `{"messages":[`+body+`]}`
		if a.chance.IntN(2) == 0 {
			path, sent = fmt.Sprintf("/api/conversation/keys-%d-%s/message", a.wave, mallory(a.number)), body
		}
		if c.ask(post(path, token, sent, "Idempotency-Key: "+key), 0) == 0 {
			return
		}
		a.pause(0, 50*time.Millisecond)
	}
}

func largeAppend(a *attacker) {
	largeAppendTo(a, fmt.Sprintf("appends-%d-%s", a.wave, mallory(0)))
	a.pause(0, 50*time.Millisecond)
}

func largeAppendTo(a *attacker, id string) {
	c := a.dial(true)
	if c == nil {
		return
	}
	defer c.Close()
	owner := 0
	fmt.Sscanf(id[strings.LastIndex(id, "-")+1:], "%d", &owner)
	for range 20 {
		if c.ask(post("/api/conversation/"+id+"/message", malloryToken(owner), `{"content":"`+largeContent+`"}`), 0) == 0 {
			return
		}
		a.pause(0, 50*time.Millisecond)
	}
}
