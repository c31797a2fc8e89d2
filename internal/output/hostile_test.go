package output

// hostileValues are values that try to be more than text. They are the seeds of the fuzz targets.
var hostileValues = []string{
	"", " ",
	"  two  spaces  ", "Ann Lee", "Zoë Åström", "山田　太郎", "a\u00a0b", "x\ny", "x\r\ny\tz", "a\x1b[2Jb",
	"\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\", "\u009b31m", "\x00\x7f\x85",
	"\xff\xc3", "user\u202egnp.exe", "\u2066\u2069\u200e\u200f\u061c", "a\u200bb\u200cc\u200dd\u2060e\ufefff",
	"\u2028\u2029", "\u00ad\u034f\u115f\u3164\uffa0", "\ufe0f\U000e0100\U000e0041", "\ufdd0red\ufdef",
	"\ue000\uffff\U0010ffff", "@team", "(@org/team)", "a@b.example", "mail ann@example.com.", "#12", "GH-12", "gh-12",
	"org/repo#1", "org/repo@0123456", "!12", "group/project!12", "&12", "%12", `%"a b"`, "~bug", `~"a b"`, "$12",
	"$x$", "$`x`$", "[vulnerability:1]", "*iteration:1", "^alert#12", "PROJ-12", "GHSA-jfh8-c2jp-5v3q", "deadbeef",
	"1234567", "www.evil.example", "WWW.evil.example", "http://evil.example", "https://evil.example/?a=b&c",
	"mailto:x", "tel:1", "irc://x", "[text](http://evil.example)", "![x](y)", "[x]: http://evil.example", "[[wiki]]",
	"[[a b]]", "[^1]", "<b>x</b>", "<!-- x -->", "<script>", "<http://evil.example>", "&amp;", "&#64;team", "&lt;",
	"\\@team", "\\", "`", "``", "`@x`", "a`b@c", "*x*", "_x_", "__x__", "~~x~~", ":smile:", ":+1:",
	"groups/a.cue:12:3", "12:00:00", "# x", "- x", "+ x", "* x", "1. x", "1) x", "> x", "---", "===", "```", "~~~",
	"| a | b |", "a|@b", "|---|", ":-", "[ ] x", "[x] y", "/close", "/merge now", "\\close", "{+ x +}", "[- x -]",
	"    code", "\tcode", "=1+1", "+1", "-1", " =1", "＝1", "@SUM(1)", "\t=1", "a,\"b\"", "namespace/project>", "x  ",
	"%(x)d %s %n",
}
