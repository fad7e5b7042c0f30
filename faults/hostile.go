package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	largeMessages = 290 // of 32 KiB, which is 9 MiB and fits into a document
	exportId      = "export-0"
	exportSmall   = 20
	exportLarge   = 1000
	listOwners    = hostileCallers
	foreignLength = 30
	listLength    = 200 // conversations of each owner

	podMemory     = 320              // MiB, the limit in application.properties
	heapSlack     = 4 << 10          // KiB
	residentSlack = 64               // MiB
	calm          = 15 * time.Second // after the load; no call may be rejected
	mostSeries    = 200              // of metrics that a run may add: new statuses of known routes, and reasons of closed connections
	quiet         = .25              // of the processor that other programs may take
	mostLog       = 256              // KiB of log a minute
)

// hostile mixes ordinary callers with callers that try to exhaust one process of the service.
type hostile struct {
	single
	seed     int64
	load     time.Duration
	java     string
	attacks  []*attack
	ordinary []*ordinary
	others   float64 // the share of the processor that other programs took
	failed   bool
}

func newHostile(seed int64, load time.Duration, java string, only *regexp.Regexp) *hostile {
	h := &hostile{single: single{name: "hostile"}, seed: seed, load: load, java: java}
	for _, a := range append(strangers(), withTokens()...) {
		if only.MatchString(a.name) {
			h.attacks = append(h.attacks, a)
		}
	}
	for n := range ordinaryCallers {
		h.ordinary = append(h.ordinary, newOrdinary(&h.single, seed, n))
	}
	return h
}

func (h *hostile) check(ok bool, format string, values ...any) {
	verdict := "PASSED"
	if !ok {
		verdict = "FAILED"
		h.failed = true
	}
	fmt.Printf("%s  %s\n", verdict, fmt.Sprintf(format, values...))
}

// checkTime checks what also depends on the processor. It does not fail if other programs took much of it.
func (h *hostile) checkTime(ok bool, format string, values ...any) {
	if !ok && h.others > quiet {
		fmt.Printf("UNSURE  %s (other programs took %.0f %% of the processor)\n", fmt.Sprintf(format, values...), 100*h.others)
		return
	}
	h.check(ok, format, values...)
}

// attack is one run: data, warm-up, load, calm, checks.
func (h *hostile) attack(database *process) error {
	h.sayWhere("at its start")
	pid := h.service.cmd.Process.Pid
	if err := h.insertLarge(); err != nil {
		return err
	}
	h.warmUp()
	before, err := h.state()
	if err != nil {
		return err
	}
	fmt.Println("Before:", before)

	probes := newProbes(&h.single, time.Second, h.active)
	processor := h.processor(database)
	results := h.letAttack(pid)
	h.sayWhere("at the end of the load")
	h.others = h.processor(database).since(processor)
	for _, a := range h.attacks {
		fmt.Printf("  %s: %s\n", a.name, &a.seen)
	}
	alive, _ := h.service.answers()
	if !alive {
		probes.end()
		h.check(false, "the process has ended: %s", h.service.cmd.ProcessState)
		return h.noteLog()
	}
	after := h.letOrdinaryWork(context.Background(), calm)
	probes.end()

	h.check(true, "no restart: the same process %d", pid)
	h.checkTime(len(probes.lost) == 0, "liveness: %d of %d probes not answered within %s, the slowest after %.0f ms",
		len(probes.lost), probes.sent, probeLimit, ms(probes.slowest))
	for _, lost := range probes.lost[:min(20, len(probes.lost))] {
		fmt.Println("       ", lost)
	}
	h.checkTime(results.success() >= .99, "ordinary callers: %.2f %% of calls successful (goal: 99 %%); %s", 100*results.success(), results)
	for _, failure := range results.firstFailures {
		fmt.Println("       ", failure)
	}
	h.check(after.success() == 1 && after.rejections == 0, "after the load: %d rejections; %s", after.rejections, after)
	acknowledged := 0
	for _, o := range h.ordinary {
		o.results = newResults()
		acknowledged += o.check()
		o.http.CloseIdleConnections()
	}
	h.check(len(h.violation) == 0, "ordinary callers: all %d acknowledged messages are stored, deleted ones are not, and no answer was a 500", acknowledged)
	h.check(probes.resident <= podMemory, "resident at most %d MiB of the pod's %d", probes.resident, podMemory)
	if err := h.checkState(before); err != nil {
		return err
	}
	return h.noteLog()
}

// letAttack runs attackers and ordinary callers for the time of the load, and ordinary callers a few seconds longer. It
// ends early if the process ends.
func (h *hostile) letAttack(pid int) *results {
	load, end := context.WithTimeout(context.Background(), h.load)
	defer end()
	beside, endBeside := context.WithCancel(context.Background())
	go func() {
		select {
		case <-h.service.ended:
			fmt.Println("The process has ended during:", h.active())
			end()
			endBeside()
		case <-beside.Done():
		}
	}()
	go func() {
		<-load.Done()
		time.Sleep(settled)
		endBeside()
	}()
	var attacks sync.WaitGroup
	chance := newChance(h.seed, 1)
	slots := chance.Perm(len(h.attacks))
	for number, a := range h.attacks {
		attacks.Go(func() { h.letWaves(load, a, number, slots[number]) })
	}
	results := h.letOrdinaryWork(beside, h.load+settled)
	attacks.Wait()
	return results
}

// letWaves runs an attack in waves with pauses. Attacks begin one after the other.
func (h *hostile) letWaves(ctx context.Context, a *attack, number, slot int) {
	chance := newChance(h.seed, uint64(2+number))
	length := func(least, spread time.Duration) time.Duration {
		return min(h.load/4, least+time.Duration(chance.Int64N(int64(spread))))
	}
	pause := time.Duration(slot) * min(h.load*3/4, time.Minute) / time.Duration(len(h.attacks))
	for wave := 0; ; wave++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		one, end := context.WithTimeout(ctx, length(15*time.Second, 25*time.Second))
		a.run(one, &h.single, h.seed, number, wave)
		end()
		pause = length(30*time.Second, 30*time.Second)
		if len(h.attacks) == 1 {
			pause = 0
		}
	}
}

func (h *hostile) active() (names []string) {
	for _, a := range h.attacks {
		if a.active.Load() {
			names = append(names, a.name)
		}
	}
	return names
}

func (h *hostile) letOrdinaryWork(ctx context.Context, length time.Duration) *results {
	ctx, end := context.WithTimeout(ctx, length)
	defer end()
	results := newResults()
	var all sync.WaitGroup
	for _, o := range h.ordinary {
		o.results = results
		all.Go(func() { o.work(ctx) })
	}
	all.Wait()
	return results
}

// warmUp lets the service compile its code and open its connections to the database.
func (h *hostile) warmUp() {
	reader := &attack{name: "warm-up", clients: 100, client: func(a *attacker) {
		if c := a.dial(true); c != nil {
			defer c.Close()
			for a.on() && c.ask(get("/api/conversation/"+largeId(a.number)+"/messages?limit=1", malloryToken(a.number)), 0) != 0 {
			}
		}
	}}
	ctx, end := context.WithTimeout(context.Background(), 5*time.Second)
	defer end()
	reader.run(ctx, &h.single, h.seed, 99, 0)
	h.letOrdinaryWork(context.Background(), 3*time.Second)
}

func largeId(n int) string { return fmt.Sprintf("large-%d", n%hostileCallers) }
func nulId(n int) string   { return fmt.Sprintf("nul-%d", n%hostileCallers) }

// insertLarge stores what attackers read, as other programs on the same database may do.
func (h *hostile) insertLarge() error {
	for n := range hostileCallers {
		if err := h.insert(document(largeId(n), mallory(n), messages(largeContent, largeMessages))); err != nil {
			return err
		}
		if err := h.insert(document(nulId(n), mallory(n), messages(strings.Repeat("\x00", 32<<10), largeMessages))); err != nil {
			return err
		}
	}
	for n := range listOwners {
		var listed []any
		for i := range listLength {
			d := document(fmt.Sprintf("listed-%d-%d", n, i), mallory(n), bson.A{})
			listed = append(listed, append(d, bson.E{Key: "title", Value: strings.Repeat("t", 200)},
				bson.E{Key: "metadata", Value: bson.M{"m": strings.Repeat("m", 8000)}},
				bson.E{Key: "notes", Value: strings.Repeat("n", 16<<10)})) // an unknown field of the old application
		}
		if err := h.insert(listed...); err != nil {
			return err
		}
	}
	// No caller can store this through the service, but another program can.
	for i := range foreignLength {
		d := document(fmt.Sprintf("foreign-%d", i), foreigner, messages(strings.Repeat("f", 2<<20), 2))
		if err := h.insert(append(d, bson.E{Key: "metadata", Value: bson.M{"m": strings.Repeat("m", 1<<20)}})); err != nil {
			return err
		}
	}
	first := append(messages("tiny", exportSmall), messages(largeContent, largeMessages)...)
	if err := h.insert(document(exportId, mallory(0), first)); err != nil {
		return err
	}
	return h.lengthenExport()
}

// lengthenExport appends through the service, so the service offloads most messages.
func (h *hostile) lengthenExport() error {
	appender := &attack{name: "appends to be exported"}
	a := &attacker{ctx: context.Background(), attack: appender, service: &h.single, chance: newChance(h.seed, 98)}
	c := a.dial(true)
	if c == nil {
		return fmt.Errorf("the service does not accept a connection")
	}
	defer c.Close()
	request := post("/api/conversation/"+exportId+"/message", malloryToken(0), `{"content":"`+largeContent+`"}`)
	for range exportLarge - largeMessages {
		if status := c.ask(request, 0); status != 200 {
			return fmt.Errorf("an append was answered with %d", status)
		}
	}
	return nil
}

func messages(content string, n int) bson.A {
	all := bson.A{}
	for range n {
		all = append(all, bson.M{"role": "user", "content": content, "timestamp": time.Now()})
	}
	return all
}

func document(id, user string, messages bson.A) bson.D {
	return bson.D{{Key: "conversationId", Value: id}, {Key: "sessionId", Value: "session-" + id}, {Key: "userId", Value: user},
		{Key: "messages", Value: messages}, {Key: "createdAt", Value: time.Now()}, {Key: "updatedAt", Value: time.Now()}}
}

func (h *hostile) insert(documents ...any) error {
	_, err := h.conversations().InsertMany(context.Background(), documents)
	return err
}

// state is what the idle process holds.
type state struct {
	held
	resident, series int
	gauges           map[string]float64
}

func (s state) String() string {
	return fmt.Sprintf("%s, %d MiB resident, %d series of metrics, %v", s.held, s.resident, s.series, s.gauges)
}

// gauges measure what callers make the process hold. Reading the metrics holds something too.
var gauges = []string{"conversations_memory_reserved_bytes", "conversations_connections", "conversations_connections_unread_bytes",
	"conversations_requests_working", "conversations_listeners"}

func (h *hostile) state() (state, error) {
	held, err := h.held(h.java)
	if err != nil {
		return state{}, err
	}
	metrics, err := h.metrics()
	s := state{held: held, resident: h.resident(), gauges: map[string]float64{}}
	for name := range metrics {
		if !strings.Contains(name, "_bucket{") { // histograms have as many buckets each
			s.series++
		}
	}
	for _, name := range gauges {
		s.gauges[name] = metrics[name]
		if _, there := metrics[name]; !there {
			h.wrong("there is no metric %s", name)
		}
	}
	return s, err
}

// checkState compares what the process holds with before, and waits until it is the same.
func (h *hostile) checkState(before state) error {
	var after state
	var err error
	for end := time.Now().Add(pruned); ; time.Sleep(3 * time.Second) {
		if after, err = h.state(); err != nil {
			return err
		}
		if after.heap <= before.heap+heapSlack || time.Now().After(end) {
			break
		}
	}
	fmt.Println("After:", after)
	h.check(after.heap <= before.heap+heapSlack, "heap from %d to %d KiB (limit: %d more)", before.heap, after.heap, heapSlack)
	if after.heap > before.heap+heapSlack {
		after.printGrown(before)
	}
	h.check(after.resident <= before.resident+residentSlack, "resident from %d to %d MiB (limit: %d more)", before.resident, after.resident, residentSlack)
	h.check(after.series <= before.series+mostSeries, "series of metrics from %d to %d (limit: %d more)", before.series, after.series, mostSeries)
	h.check(maps.Equal(after.gauges, before.gauges), "nothing is held for callers that have gone: %v, before %v", after.gauges, before.gauges)
	return nil
}

// printGrown prints the classes that have grown most.
func (s state) printGrown(before state) {
	grown := slices.SortedFunc(maps.Keys(s.classes), func(a, b string) int {
		return (s.classes[b] - before.classes[b]) - (s.classes[a] - before.classes[a])
	})
	for _, class := range grown[:min(8, len(grown))] {
		fmt.Printf("        %s from %d to %d KiB\n", class, before.classes[class]/1024, s.classes[class]/1024)
	}
}

// noteLog checks the log for exceptions and for its size.
func (h *hostile) noteLog() error {
	log, err := os.ReadFile(h.service.log)
	if err != nil {
		return err
	}
	exceptions := map[string]int{}
	for line := range bytes.Lines(log) {
		var entry struct {
			Message   string
			Exception *struct {
				ExceptionType string
				Frames        []struct{ Class, Method string }
			}
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			exceptions[fmt.Sprintf("%.200s", line)]++ // from the JVM
		} else if entry.Exception != nil {
			kind := fmt.Sprintf("%.60s: %s", entry.Message, entry.Exception.ExceptionType)
			for _, frame := range entry.Exception.Frames {
				if strings.HasPrefix(frame.Class, "consulting.lmx") {
					kind += fmt.Sprintf(" at %s.%s", frame.Class, frame.Method)
					break
				}
			}
			exceptions[kind]++
		}
	}
	most := int(mostLog * (h.load + time.Minute).Minutes())
	h.check(len(exceptions) == 0 && len(log)/1024 <= most, "log: %d exceptions, %d KiB (limit: %d)", sum(exceptions), len(log)/1024, most)
	for kind, n := range exceptions {
		fmt.Printf("        %d of %s\n", n, kind)
	}
	return nil
}

// sayWhere prints the environment of the measurement.
func (h *hostile) sayWhere(when string) {
	load, _ := os.ReadFile("/proc/loadavg")
	version, _ := exec.Command(h.java, "-version").CombinedOutput()
	java, _, _ := strings.Cut(string(version), "\n")
	var server struct{ Version string }
	h.client.Database("admin").RunCommand(context.Background(), bson.D{{Key: "buildInfo", Value: 1}}).Decode(&server)
	fmt.Printf("%d processors, load %.14s %s; %s, mongod %s\n", runtime.NumCPU(), load, when, java, server.Version)
}

// processor is the processor time used so far.
type processor struct{ service, database, harness, all, idle float64 }

// since prints who took the processor since before, and gives the part of other programs.
func (p processor) since(before processor) float64 {
	part := func(now, then float64) float64 { return (now - then) / (p.all - before.all) }
	service, database, harness := part(p.service, before.service), part(p.database, before.database), part(p.harness, before.harness)
	idle := part(p.idle, before.idle)
	others := 1 - service - database - harness - idle
	fmt.Printf("Processor meanwhile: service %.0f %%, database %.0f %%, harness %.0f %%, idle %.0f %%, other programs %.0f %%\n",
		100*service, 100*database, 100*harness, 100*idle, 100*others)
	return others
}

func (h *hostile) processor(database *process) processor {
	of := func(pid int) float64 { // user and system time
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after + strings.Repeat(" 0", 20))
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		return user + system
	}
	p := processor{service: of(h.service.cmd.Process.Pid), database: of(database.cmd.Process.Pid), harness: of(os.Getpid())}
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(line)[1:] {
		ticks, _ := strconv.ParseFloat(field, 64)
		if i < 8 {
			p.all += ticks
		}
		if i == 3 || i == 4 {
			p.idle += ticks
		}
	}
	return p
}
