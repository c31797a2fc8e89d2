package scrub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/seed-d64a251c/roster/internal/secret/scrubtest"
)

// awkward has characters that every encoding changes.
const awkward = `t0p/s"cret+tök<en>&=\ 7%`

func TestASecretIsFoundInEachEncoding(t *testing.T) {
	for _, secret := range []string{awkward, "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
		"eyJhbGciOiJIUzI1NiJ9.e30.-_x-_y"} {
		s := &Scrubber{}
		s.Add(secret)
		s.Add("another-secret-1")
		for _, way := range scrubtest.Ways {
			t.Run(way.Name, func(t *testing.T) {
				written := way.Write(secret)
				text := "the server says: " + written + ", and nothing else"
				check := func(how, out string) {
					if part := scrubtest.Remains(out, written); part != "" || !strings.Contains(out, Placeholder) {
						t.Errorf("%s: %q remains of %q:\n%s", how, part, written, out)
					}
					if !strings.HasPrefix(out, "the server says: ") || !strings.HasSuffix(out, ", and nothing else") {
						t.Errorf("%s: the other text is damaged: %s", how, out)
					}
				}
				check("String", s.String(text))
				check("Bytes", string(s.Bytes([]byte(text))))
				check("Error", s.Error(errors.New(text)).Error())
				for _, size := range []int{1, 2, 7, 1000} {
					check(fmt.Sprintf("Writer, %d bytes at once", size), throughWriter(t, s, text, size))
				}
				read, err := io.ReadAll(s.Reader(iotest.OneByteReader(strings.NewReader(text))))
				if err != nil {
					t.Fatal(err)
				}
				check("Reader", string(read))
			})
		}
	}
}

func throughWriter(t *testing.T, s *Scrubber, text string, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := s.Writer(&out)
	for rest := text; rest != ""; {
		n := min(size, len(rest))
		if written, err := io.WriteString(w, rest[:n]); err != nil || written != n {
			t.Fatalf("%d bytes, %v", written, err)
		}
		rest = rest[n:]
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestReadersShareBuffers reads many short texts, some of them at the same time. Each reader
// returns its own text, and the readers allocate less than a buffer each.
func TestReadersShareBuffers(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	text := func(i int) string {
		return fmt.Sprintf("text %d has %s, %d, and the start %s", i, awkward, i, awkward[:9])
	}
	read := func(r io.Reader, i int) {
		t.Helper()
		out, err := io.ReadAll(r)
		if want := s.String(text(i)); err != nil || string(out) != want {
			t.Fatalf("read %q, %v; want %q", out, err, want)
		}
	}
	const times = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range times {
		first := s.Reader(strings.NewReader(text(i)))
		second := s.Reader(iotest.HalfReader(strings.NewReader(text(-i))))
		begin := make([]byte, 7)
		if _, err := io.ReadFull(second, begin); err != nil {
			t.Fatal(err)
		}
		read(first, i)
		read(io.MultiReader(bytes.NewReader(begin), second), -i)
	}
	runtime.ReadMemStats(&after)
	size := int(unsafe.Sizeof(buffers{}))
	if total := int(after.TotalAlloc - before.TotalAlloc); total > 2*times*size/2 {
		t.Errorf("%d readers allocated %d bytes; a buffer has %d", 2*times, total, size)
	}
}

func TestTextWithoutSecretsIsUnchanged(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	s.Add("ghp_16C7e42F292c6912E7710c838347Ae178B4a")
	for _, text := range []string{
		"", "t", "t0p/s", awkward[:11], "ghp_16C7e42", "&", "&amp", "\\", "%", "%2", "a + b", "\\u00", "&#x", "ö",
		"ghp_26C7e42F292c6912E7710c838347Ae178B4a", "100 % of &lt;all&gt; \\u0041 is %41",
	} {
		for how, out := range map[string]string{"String": s.String(text), "Writer": throughWriter(t, s, text, 1)} {
			if out != text {
				t.Errorf("%s: %q became %q", how, text, out)
			}
		}
	}
	text := []byte("no secret")
	if out := s.Bytes(text); &out[0] != &text[0] {
		t.Error("text without secrets is copied")
	}
}

func TestWhatCountsAsASecret(t *testing.T) {
	for _, row := range []struct {
		name, secret, text, want string
	}{
		{"seven bytes are part of ordinary text", "s3cret!", "a s3cret! here", "a s3cret! here"},
		{"eight bytes", "s3cret!!", "a s3cret!! here", "a [secret] here"},
		{"of eight bytes, a part is not replaced", "s3cret!!", "a s3cret! here", "a s3cret! here"},
		{"a word of 12 letters", "provisioners", "two provisioners", "two provisioners"},
		{"a word of 16 letters", "provisionersabcd", "two provisionersabcd", "two [secret]"},
		{"a number of 8 digits", "20261129", "at 20261129T", "at 20261129T"},
		{"an empty secret", "", "text", "text"},
		{"white space around a secret", " s3cret!!\n", "a s3cret!! here", "a [secret] here"},
		{"two occurrences", "s3cret!!", "s3cret!!s3cret!!", "[secret][secret]"},
		{"11 characters of a longer secret", "abcdefghijk-1234567", "abcdefghijk", "abcdefghijk"},
		{"12 characters of a longer secret", "abcdefghijk-1234567", "abcdefghijk-", "[secret]"},
		{"the lines of a private key",
			"-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG\n9w0BAQEFAASCAT8wggE7\n-----END PRIVATE KEY-----\n",
			"-----BEGIN PRIVATE KEY----- MIIBVQIBADANBgkqhkiG 9w0BAQEFAASCAT8wggE7",
			"-----BEGIN PRIVATE KEY----- [secret] [secret]"},
		{"a comment in a file of age identities", "# created: 2026-11-29T00:00:00Z\nAGE-SECRET-KEY-1QQQQ\n",
			"created: 2026-11-29T00:00:00Z AGE-SECRET-KEY-1QQQQ", "created: 2026-11-29T00:00:00Z [secret]"},
		{"the placeholder stays", "s3cret!!", "[secret]", "[secret]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &Scrubber{}
			s.Add(row.secret)
			if out := s.String(row.text); out != row.want {
				t.Errorf("%q became %q, want %q", row.text, out, row.want)
			}
		})
	}
}

func TestRecentTokensAreReplaced(t *testing.T) {
	s := &Scrubber{}
	s.Add("client-secret-1")
	for i := range 10 {
		s.AddToken("aws", fmt.Sprintf("access-token-%d", i))
		s.AddToken("aws", fmt.Sprintf("access-token-%d", i))
	}
	s.AddToken("other", "refresh-token-0")
	text := "client-secret-1 access-token-4 access-token-5 access-token-6 access-token-9 refresh-token-0"
	// The beginning that a newer token shares is replaced, too.
	want := "[secret] [secret]4 [secret]5 [secret] [secret] [secret]"
	if out := s.String(text); out != want {
		t.Errorf("%s\nwant\n%s", out, want)
	}
}

func TestANilScrubberChangesNothing(t *testing.T) {
	var s *Scrubber
	s.Add(awkward)
	s.AddToken("a", awkward)
	err := errors.New(awkward)
	if s.String(awkward) != awkward || s.Found([]byte(awkward)) || s.Error(err) != err ||
		throughWriter(t, s, awkward, 3) != awkward {
		t.Error("the text is changed")
	}
}

func TestAnErrorKeepsItsChain(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	err := s.Error(fmt.Errorf("open %s: %w", awkward, fs.ErrNotExist))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(verb, err); s.Found([]byte(out)) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
	if s.Error(nil) != nil {
		t.Error("an error without an error")
	}
}

// The server repeats the credentials in each part of its response.
func TestResponsesHaveNoSecrets(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			conn, buf, _ := http.NewResponseController(w).Hijack()
			_, _ = buf.WriteString("HTTP/1.1 " + r.Header.Get("X-Secret") + "\r\n\r\n")
			_ = buf.Flush()
			_ = conn.Close()
			return
		}
		w.Header().Set("Location", "https://elsewhere.example/?t="+url.QueryEscape(awkward))
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, strings.Repeat("x", 40<<10)+awkward)
	}))
	defer server.Close()
	client := &http.Client{Transport: s.Transport(http.DefaultTransport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := 40<<10 + len(Placeholder); len(body) != want {
		t.Errorf("the body has %d bytes, want %d", len(body), want)
	}
	if got := res.Header.Get("Location"); got != "https://elsewhere.example/?t=[secret]" {
		t.Errorf("Location: %s", got)
	}
	req, err := http.NewRequest(http.MethodGet, server.URL+"/broken", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Secret", url.PathEscape(awkward))
	if _, err = client.Do(req); err == nil || s.Found([]byte(err.Error())) {
		t.Errorf("error %v", err)
	}
}

func TestPagesHaveNoSecrets(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	page := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("the handler may compress its response")
		}
		w.Header().Set("Content-Length", "5")
		w.Header().Set("X-Detail", awkward)
		_, _ = io.WriteString(w, "a "+html.EscapeString(awkward)[:20])
		_, _ = io.WriteString(w, html.EscapeString(awkward)[20:])
	}))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	page.ServeHTTP(w, r)
	if w.Body.String() != "a [secret]" || w.Header().Get("X-Detail") != Placeholder ||
		w.Header().Get("Content-Length") != "" {
		t.Errorf("%q %v", w.Body.String(), w.Header())
	}
}

func TestRequestsHaveNoSecretsInTheirBodies(t *testing.T) {
	s := &Scrubber{}
	s.Add(awkward)
	var body, token string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(b)) {
			t.Errorf("%d bytes of %d, %v", len(b), r.ContentLength, err)
		}
		body, token = string(b), r.Header.Get("Authorization")
	}))
	defer server.Close()
	quoted, err := json.Marshal(map[string]string{"body": "a comment with " + awkward})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, server.URL, bytes.NewReader(quoted))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token s3cret!!")
	s.Add("s3cret!!")
	res, err := (&http.Client{Transport: s.Requests(http.DefaultTransport)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if body != `{"body":"a comment with [secret]"}` || token != "token s3cret!!" {
		t.Errorf("the server got %s and %s", body, token)
	}
}

func FuzzScrub(f *testing.F) {
	for _, way := range scrubtest.Ways {
		f.Add("before "+way.Write(awkward)+" after", 3)
	}
	s := &Scrubber{}
	s.Add(awkward)
	s.Add("s3cret!!")
	f.Fuzz(func(t *testing.T, text string, size int) {
		whole := s.String(text)
		if strings.Contains(whole, awkward[:12]) || strings.Contains(whole, "s3cret!!") {
			t.Errorf("a secret remains in %q", whole)
		}
		if pieces := throughWriter(t, s, text, max(1, size%50)); pieces != whole {
			t.Errorf("in pieces %q, as a whole %q", pieces, whole)
		}
	})
}

func BenchmarkString(b *testing.B) {
	s := &Scrubber{}
	for i := range 12 {
		s.Add(fmt.Sprintf("%x-token-%d-AbCdEfGhIjKlMnOp", i*7919, i))
	}
	var page bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&page, `{"id":"9067%08x-1c2d","userName":"user%d@example.com","name":{"givenName":"Ann"}},`,
			i*7919, i)
	}
	b.SetBytes(int64(page.Len()))
	for b.Loop() {
		s.Bytes(page.Bytes())
	}
}
