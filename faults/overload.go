package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	callers      = 1024 // connections of the open loop
	busy         = 32   // connections of the closed loop, by which the rate is found
	perCaller    = 20   // event streams, which is the service's own bound
	idle         = "idle"
	settled      = 5 * time.Second // after the load, until it is as before
	probeLimit   = time.Second
	warmUp       = 15 * time.Second
	measured     = 10 * time.Second
	appendsEach  = 100 // messages a conversation, then a new one: none is moved out of its document
	hello        = `{"content":"Hello, how are you?"}`
	overDatabase = "overload"
)

// overload gives one process of the service four times the load that it can bear, beside event streams that hear nothing
// and callers that never end their request.
type overload struct {
	service   *replica
	address   string
	listeners int
	slow      int
	fullPool  bool // whether the service keeps all connections to the database open, so that what it holds can be compared
	load      time.Duration
	client    *mongo.Client
	violation []string
	mutex     sync.Mutex
	acked     atomic.Int64
	appends   atomic.Int64
	beside    []net.Conn
	closing   atomic.Bool
}

// outcome is what the calls of one phase were answered.
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
	return fmt.Sprintf("%d taken (%.0f a second), median %.1f ms, p99 %.1f ms; %d turned away, median %.1f ms, p99 %.1f ms; %d not sent for want of a connection",
		len(o.taken), o.rate(), ms(percentile(o.taken, .5)), ms(percentile(o.taken, .99)), len(o.refused),
		ms(percentile(o.refused, .5)), ms(percentile(o.refused, .99)), o.unsent)
}

func (v *overload) wrong(format string, values ...any) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.violation = append(v.violation, fmt.Sprintf(format, values...))
}

// runAlone starts one process of the service on a database of its own, and tells whether something was wrong in what is
// tried with it. Times are printed, and not held against it: the machine's load is in them.
func (v *overload) runAlone(root string, jvm jvm, heap string, try func(*process) error) (bool, error) {
	scratch, err := os.MkdirTemp("", "overload-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	server, uri, err := startOne(scratch)
	if server != nil {
		defer server.kill()
	}
	if err != nil {
		return false, err
	}
	if v.client, err = mongo.Connect(options.Client().ApplyURI(uri)); err != nil {
		return false, err
	}
	ports, err := freePorts(1, "127.0.0.1")
	if err != nil {
		return false, err
	}
	v.address = address("127.0.0.1", ports[0])
	v.service = &replica{url: "http://" + v.address}
	results := filepath.Join(root, "target", "faults")
	v.service.process = process{name: "the service", log: filepath.Join(results, "overload.log"), command: func() *exec.Cmd {
		cmd := jvm.command("-Xmx" + heap)
		cmd.Env = append(cleanEnvironment(), "MONGODB_URI="+uri, "MONGODB_DB="+overDatabase, "AUTH_SECRET="+secret,
			"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_SHUTDOWN_DELAY=0S", "PORT="+strconv.Itoa(ports[0]),
			"CONVERSATIONS_EVENTS_STREAMS="+strconv.Itoa(max(1, v.listeners)))
		if v.fullPool {
			cmd.Env = append(cmd.Env, "QUARKUS_MONGODB_MIN_POOL_SIZE=100", "QUARKUS_MONGODB_MAX_POOL_SIZE=100")
		}
		return cmd
	}}
	if err := v.service.start(); err != nil {
		return false, err
	}
	defer v.service.kill()
	if err := within(90*time.Second, v.ready); err != nil {
		return false, err
	}
	if err := try(server); err != nil {
		return false, err
	}
	for _, wrong := range v.violation[:min(10, len(v.violation))] {
		fmt.Println("  ", wrong)
	}
	return len(v.violation) > 0, nil
}

func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MONGODB_") || strings.HasPrefix(variable, "AUTH_")
	})
}

// startOne starts a replica set of one node.
func startOne(folder string) (*process, string, error) {
	mongod, err := exec.LookPath("mongod")
	if err != nil {
		return nil, "", err
	}
	ports, err := freePorts(1, "127.0.0.1")
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(folder, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, "", err
	}
	server := &process{name: "mongod", log: filepath.Join(folder, "mongod.log"), command: func() *exec.Cmd {
		return exec.Command(mongod, "--bind_ip", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--dbpath", data, "--replSet", "rs0",
			"--wiredTigerCacheSizeGB", "0.5", "--nounixsocket")
	}}
	if err := server.start(); err != nil {
		return nil, "", err
	}
	host := address("127.0.0.1", ports[0])
	direct, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + host + "/?directConnection=true").SetTimeout(2 * time.Second))
	if err != nil {
		return server, "", err
	}
	config := bson.M{"_id": "rs0", "members": bson.A{bson.M{"_id": 0, "host": host}}}
	err = within(60*time.Second, func() error {
		return direct.Database("admin").RunCommand(context.Background(), bson.D{{Key: "replSetInitiate", Value: config}}).Err()
	})
	return server, "mongodb://" + host + "/?replicaSet=rs0", err
}

func (v *overload) ready() error { return v.service.health(http.DefaultClient, "ready") }

// run gives it more than it can bear.
func (v *overload) run(*process) error {
	v.closed(warmUp)
	most := v.closed(measured)
	fmt.Println("The rate that it can bear:", most)
	half := most.rate() / 2
	before := v.open(measured, half)
	fmt.Println("At half of it:", before)
	if err := v.crowd(); err != nil {
		return err
	}
	beside := v.open(measured, half)
	fmt.Printf("The same beside %d idle event streams and %d callers that never end their request: %s\n", v.listeners, v.slow, beside)
	fmt.Printf("Resident: %d MiB\n", v.resident())

	probes := newProbes(v)
	over := v.open(v.load, 4*most.rate())
	lost, slowest := probes.end()
	fmt.Println("At four times what it can bear:", over)
	fmt.Printf("Liveness: %d of its probes lost, the slowest %.0f ms. Resident: %d MiB at most\n", lost, ms(slowest), probes.resident)
	if lost > 0 {
		v.wrong("%d probes of liveness were not answered within %s", lost, probeLimit)
	}
	time.Sleep(settled)
	after := v.open(measured, half)
	fmt.Printf("At half again, %s later: %s\n", settled, after)
	if len(after.refused) > 0 {
		v.wrong("%d calls were turned away when the load was over", len(after.refused))
	}
	p99 := func(o outcome) float64 { return ms(percentile(o.taken, .99)) }
	fmt.Printf("p99 over that at half: beside the crowd %.2f, under four times the load %.2f, after it %.2f\n",
		p99(beside)/p99(before), p99(over)/p99(before), p99(after)/p99(before))
	v.closing.Store(true)
	for _, connection := range v.beside {
		connection.Close()
	}
	return v.count()
}

// count looks whether what was acknowledged is stored.
func (v *overload) count() error {
	stored := int64(0)
	cursor, err := v.client.Database(overDatabase).Collection("conversations").Aggregate(context.Background(), bson.A{
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
		v.wrong("%d messages were acknowledged, and %d are stored", v.acked.Load(), stored)
	}
	return nil
}

// caller is one connection that is kept alive.
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

// next appends or, each second time, reads the newest messages; it gives the status and how long it took.
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
	case status == 404 && !appends: // its append was turned away
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

// closed lets callers make one call after the other.
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

// open begins calls at a rate, whether or not earlier ones were answered.
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
					return // it was shown the door
				}
			}
		}()
	}
	return nil
}

// listen reads what comes until the end, which is not due before this program's own.
func (v *overload) listen(connection net.Conn) {
	if _, err := io.Copy(io.Discard, connection); !v.closing.Load() {
		v.wrong("an event stream ended: %v", err)
	}
}

// resident is the service's memory, in MiB.
func (v *overload) resident() int { return v.status("VmRSS:") / 1024 }

// status is a number that the system tells of the service's process; 0 where it is gone.
func (v *overload) status(name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.service.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, name); found {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}

// probes ask liveness again and again, each on a connection of its own as the kubelet's do.
type probes struct {
	stop     chan struct{}
	done     sync.WaitGroup
	lost     int
	slowest  time.Duration
	resident int
}

func newProbes(v *overload) *probes {
	p := &probes{stop: make(chan struct{})}
	client := &http.Client{Timeout: probeLimit, Transport: &http.Transport{DisableKeepAlives: true}}
	p.done.Go(func() {
		for {
			select {
			case <-p.stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
			began := time.Now()
			if err := v.service.health(client, "live"); err != nil {
				p.lost++
			}
			p.slowest = max(p.slowest, time.Since(began))
			p.resident = max(p.resident, v.resident())
		}
	})
	return p
}

func (p *probes) end() (int, time.Duration) {
	close(p.stop)
	p.done.Wait()
	return p.lost, p.slowest
}
