package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	callers     = 1024 // connections of the open loop
	busy        = 32   // connections of the closed loop, which finds the maximum rate
	perCaller   = 20   // event streams, the limit of the service
	idle        = "idle"
	warmUp      = 15 * time.Second
	measured    = 10 * time.Second
	appendsEach = 100 // messages in a conversation, so none is offloaded
	hello       = `{"content":"Hello, how are you?"}`
)

// overload sends one process of the service four times its maximum rate, beside idle event streams and requests that never
// end.
type overload struct {
	single
	listeners int
	slow      int
	load      time.Duration
	acked     atomic.Int64
	appends   atomic.Int64
	beside    []net.Conn
	closing   atomic.Bool
}

// outcome contains the answers of one phase.
type outcome struct {
	taken, refused []time.Duration
	unsent         int
	took           time.Duration
}

func (o outcome) rate() float64 { return float64(len(o.taken)) / o.took.Seconds() }

func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (o outcome) String() string {
	return fmt.Sprintf("%d accepted (%.0f a second), median %.1f ms, p99 %.1f ms; %d rejected, median %.1f ms, p99 %.1f ms; %d not sent, all connections busy",
		len(o.taken), o.rate(), ms(percentile(o.taken, .5)), ms(percentile(o.taken, .99)), len(o.refused),
		ms(percentile(o.refused, .5)), ms(percentile(o.refused, .99)), o.unsent)
}

// flood overloads the service.
func (v *overload) flood(*process) error {
	v.closed(warmUp)
	most := v.closed(measured)
	fmt.Println("Maximum rate:", most)
	half := most.rate() / 2
	before := v.open(measured, half)
	fmt.Println("At half of it:", before)
	if err := v.crowd(); err != nil {
		return err
	}
	beside := v.open(measured, half)
	fmt.Printf("The same with %d idle event streams and %d requests that never end: %s\n", v.listeners, v.slow, beside)
	fmt.Printf("Resident: %d MiB\n", v.resident())

	probes := newProbes(&v.single, 200*time.Millisecond, func() []string { return nil })
	over := v.open(v.load, 4*most.rate())
	probes.end()
	fmt.Println("At four times the maximum rate:", over)
	fmt.Printf("Liveness: %d probes lost, the slowest %.0f ms. Resident: %d MiB at most\n", len(probes.lost), ms(probes.slowest), probes.resident)
	if len(probes.lost) > 0 {
		v.wrong("%d liveness probes were not answered within %s", len(probes.lost), probeLimit)
	}
	time.Sleep(settled)
	after := v.open(measured, half)
	fmt.Printf("At half again, %s later: %s\n", settled, after)
	if len(after.refused) > 0 {
		v.wrong("%d calls were rejected after the load", len(after.refused))
	}
	p99 := func(o outcome) float64 { return ms(percentile(o.taken, .99)) }
	fmt.Printf("p99 over that at half the rate: with the streams %.2f, at four times the rate %.2f, afterwards %.2f\n",
		p99(beside)/p99(before), p99(over)/p99(before), p99(after)/p99(before))
	v.closing.Store(true)
	for _, connection := range v.beside {
		connection.Close()
	}
	return v.count()
}

// count checks that all acknowledged messages are stored.
func (v *overload) count() error {
	stored := int64(0)
	cursor, err := v.conversations().Aggregate(context.Background(), bson.A{
		bson.M{"$match": bson.M{"userId": bson.M{"$regex": "^load"}}},
		bson.M{"$group": bson.M{"_id": nil, "n": bson.M{"$sum": bson.M{"$size": "$messages"}}}}})
	if err != nil {
		return err
	}
	var found []struct{ N int64 }
	if err := cursor.All(context.Background(), &found); err != nil {
		return err
	}
	for _, f := range found {
		stored += f.N
	}
	fmt.Printf("%d messages acknowledged, %d stored\n", v.acked.Load(), stored)
	if stored < v.acked.Load() {
		v.wrong("%d messages were acknowledged, but %d are stored", v.acked.Load(), stored)
	}
	return nil
}

// caller is a keep-alive connection.
type caller struct {
	v            *overload
	token        string
	conversation string
	sent         int
	connection   net.Conn
	in           *bufio.Reader
}

func (v *overload) newCaller(i int) *caller {
	return &caller{v: v, token: token(fmt.Sprintf("load%d", i))}
}

func (c *caller) close() {
	if c.connection != nil {
		c.connection.Close()
		c.connection = nil
	}
}

// next appends and reads the newest messages in turn. It returns the status and the duration.
func (c *caller) next() (int, time.Duration) {
	if c.connection == nil {
		connection, err := net.DialTimeout("tcp", c.v.address, 10*time.Second)
		if err != nil {
			c.v.wrong("no connection: %v", err)
			return 0, 0
		}
		c.connection, c.in = connection, bufio.NewReader(connection)
	}
	if c.sent%(2*appendsEach) == 0 {
		c.conversation = fmt.Sprintf("over-%d", c.v.appends.Add(1))
	}
	c.sent++
	appends := c.sent%2 == 1
	request := "GET /api/conversation/" + c.conversation + "/messages?limit=10 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + c.token + "\r\n\r\n"
	if appends {
		request = "POST /api/conversation/" + c.conversation + "/message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + c.token +
			"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(hello)) + "\r\n\r\n" + hello
	}
	began := time.Now()
	c.connection.SetDeadline(began.Add(30 * time.Second))
	_, err := io.WriteString(c.connection, request)
	var response *http.Response
	if err == nil {
		response, err = http.ReadResponse(c.in, nil)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	took := time.Since(began)
	if err != nil {
		c.close()
		c.v.wrong("a call was not answered: %v", err)
		return 0, took
	}
	status := response.StatusCode
	switch {
	case status == 503 && response.Header.Get("Retry-After") == "":
		c.v.wrong("a 503 without Retry-After")
	case status == 404 && !appends: // its append was rejected
		status = 200
	case status != 200 && status != 201 && status != 503:
		c.v.wrong("a call was answered with %d", status)
	}
	if appends && status != 503 {
		c.v.acked.Add(1)
	}
	if response.Close {
		c.close()
	}
	return status, took
}

func (o *outcome) note(status int, took time.Duration) {
	switch status {
	case 200, 201:
		o.taken = append(o.taken, took)
	case 503:
		o.refused = append(o.refused, took)
	}
}

func gather(parts []outcome, took time.Duration) outcome {
	all := outcome{took: took}
	for _, part := range parts {
		all.taken = append(all.taken, part.taken...)
		all.refused = append(all.refused, part.refused...)
	}
	slices.Sort(all.taken)
	slices.Sort(all.refused)
	return all
}

// closed lets each caller make one call after the other.
func (v *overload) closed(length time.Duration) outcome {
	parts := make([]outcome, busy)
	var all sync.WaitGroup
	began := time.Now()
	for i := range busy {
		all.Go(func() {
			c := v.newCaller(i)
			defer c.close()
			for time.Since(began) < length {
				parts[i].note(c.next())
			}
		})
	}
	all.Wait()
	return gather(parts, time.Since(began))
}

// open begins calls at a fixed rate, whether or not earlier calls were answered.
func (v *overload) open(length time.Duration, rate float64) outcome {
	parts := make([]outcome, callers)
	due := make(chan struct{})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			c := v.newCaller(i)
			defer c.close()
			for range due {
				parts[i].note(c.next())
			}
		})
	}
	began, begun, unsent := time.Now(), 0, 0
	for time.Since(began) < length {
		for ; float64(begun) < rate*time.Since(began).Seconds(); begun++ {
			select {
			case due <- struct{}{}:
			default:
				unsent++
			}
		}
		time.Sleep(time.Millisecond)
	}
	close(due)
	all.Wait()
	result := gather(parts, time.Since(began))
	result.unsent = unsent
	return result
}

// crowd opens the event streams and the requests that never end.
func (v *overload) crowd() error {
	for i := range (v.listeners + perCaller - 1) / perCaller {
		credentials := token(fmt.Sprintf("listener%d", i))
		conversation := fmt.Sprintf("%s-%d", idle, i)
		request, _ := http.NewRequest("POST", v.service.url+"/api/conversation/"+conversation+"/message", strings.NewReader(hello))
		request.Header.Set("Authorization", "Bearer "+credentials)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		for n := i * perCaller; n < min(v.listeners, (i+1)*perCaller); n++ {
			connection, err := net.Dial("tcp", v.address)
			if err != nil {
				return fmt.Errorf("event stream %d: %w", n, err)
			}
			v.beside = append(v.beside, connection)
			fmt.Fprintf(connection, "GET /api/conversation/%s/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", conversation, credentials)
			head, err := bufio.NewReader(connection).ReadString('\n')
			if err != nil || !strings.Contains(head, " 200 ") {
				return fmt.Errorf("event stream %d was answered with %q %v", n, head, err)
			}
			go v.listen(connection)
		}
	}
	for i := range v.slow {
		connection, err := net.Dial("tcp", v.address)
		if err != nil {
			return err
		}
		v.beside = append(v.beside, connection)
		if i%2 == 0 {
			fmt.Fprint(connection, "POST /api/conversation/start HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		} else {
			fmt.Fprintf(connection, "POST /api/conversation/start HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", token("slow"))
		}
		go func() {
			for !v.closing.Load() {
				time.Sleep(2 * time.Second)
				if _, err := connection.Write([]byte(" ")); err != nil {
					return // the service has closed the connection
				}
			}
		}()
	}
	return nil
}

// listen reads a stream, which must not end before the harness closes it.
func (v *overload) listen(connection net.Conn) {
	if _, err := io.Copy(io.Discard, connection); !v.closing.Load() {
		v.wrong("an event stream ended: %v", err)
	}
}
