// Faults injects faults into the service and its database, or overloads it, and checks what its callers were promised.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

// faketime is the path of libfaketime, or empty if it is not installed.
var faketime = func() string {
	found, _ := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}()

func main() {
	seeds := flag.String("seeds", "1-3", "a seed, or the first and the last one, such as 1-3")
	seconds := flag.Int("seconds", 20, "how long each seed injects faults")
	off := flag.String("defence-off", "", "a defence to remove: "+strings.Join(defences, ", "))
	root := flag.String("root", ".", "the project's folder")
	jar := flag.String("jar", "target/quarkus-app/quarkus-run.jar", "the packaged jar")
	java := flag.String("java", "java", "the JVM")
	aot := flag.String("aot", "", "the AOT cache that src/main/docker/train.sh creates (default: none)")
	over := flag.Bool("overload", false, "send one replica four times its maximum rate, for --seconds (120)")
	listeners := flag.Int("listeners", 10_000, "with --overload: the number of idle event streams")
	slow := flag.Int("slow", 500, "with --overload: the number of requests that never end")
	heap := flag.String("heap", "64m", "with --overload and --soak: the heap of the service")
	soak := flag.Bool("soak", false, "send one replica half of its maximum rate for --minutes, and check for leaks")
	minutes := flag.Int("minutes", 30, "with --soak (30) and --hostile (10): the duration")
	hostile := flag.Bool("hostile", false, "attack one replica beside ordinary callers, for --minutes or --seconds")
	only := flag.String("only", "", "with --hostile: run only attacks that match this regular expression")
	flag.Parse()
	jvm := jvm{java: *java, jar: *jar, aot: *aot, options: filepath.Join(*root, "src", "main", "docker", "jvm.options")}
	if *over {
		load := time.Duration(*seconds) * time.Second
		if !isSet("seconds") {
			load = 120 * time.Second
		}
		v := &overload{single: single{name: "overload"}, listeners: *listeners, slow: *slow, load: load}
		streams := fmt.Sprintf("CONVERSATIONS_EVENTS_STREAMS=%d", max(1, *listeners))
		endWith(v.run(*root, jvm, []string{"-Xmx" + *heap}, []string{streams}, v.flood))
	}
	if *soak {
		v := &overload{single: single{name: "overload"}}
		// All connections to the database stay open, so laps are comparable.
		pool := []string{"QUARKUS_MONGODB_MIN_POOL_SIZE=100", "QUARKUS_MONGODB_MAX_POOL_SIZE=100"}
		endWith(v.run(*root, jvm, []string{"-Xmx" + *heap}, pool, func(server *process) error {
			return v.soak(time.Duration(*minutes)*time.Minute, server, *java)
		}))
	}
	if *hostile {
		load := 10 * time.Minute
		if isSet("seconds") {
			load = time.Duration(*seconds) * time.Second
		} else if isSet("minutes") {
			load = time.Duration(*minutes) * time.Minute
		}
		var seed int64
		fmt.Sscan(*seeds, &seed)
		h := newHostile(seed, load, *java, regexp.MustCompile(*only))
		wrong, err := h.run(*root, jvm, nil, nil, h.attack)
		endWith(wrong || h.failed, err)
	}
	if *off != "" && !slices.Contains(defences, *off) {
		fmt.Fprintf(os.Stderr, "--defence-off %s is unknown; the defences are %s\n", *off, strings.Join(defences, ", "))
		os.Exit(2)
	}
	var first, last int64
	if n, _ := fmt.Sscanf(*seeds, "%d-%d", &first, &last); n == 1 {
		last = first
	} else if n != 2 || last < first {
		fmt.Fprintln(os.Stderr, "--seeds must be a number, or two such as 1-3")
		os.Exit(2)
	}
	failed, err := runAll(*root, jvm, *off, first, last, time.Duration(*seconds)*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func endWith(wrong bool, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || wrong {
		os.Exit(1)
	}
	os.Exit(0)
}

func isSet(name string) bool {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// defences can be removed by settings, by the harness, or by a patch of the sources.
var defences = []string{"idempotency-key", "index", "majority", "gate", "timeout", "guard"}

func runAll(root string, jvm jvm, off string, first, last int64, seconds time.Duration) (bool, error) {
	results := filepath.Join(root, "target", "faults")
	if err := os.MkdirAll(results, 0o755); err != nil {
		return false, err
	}
	scratch, err := os.MkdirTemp("", "faults-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	cluster, err := startCluster(scratch)
	if cluster != nil {
		defer cluster.stop()
		stopOnSignal(cluster)
	}
	if err != nil {
		return false, err
	}
	if cluster.noDisk != nil {
		fmt.Println("Skipped: the full disk, since no small file system can be mounted here:", cluster.noDisk)
	}
	if faketime == "" {
		fmt.Println("Skipped: the skewed clock, since Debian's package faketime is not installed")
	}
	total := totals{kinds: map[string]int{}}
	ports, err := freePorts(replicas, "127.0.0.1")
	if err != nil {
		return false, err
	}
	for number := first; number <= last; number++ {
		began := time.Now()
		s := &seed{number: number, jvm: jvm, folder: results, defenceOff: off, cluster: cluster, history: newHistory(),
			followed: map[string]bool{}, mended: map[any]string{}, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}}}
		for i, port := range ports {
			r, err := s.newReplica(i, port)
			if err != nil {
				return false, err
			}
			s.replicas = append(s.replicas, r)
		}
		for i := range users {
			name := fmt.Sprintf("u%d", i)
			s.users = append(s.users, &user{name: name, token: token(name)})
		}
		if err := s.run(seconds); err != nil {
			s.history.violation("the seed did not finish: %v", err)
		}
		total.add(s.history)
		fmt.Printf("seed %d: %s in %.0f s\n", number, s.history.summary(), time.Since(began).Seconds())
		if len(s.history.Violations) > 0 {
			total.failed = append(total.failed, fmt.Sprint(number))
			file := filepath.Join(results, fmt.Sprintf("seed-%d.json", number))
			if err := s.history.write(file); err != nil {
				return false, err
			}
			for _, wrong := range s.history.Violations[:min(5, len(s.history.Violations))] {
				fmt.Println("  ", wrong)
			}
			fmt.Printf("   History: %s. To repeat: faults/run --seeds %d\n", file, number)
		}
		cleanup, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		s.database.Drop(cleanup)
		cancel()
		if err := s.healAfter(); err != nil {
			return false, err
		}
	}
	fmt.Println(total)
	return len(total.failed) > 0, nil
}

// healAfter leaves a healthy cluster to the next seed.
func (s *seed) healAfter() error {
	for _, r := range s.replicas {
		r.kill()
	}
	return s.cluster.heal()
}

func stopOnSignal(c *cluster) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		c.stop()
		os.Exit(1)
	}()
}

type totals struct {
	seeds, calls, retries, refused int
	kinds                          map[string]int
	outage, liveness               time.Duration
	failed                         []string
}

func (t *totals) add(h *history) {
	t.seeds++
	calls, retries, outage := h.figures()
	t.calls += calls
	t.retries += retries
	t.refused += h.Refused
	t.outage = max(t.outage, outage)
	t.liveness = max(t.liveness, h.Liveness)
	for kind, n := range h.Kinds {
		t.kinds[kind] += n
	}
}

func (t totals) String() string {
	verdict := "all passed"
	if len(t.failed) > 0 {
		verdict = "failed: " + strings.Join(t.failed, ", ")
	}
	return fmt.Sprintf("%d seeds, %d calls, %d retries, longest outage %.1f s, liveness %d ms at most, %d invalid inserts rejected; %s; %s",
		t.seeds, t.calls, t.retries, t.outage.Seconds(), t.liveness.Milliseconds(), t.refused, kindsOf(t.kinds), verdict)
}

// figures returns the calls, the retries, and the longest wait of a caller since the service first opened.
func (h *history) figures() (calls, retries int, outage time.Duration) {
	for _, c := range h.Calls {
		retries += max(0, c.Attempts-1)
		if c.Completed > h.opened {
			outage = max(outage, time.Duration(c.Completed-max(c.Invoked, h.opened)))
		}
	}
	return len(h.Calls), retries, outage
}

func (h *history) summary() string {
	calls, retries, outage := h.figures()
	verdict := "PASSED"
	if len(h.Violations) > 0 {
		verdict = fmt.Sprintf("FAILED (%d)", len(h.Violations))
	}
	slices.Sort(h.lates)
	p99 := percentile(h.lates, .99)
	return fmt.Sprintf("%d calls, %d retries, longest outage %.1f s, liveness p99 %d ms, %s: %s",
		calls, retries, outage.Seconds(), p99.Milliseconds(), kindsOf(h.Kinds), verdict)
}

func kindsOf(kinds map[string]int) string {
	var names []string
	for kind := range kinds {
		names = append(names, kind)
	}
	sort.Strings(names)
	for i, kind := range names {
		names[i] = fmt.Sprintf("%s %d", kind, kinds[kind])
	}
	return strings.Join(names, ", ")
}
