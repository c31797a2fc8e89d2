package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// hostileMessage has names that would be mentions, links and Markdown.
func hostileMessage() *message {
	return &message{pageURL: "https://roster.example.com", omitted: 3, events: []Event{
		{Kind: Held, Severity: Warning, Time: start, Provisioner: "aws", Path: "provisioners/aws",
			Title:   "Ann <!channel> joins *Admins* & <https://evil.example.com|Click>",
			Details: []string{"[x](https://evil.example.com)"}},
		{Kind: Recovered, Severity: Info, Time: start, Title: "all is well again"},
	}}
}

func TestBodiesOfChats(t *testing.T) {
	for name, body := range map[string]func(*message) any{"slack": slackBody, "teams": teamsBody} {
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(body(hostileMessage())); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestALongMessageStaysWithinTheLimitsOfSlack(t *testing.T) {
	m := &message{}
	for range maxEvents {
		e := Event{Title: string(bytes.Repeat([]byte("ä"), 5000))}
		for range 200 {
			e.Details = append(e.Details, "detail")
		}
		m.events = append(m.events, e)
	}
	data, err := json.Marshal(slackBody(m))
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Blocks []struct{ Text struct{ Text string } }
	}
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	if len(body.Blocks) > 50 {
		t.Errorf("the message has %d blocks, Slack takes 50", len(body.Blocks))
	}
	for _, block := range body.Blocks {
		if n := len([]rune(block.Text.Text)); n > 3000 {
			t.Errorf("a block has %d characters, Slack takes 3,000", n)
		}
	}
}
