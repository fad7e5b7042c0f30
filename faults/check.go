package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// check returns all violations in a history. final contains the messages of each conversation at the end.
func check(h *history, final map[string][]string) []string {
	var wrong []string
	say := func(format string, values ...any) { wrong = append(wrong, fmt.Sprintf(format, values...)) }
	byConversation := map[string][]*call{}
	for _, c := range h.Calls {
		if c.Completed == 0 {
			say("a call was never answered: %s of client %d to %s", c.Kind, c.Client, c.Conversation)
		}
		byConversation[c.Conversation] = append(byConversation[c.Conversation], c)
	}
	for conversation, calls := range byConversation {
		messages := final[conversation]
		wrong = append(wrong, checkAppends(conversation, calls, messages)...)
		wrong = append(wrong, checkReads(conversation, calls, messages)...)
		if !linearizable(calls, messages) {
			say("the appends of %s are not linearizable", conversation)
		}
	}
	for conversation, events := range h.Events {
		messages := final[conversation]
		for i, e := range events {
			if e.Index != i {
				say("the listener of %s received index %d, and %d was due", conversation, e.Index, i)
				break
			}
			if i >= len(messages) || messages[i] != e.Content {
				say("the listener of %s received another message at %d", conversation, i)
				break
			}
		}
		if len(events) < len(messages) {
			say("the listener of %s received %d of %d messages", conversation, len(events), len(messages))
		}
	}
	return wrong
}

// checkAppends finds acknowledged messages that are missing, duplicate, or at another index.
func checkAppends(conversation string, calls []*call, messages []string) []string {
	var wrong []string
	places := map[string][]int{}
	for i, content := range messages {
		places[content] = append(places[content], i)
	}
	for _, c := range calls {
		if c.Kind != "append" {
			continue
		}
		at := places[c.Content]
		delete(places, c.Content)
		switch {
		case len(at) > 1:
			wrong = append(wrong, fmt.Sprintf("%s is in %s %d times", c.Content, conversation, len(at)))
		case c.Completed == 0:
		case len(at) == 0:
			wrong = append(wrong, fmt.Sprintf("%s was acknowledged and is not in %s", c.Content, conversation))
		case at[0] != c.Index:
			wrong = append(wrong, fmt.Sprintf("%s was acknowledged at %d of %s and is at %d", c.Content, c.Index, conversation, at[0]))
		}
	}
	for content := range places {
		wrong = append(wrong, fmt.Sprintf("%q is in %s and nobody sent it", content, conversation))
	}
	return wrong
}

// checkReads finds reads that returned no prefix, or less than their caller was acknowledged before.
func checkReads(conversation string, calls []*call, messages []string) []string {
	var wrong []string
	type done struct {
		at    int64
		index int
	}
	acknowledged := map[string][]done{}
	for _, c := range calls {
		if c.Kind == "append" && c.Completed > 0 {
			acknowledged[c.User] = append(acknowledged[c.User], done{c.Completed, c.Index})
		}
	}
	for _, dones := range acknowledged {
		sort.Slice(dones, func(i, j int) bool { return dones[i].at < dones[j].at })
	}
	for _, c := range calls {
		if c.Kind != "read" || c.Completed == 0 {
			continue
		}
		if len(c.Read) > len(messages) || !slices.Equal(c.Read, messages[:len(c.Read)]) {
			wrong = append(wrong, fmt.Sprintf("a read of %s returned no prefix of the stored messages", conversation))
		}
		for _, d := range acknowledged[c.User] {
			if d.at < c.Invoked && d.index >= len(c.Read) {
				wrong = append(wrong, fmt.Sprintf("a read of %s at %.3f s returned %d messages, after its caller was acknowledged index %d at %.3f s",
					conversation, float64(c.Invoked)/1e9, len(c.Read), d.index, float64(d.at)/1e9))
				break
			}
		}
	}
	return wrong
}

// list is a conversation in the model: the number of messages, and a digest of all of them in order.
type list struct {
	length int
	digest uint64
}

func (l list) with(content string) list {
	digest := fnv.New64a()
	fmt.Fprintf(digest, "%d %s", l.digest, content)
	return list{l.length + 1, digest.Sum64()}
}

// appendModel supports appends, which return the index, and one read at the end, which returns the whole list.
var appendModel = porcupine.Model{
	Init: func() any { return list{} },
	Step: func(state, input, output any) (bool, any) {
		now := state.(list)
		if input == nil {
			return output == now, now
		}
		index := output.(int)
		return index < 0 || index == now.length, now.with(input.(string))
	},
}

func linearizable(calls []*call, messages []string) bool {
	var last int64
	var operations []porcupine.Operation
	stored := list{}
	for _, content := range messages {
		stored = stored.with(content)
	}
	for _, c := range calls {
		if c.Kind != "append" {
			continue
		}
		index, end := c.Index, c.Completed
		if end == 0 { // may have taken effect at any time, or never
			if !slices.Contains(messages, c.Content) {
				continue
			}
			index, end = -1, math.MaxInt64-2
		}
		last = max(last, end)
		operations = append(operations, porcupine.Operation{ClientId: c.Client, Input: c.Content, Output: index, Call: c.Invoked, Return: end})
	}
	operations = append(operations, porcupine.Operation{ClientId: 1000, Input: nil, Output: stored, Call: last + 1, Return: last + 2})
	return porcupine.CheckOperationsTimeout(appendModel, operations, time.Minute) == porcupine.Ok
}
