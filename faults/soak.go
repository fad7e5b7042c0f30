package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	lap        = 3 * time.Minute  // of load, before each measurement
	firstLooks = 1                // laps that do not count: caches fill, and the compiler works
	flat       = 0.05             // of the heap
	pruned     = 75 * time.Second // after a lap: the driver releases free buffers after a minute
	flatOthers = 4                // tolerance for threads and file descriptors
)

// soak sends the service half of its maximum rate for length, with heals, restarts of the database and invalid inserts. It
// measures after each lap what the service holds.
func (v *overload) soak(length time.Duration, server *process, java string) error {
	v.closed(warmUp)
	most := v.closed(measured)
	fmt.Println("Maximum rate:", most)
	var looks []held
	for end := time.Now().Add(length); time.Now().Before(end); {
		var beside sync.WaitGroup
		beside.Go(func() { v.disturb(len(looks), server) })
		lapOf := v.open(lap, most.rate()/2)
		beside.Wait()
		if err := within(30*time.Second, v.ready); err != nil {
			return err
		}
		time.Sleep(pruned)
		h, err := v.held(java)
		if err != nil {
			return err
		}
		looks = append(looks, h)
		fmt.Printf("lap %d: %s; %s\n", len(looks), h, lapOf)
	}
	if len(looks) <= firstLooks+1 {
		return fmt.Errorf("%s is too short to compare; it needs three laps of %s or more", length, lap)
	}
	first, last := looks[firstLooks], looks[len(looks)-1]
	fmt.Printf("heap over lap %d: %.3f\n", firstLooks+1, float64(last.heap)/float64(first.heap))
	if math.Abs(float64(last.heap)/float64(first.heap)-1) > flat {
		v.wrong("the heap changed from %d to %d KiB", first.heap, last.heap)
	}
	if last.threads > first.threads+flatOthers || last.fds > first.fds+flatOthers {
		v.wrong("threads and file descriptors changed from (%s) to (%s)", first, last)
	}
	return v.count()
}

// disturb heals, restarts the database and inserts invalid documents in the first half of a lap. In the second half, the driver
// reopens connections that a restart has closed, so all laps end alike.
func (v *overload) disturb(number int, server *process) {
	began := time.Now()
	for n := 0; time.Since(began) < lap/2; n++ {
		time.Sleep(20 * time.Second)
		switch (number + n) % 3 {
		case 0:
			v.healNow()
		case 1:
			server.kill()
			if err := server.start(); err != nil {
				v.wrong("%v", err)
				return
			}
		case 2:
			v.insertBroken()
		}
	}
}

func (v *overload) healNow() {
	request, _ := http.NewRequest("POST", v.service.url+"/api/admin/integrity/heal", strings.NewReader("{}"))
	request.Header.Set("Authorization", "Bearer "+token("root", "admin"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		v.wrong("a heal could not be requested: %v", err)
		return
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		v.wrong("a heal was answered with %s", response.Status)
	}
}

func (v *overload) insertBroken() {
	for _, session := range []any{nil, "", 7} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := v.conversations().InsertOne(ctx,
			bson.M{"conversationId": fmt.Sprintf("vandal-%d", time.Now().UnixNano()), "userId": "vandal", "sessionId": session})
		cancel()
		if err == nil {
			v.wrong("the database accepted a document with the sessionId %v", session)
		}
	}
}
