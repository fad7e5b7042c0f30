package main

import (
	"strings"
	"testing"
)

func appended(content string, index int, invoked, completed int64) *call {
	return &call{Kind: "append", User: "u", Conversation: "c", Contents: []string{content}, Index: index, Invoked: invoked, Completed: completed}
}

func truncated(from, count int, invoked, completed int64) *call {
	return &call{Kind: "truncate", User: "u", Conversation: "c", Index: from, Count: count, Invoked: invoked, Completed: completed}
}

func viewed(count int, at int64, messages ...string) *call {
	return &call{Kind: "view", User: "u", Conversation: "c", Count: count, Read: messages, Invoked: at, Completed: at + 1}
}

func message(index int, content string) event { return event{Index: index, Content: content} }

func truncation(from int) event { return event{From: &from} }

func retried(c *call) *call {
	c.Attempts = 2
	return c
}

func read(invoked int64, messages ...string) *call {
	return &call{Kind: "read", User: "u", Conversation: "c", Read: messages, Invoked: invoked, Completed: invoked + 1}
}

// Each history is valid, except for the violation in its name.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	sound := []*call{appended("a", 0, 1, 2), appended("b", 1, 3, 4)}
	cases := []struct {
		name   string
		calls  []*call
		final  []string
		events []event
		wrong  string
	}{
		{"sound", append(sound, read(5, "a", "b")), []string{"a", "b"}, []event{message(0, "a"), message(1, "b")}, ""},
		{"a stale read of what is not yet acknowledged", append(sound, read(3, "a")), []string{"a", "b"}, nil, ""},
		{"lost", sound, []string{"a"}, nil, "is not in"},
		{"doubled", sound, []string{"a", "b", "a"}, nil, "2 times"},
		{"made up", sound, []string{"a", "b", "x"}, nil, "nobody sent it"},
		{"other order", []*call{appended("a", 1, 1, 2), appended("b", 0, 3, 4)}, []string{"b", "a"}, nil, "not linearizable"},
		{"no prefix", append(sound, read(3, "b")), []string{"a", "b"}, nil, "no prefix"},
		{"older than its own", append(sound, read(5, "a")), []string{"a", "b"}, nil, "after its caller was acknowledged"},
		{"event doubled", sound, []string{"a", "b"}, []event{message(0, "a"), message(0, "a"), message(1, "b")}, "was due"},
		{"event missed", sound, []string{"a", "b"}, []event{message(0, "a")}, "1 of 2 messages"},
		{"event of another message", sound, []string{"a", "b"}, []event{message(0, "a"), message(1, "x")}, "other messages"},
		{"truncated", append(sound, truncated(1, 1, 5, 6), appended("c", 1, 7, 8)), []string{"a", "c"},
			[]event{message(0, "a"), message(1, "b"), truncation(1), message(1, "c")}, ""},
		{"truncated and back", append(sound, truncated(1, 1, 5, 6)), []string{"a", "b"}, nil, "not linearizable"},
		{"truncation of another number", append(sound, truncated(1, 2, 5, 6)), []string{"a"}, nil, "not linearizable"},
		{"lost beside a truncation", append(sound, truncated(1, 1, 5, 6), appended("c", 1, 7, 8)), []string{"a"}, nil, "not linearizable"},
		{"truncation without an answer", append(sound, truncated(1, unknown, 5, 6), appended("c", 1, 7, 8)), []string{"a", "c"}, nil, ""},
		{"truncation without an answer or effect", append(sound, truncated(1, unknown, 5, 6)), []string{"a", "b"}, nil, ""},
		{"first attempt truncated", []*call{appended("a", 0, 1, 2), retried(appended("b", 1, 3, 9)), truncated(1, 1, 5, 6)}, []string{"a", "b"}, nil, ""},
		{"view of the last ones", append(sound, viewed(2, 5, "b")), []string{"a", "b"}, nil, ""},
		{"view of others", append(sound, viewed(2, 5, "a")), []string{"a", "b"}, nil, "not linearizable"},
		{"view after a truncation", append(sound, truncated(1, 1, 5, 6), viewed(2, 7, "b")), []string{"a"}, nil, "not linearizable"},
		{"event of a truncation missed", append(sound, truncated(1, 1, 5, 6)), []string{"a"}, []event{message(0, "a"), message(1, "b")}, "other messages"},
		{"never answered", append(sound, appended("c", 0, 5, 0)), []string{"a", "b"}, nil, "never answered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory()
			h.Calls = c.calls
			if c.events != nil {
				h.Events["c"] = c.events
			}
			wrong := check(h, map[string][]string{"c": c.final})
			if c.wrong == "" && len(wrong) > 0 || c.wrong != "" && !strings.Contains(strings.Join(wrong, "\n"), c.wrong) {
				t.Errorf("found: %q", wrong)
			}
		})
	}
}
