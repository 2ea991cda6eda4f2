"""Command injection: what a shell would run after what the application meant it to."""

# a pattern is one thing, and broken up is harder to compare

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import BLANK, Signature

__all__ = ["COMMANDS"]

# Words that are commands and hardly anything else.
_SURE = (
    "whoami|ifconfig|ipconfig|netstat|nslookup|uname|wget|curl|traceroute|tracert|passthru|systeminfo|tasklist|busybox|"
    "tcpdump|crontab|useradd|adduser|chmod|chown|netcat|ncat|mkfifo|powershell(?:\\.exe)?|cmd\\.exe|certutil|bitsadmin|"
    "nmap|lsb_release|phpinfo|killall|arp|getent|hostid|base64|rundll32|regsvr32|wmic|socat|telnet|lsof|lsmod|lscpu|dig|"
    "ssh|scp|rsync|netsh|nohup|xterm|tftp"
)
# Those that do something without an argument.
_ALONE = (
    "whoami|ifconfig|ipconfig|netstat|uname|systeminfo|tasklist|phpinfo|hostid|lscpu|lsmod|lsof|printenv|nslookup|"
    "tcpdump|crontab|powershell(?:\\.exe)?|cmd\\.exe"
)
# Words of a language too: only with what would follow them in a shell.
_CALLS = (
    r"(?:id|ls|ps|pwd|env|dir|printenv|uptime|df)(?=\||\s{0,3}(?:[;&`)#\n\r'\"<>}]|\Z))|"
    r"ls[ \t]+(?:-|/|\.|\*)\S{0,40}|(?:useradd|adduser|netsh|nohup|socat|mkfifo|powershell(?:\.exe)?|nslookup|certutil|lsof|wmic)[ \t]+\S|ps[ \t]+-?[aefux]{1,5}\b|id[ \t]+-\w|dir[ \t]+(?:[a-z]:|/\w|\\|\.)|"
    r"(?:cat|tac|less|more|head|tail|nl|od|xxd|strings|rev|vi|vim|nano|grep|type|rm|cp|mv|touch|mkdir|ln|source|tee|cut|awk|sed)"
    r"(?:[ \t]+(?:-\w{1,8}[ \t]+|-\w{1,8}=?\S{0,10}\s)?[\"']?(?:[./~\\$%]|\*(?=[\s;|&]*\Z)|\w{1,30}(?:[/\\]|\.\w)|[a-z]:)|\s?<\s?/(?!\w{1,12}>)|\$\{?IFS|\s?\{)|"
    r"ping[ \t]+(?:-[\w]|/\w|\d{1,3}\.(?!\S*\s[a-z]{3})|localhost|(?!\d)\w+\.\w+|\{)|sleep[ \t]+\d{1,4}(?=\s{0,3}(?:[;|&`)#\n\r'\"]|\Z))|"
    r"echo[ \t]+(?:[\"'$`%\\-]|\w{1,40}(?=\s{0,3}(?:[;|&`>)\n]|\Z))|[^\s<>]{1,60}\s?(?:>|\||;))|"
    r"nc[ \t]+(?:-|\d{1,3}\.|\S{1,40}\s\d)|(?:ba|z|da|k|c|tc)?sh(?:[ \t]+-[ci]|\s{0,2}(?:[;|&`)#<]|\Z))|"
    r"(?:python|perl|ruby|php|node|lua)[\d.]*[ \t]+(?:-[a-z]\b|\S{1,60}\.\w{2}\b)|"
    r"net[ \t]+(?:user|localgroup|view|start|share)|timeout[ \t]+/?t?\s?\d|reg[ \t]+(?:query|add)|df[ \t]+-\w|mv[ \t]+\S+[ \t]+\S+(?=\s{0,3}\Z)|set[ \t]+/a|expr[ \t]+\d+[ \t][-+*]|start[ \t]+(?:/b|calc|cmd)|"
    r"find[ \t]+(?:/|\.)\S{0,40}\s|find[ \t]+/|su[ \t]+-|sudo[ \t]+\S|systemctl\s|kill[ \t]+-\d|mail[ \t]+-?\S+@|"
    r"exec[ \t]+(?:/|\d?[<>])|eval[ \t]+[\"'$`]|export[ \t]+\w+=|cmd[ \t]+/c|cmd(?=\s{0,3}(?:[|&]|\Z))|start[ \t]+/b|\{cmd\}|CMD="
)
# Behind a word and one `|` or `&`, where a list of names goes on, too: only what no name looks like.
_SURE_CALLS = (
    r"ping[ \t]+(?:-\w|\d{1,3}\.)|net[ \t]+user|cmd(?:\.exe)?[ \t]+/[ck]|type[ \t]+(?:[a-z]:\\|%\w+%)|dir[ \t]+[a-z]:\\|timeout[ \t]+/t|"
    r"reg[ \t]+(?:query|add)[ \t]|ls[ \t]+-[a-z]|cat[ \t]+/\w|tee[ \t]+/|grep[ \t][^|&;]{1,60}/etc|awk[ \t]+'|sed[ \t]+-[a-z]|"
    r"echo[ \t]+[%$]\w+|(?:ba)?sh(?=\s{0,2}\Z)|sleep[ \t]+\d{1,4}(?=\s{0,2}\Z)"
)
_PROGRAM = r"(?:/usr)?(?:/local)?/s?bin/[\w.-]{2,20}"
_EVASION = r"[\w/]{0,20}\$\{?IFS\}?|\{\w{1,12},[^{}\s]{1,80}\}|(?:/[\w?*]{1,6}){1,3}/[\w?*]*\?[\w?*]*"

_SEPARATOR = rb"(?:;|\||&|\n|\r|`|\(|%0[ad]|\\n|\\r|%3b|%7c|%26|%60|%28|\{|\^|=|<|>|\"|')"
_HINT_WORDS = (
    rb"(?:whoami|ifconfig|ipconfig|netstat|nslookup|uname|wget|curl|tracer|passthru|systeminfo|tasklist|busybox|tcpdump|crontab|useradd|"
    rb"adduser|chmod|chown|netcat|ncat|mkfifo|powershell|cmd|certutil|bitsadmin|nmap|lsb_|phpinfo|killall|arp|getent|hostid|base64|"
    rb"rundll32|regsvr32|wmic|socat|telnet|lsof|lsmod|lscpu|dig|ssh|scp|rsync|netsh|nohup|xterm|tftp|mount|expr|id|ls|ps|pwd|env|w|who|dir|set|printenv|hostname|uptime|last|df|top|ver|"
    rb"date|cat|tac|less|more|head|tail|nl|od|xxd|strings|rev|vi|vim|nano|grep|type|rm|cp|mv|touch|mkdir|ln|source|tee|cut|awk|sed|ping|"
    rb"sleep|echo|nc|bash|zsh|dash|ksh|csh|tcsh|sh|python|perl|ruby|php|node|lua|net|timeout|reg|find|su|sudo|service|systemctl|kill|"
    rb"mail|exec|eval|export|start)[0-9.]{0,4}(?:" + BLANK + rb"{1,4}[^ ]|\$|[;|&`)#<>'\"}]|%3b|%7c|%26|%60|%0|<|$|\n)"
)

COMMANDS = (
    Signature(
        "command_injection.chained",
        "command_injection",
        0.9,
        _SEPARATOR
        + rb"[;|&\"')}n]{0,3}"
        + BLANK
        + rb"{0,4}[({\"']{0,2}"
        + _HINT_WORDS
        + rb"|(?:/|%2f)s?bin(?:/|%2f)|ifs|\{cmd\}|cmd=|/[a-z0-9]{0,5}\?[a-z0-9?]{0,5}/",
        rf"(?:\A\s{{0,3}}(?:[\"')}}\]]{{1,3}}\s{{0,2}})?[;|&\n\r^]{{1,3}}|[\w)\"'\].\\/}}-]\s{{0,3}}(?:;|\|\|?|&&?|\n|\r\n?)|\\[nr]|\$\(|\A[\"']?[\w./-]{{0,30}}[;|&\n]{{1,2}})"
        rf"[;|&\s\"'({{<^$\\]{{0,6}}(?:(?:{_SURE})\b(?=\s{{1,4}}(?:-{{1,2}}\w|[./$%@]|\d{{1,3}}\.\d|[0-7]{{3,4}}\s|[\"']?https?:|[\"']?\w{{1,30}}(?:[./@]\w|:[/\d]))|\$)|(?:{_ALONE})\b(?=\||\s{{0,3}}(?:[;&`)#\n\r<>(]|\Z))|{_PROGRAM}|{_EVASION})"
        rf"|(?:\A\s{{0,3}}[\"')}}\]]{{0,3}}\s{{0,3}}[;|&\n\r]{{1,2}}|\w(?:;|\|\||&&|\n|\r)|[)\"'\]./\\-](?:;|\|\|?|&&|\n|\r)|\.\w{{2,5}}\||[\w)\"'\]]\s(?:;|\|\||&&)|\w\s?\|(?=\s?(?:cat|ping|nc|echo|sleep)\s)|\\[nr]|\$\(|\Aa[;|])"
        rf"\s{{0,3}}[(\"'{{]{{0,2}}(?:{_CALLS})(?![^\n;|&]{{0,40}}?(?:\s[a-z]{{2,20}}){{3}})"
        rf"|[\w)]\s?[&|]\s?(?:{_SURE_CALLS})",
        (
            "127.0.0.1; cat /etc/passwd",
            "x | whoami",
            "&& ls -la",
            "$(sleep 5)",
            "a;id;",
            "|/usr/bin/id",
            "%0Acat%20/etc/hosts",
            "& ping -n 30 127.0.0.1 &",
            "x& net user eve x /add",
            "x | cat /etc/issue",
            ";df -h",
            ";expr 268409241 - 2",
            ";nohup ./x &",
        ),
        (
            "rock; sleep well",
            "cats & dogs",
            "salt & pepper; more to come",
            "L;IN TABLE RUNNER",
            "name|id|date",
            "time; find me there",
            "black & decker",
            "first line\nlast line",
            "time | echo\n\n* cat\n* [dog",
            "a; curl 2 times",
            "one; curl - 21",
            "<p>this | echo :)</p>",
            "try; curl now: it is fun",
            "done\nping 192.0.2.1 works",
            "yes\ncat /etc/hosts prints all the names",
            "<b>one; type</b>",
            "R&D; set of 6",
        ),
    ),
    Signature(
        "command_injection.substituted",
        "command_injection",
        0.85,
        rb"\$\(|`|\$\{?ifs|\{[a-z]{1,12},|%24%28|<\(|>\(",
        rf"\$\(\s{{0,3}}(?:(?:{_SURE})\b|{_CALLS}|{_PROGRAM}|<\s?/)|\A[^`\s]{{0,30}}`\s{{0,3}}(?:(?:{_SURE})\b[^`]{{0,100}}|(?:{_CALLS})[^`]{{0,100}}|{_PROGRAM}[^`]{{0,100}})`?[^\w`]{{0,3}}\Z|"
        r"\$\{?IFS|\{(?:cat|ls|id|ping|wget|curl|nc|echo|bash|sh),[^{}]{1,100}\}|[<>]\((?:ls|cat|bash|sh|id)\b",
        ("$(whoami)", "`uname -a`", "`id`", "cat${IFS}/etc/passwd", "{cat,/etc/passwd}", "x$(ls)"),
        ("$(5)", "use `foo` and `bar`", "the `id` column", "total $(USD) 5"),
    ),
    Signature(
        "command_injection.whole_value",
        "command_injection",
        0.75,
        rb"(?:[;|&\n]|%0a|%3b|%7c|%26)(?:[ \t+]|%20|/\*\*/){0,3}(?:(?:reboot|halt|poweroff|hostname|date|ver|env|who|last|uptime|mount|history|export)(?:[ \t+]|%20|/\*\*/){0,3}(?:[;|&#\"'\n]|%[0237][0-9a-f]|$)|shutdown(?:[ \t+]|%20|/\*\*/)|which(?:[ \t+]|%20|/\*\*/)|(?:grep|sort|wc|cut|awk|sed)(?:[ \t+]|%20|/\*\*/)[^;|&=]{0,60}(?:/|%2f))|<<<|ifs(?:=|%3d)|cat(?:<|%3c)|[<>](?:[ \t+]|%20|/\*\*/)?(?:/|%2f)(?:tmp|etc|var|dev|proc|usr|home|root|opt)|"
        rb"[0-9](?:>|%3e)(?:&|%26)[0-9]|-oproxycommand|--(?:upload-pack|receive-pack|checkpoint-action|to-command|use-askpass|open-files)|(?:python[0-9.]{0,4}|perl|ruby|php|node|lua)(?:[ \t+]|%20|/\*\*/)-|[\"'](?:[ \t+]|%20|/\*\*/){0,3}[;|&]{1,2}(?:[ \t+]|%20|/\*\*/){0,3}(?:id|ls|pwd|ps|env|whoami|dir)|%22(?:%20|\+){0,3}%7c|printf(?:[ \t+]|%20|/\*\*/)|(?:\?|%3f){2}[a-z]?[ /+%]|powershell|[;|&][ ]{0,3}[a-z0-9_]{1,10}(?:=[^ ;|&]{1,60}[;|&]{1,2}[ ]{0,3}[`$]|\$(?:@|\(\))[a-z0-9])|[0-9a-z][ ]?[|&]{1,2}[ ]?(?:id|ls|dir|env|ps)",
        r"\A[\s\"']{0,3}[;|&\n]{1,2}\s{0,3}(?:reboot|shutdown\s+(?:-\w|now|/s)[^;|&]{0,20}|halt|poweroff|hostname|date|who|last|uptime|ver|env|mount|history|export|which\s+\w{1,20}|(?:grep|sort|wc|cut|awk|sed)\s[^;|&]{0,60}/[^;|&]{1,80})\s{0,3}[;|&\#\"'\n]{0,3}\s{0,3}\Z|"
        r"(?:\b(?:bash|sh|cat|base64|xargs|python\d?)|\$0)(?:\s?-\w{1,3})?\s?<<<|[;|&]\s{0,3}\w{1,10}=[^\s;|&]{1,60}[;|&]{1,2}\s{0,3}[`$]|\A[;|&\s]{0,4}(?:cat|less|head|tail|more)<\s?/|"
        r"\A\s{0,3}[<>]{1,2}\s?/(?:tmp|etc|var|dev|proc|usr|home|root|opt)/\S{1,100}\s{0,3}\Z|\A\s{0,3}\d>&\d\s{0,3}\Z|\A-{1,2}(?:oProxyCommand|upload-pack|receive-pack|checkpoint-action|to-command|use-askpass|open-files-in-pager)=\S|"
        r"\A[;|&\s\"']{0,4}(?:python[\d.]{0,4}|perl|ruby|php|node|lua)\s+(?:-r\w{2,20}\s+)?-[a-z]{1,3}\s{0,2}[\"']|[\"']\s{0,3}[;|&]{1,2}\s{0,3}(?:id|ls|pwd|ps|env|whoami|dir)\s{0,3}[;|&\#]|\$\(\s?printf\s|"
        r"\A\w{1,20}(?:\|{1,2}|;|&&?)(?:whoami|ls|pwd|ifconfig|uname|netstat)\Z|\A(?:\d{1,3}(?:\.\d{1,3}){3}|\w[\w-]{0,40}\.\w{2,5})\s?(?:\|\|?|&&?)\s?(?:id|ls|dir|env|ps)\s{0,2}\Z|[;|&]\s{0,3}\w{1,6}\$(?:@|\(\))\w{1,6}\b|\A[;|&\s]{0,4}(?:/[\w*?]{1,6}){1,3}/[\w*]{0,6}\?[\w?*]{1,6}(?:\s|\Z)|\A[;|&\s]{0,4}/\?{2,4}/\S{0,20}",
        (
            ";reboot",
            ";mount",
            "127.0.0.1|id",
            "note.txt|id",
            ";who$@ami",
            ";X=id;$X",
            "| hostname",
            "cat</etc/passwd",
            "python3 -c 'import os'",
            "ruby -rsocket -e'x'",
            ";bash<<<id",
            "2>&1",
            "-oProxyCommand=id",
            "/???/??t /???/??ss??",
            '" | id | "',
        ),
        (
            "time; date",
            "up to date; last seen here",
            "size <2>& more",
            "what is a python -- or a ruby",
            "a > /b",
            "'one'; 'two'",
            "why?? because / why ?? not",
        ),
    ),
    Signature(
        "command_injection.shellshock",
        "command_injection",
        1.0,
        rb"\(\)(?:[ \t+]|%20|/\*\*/){0,4}(?:\{|%7b)",
        r"\A[\s\"']{0,3}\(\)\s{0,4}\{\s{0,4}[:_\w][^\w]",
        ("() { :;}; /bin/bash -c 'id'", "() { _; } >_[$($())] { id; }"),
        ("function () { return 1 }", "main() { }"),
    ),
    Signature(
        "command_injection.command",
        "command_injection",
        0.8,
        rb"(?:cat|type|more|head|tail|ping|wget|curl|nc|bash|sh|cmd|cmd\.exe|powershell|net|rm|chmod|uname|sleep|dir|ls|nslookup|ifconfig|ipconfig|netstat|whoami|echo|exec)(?:\.exe)?"
        + BLANK
        + rb"{1,4}[-/\\\\.0-9a-z$%~]|/bin/|system32|/usr/s?bin/|\{cmd\}|cmd=|w[\"'\\]{1,2}h|wh[\"'\\]{1,2}o|who[\"'\\]{1,2}a|c[\"'\\]{0,2}a[\"'\\]{0,2}t[ +%]|/[a-z0-9?*]{0,6}\?[a-z0-9?*]{0,6}/[a-z0-9?*]",
        r"\A\s{0,3}[\"'/\\(]{0,2}(?:cat\s+(?:-\w+\s+)?/(?!\*\s)(?!\S*(?:\s+[a-z]+){3})\S|type\s+[a-z]:\\|ping\s+(?:-[cinw]\s{0,2}\d|/n)|(?:wget|curl)\s+(?:-\S+\s+)*[\"']?https?://|"
        r"nc\s+-[a-z]{1,5}\s|(?:ba)?sh\s+-[ci]\s|cmd(?:\.exe)?\s+/[ck]|powershell(?:\.exe)?\s+-|net\s+(?:user|localgroup)|rm\s+-rf?\s|chmod\s+(?:\+x|[0-7]{3,4})\s|"
        r"uname\s+-a|dir\s+[a-z]:\\|ls\s+-[a-z]{1,5}(?:\s+/|\s{0,2}\Z)|(?:nslookup|dig)\s+\S+\.\S+\s{0,2}\Z|(?:ifconfig|ipconfig|netstat)\s+[-/]\w+|exec\s+/\S|echo\s+[^|>]{1,80}\|\s?(?:base64|bash|sh|tee)|"
        r"sleep\s+\d{1,4}\s{0,2}\Z)"
        r"|\A[^\s\"'<>]{0,60}(?:/bin/(?:ba|z|da|k|c)?sh|/bin/(?:cat|ls|id|nc|ping|sleep|echo|rm|uname|ps|kill)|/usr/bin/(?:id|wget|curl|whoami|perl|python\d?|php|nc))(?:[\s|;&`'\"\\$]|\Z)"
        r"|system32[/\\]+(?:cmd|calc|net|drivers|config|inetsrv|winevt|logfiles)\S{0,60}|\{cmd\}|\bCMD=\$?[\\\"']|\bw[\"'\\]{0,2}h[\"'\\]{0,2}o[\"'\\]{0,2}a[\"'\\]{0,2}m[\"'\\]{0,2}i\b(?<!whoami)|\bc(?:[\"'\\]{1,2}a[\"'\\]{0,2}|a[\"'\\]{1,2})t\s+/|\A[;|&\s]{0,4}/[\w?*]{0,6}\?[\w?*]{0,6}/[\w?*]{1,6}(?:\?|/)",
        ("cat /etc/passwd", "ping -c 10 127.0.0.1", "/bin/cat /etc/shadow", "rm -rf /", "cmd.exe /c dir"),
        (
            "cat food",
            "cat /* red */",
            "cat /etc/passwd prints the users of a system",
            "ping pong",
            "more -- or less",
            "the sleep of reason",
            "net profit",
            "type A",
            "run rm -rf build and try again",
        ),
    ),
)
