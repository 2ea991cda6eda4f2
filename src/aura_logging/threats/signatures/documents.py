"""Queries and documents that a value would change: XML entities, MongoDB operators, LDAP filters."""

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import EXCEPT_HEADERS, Signature

__all__ = ["DOCUMENTS"]

_OPERATORS = "ne|gte?|lte?|n?in|eq|regex|where|exists|x?or|and|nor|not|all|size|mod|elemMatch|expr|function|type|text|options|comment|accumulator|lookup|ifNull|func|slice|geoWithin|near|jsonSchema|unionWith|out|merge"

DOCUMENTS = (
    Signature(
        "xxe.entity",
        "xxe",
        0.95,
        rb"<![^a-z]{0,3}(?:doctype|entity|attlist|element|notation|\[cdata|\[in|\[ig)|[&%]xxe|>[ \t]{0,3}&[a-z0-9]{1,12};|%26xxe|xinclude|xi:include|%3c!|<\?xml|<xsl:",
        r"<!\s{0,3}(?:ENTITY|NOTATION)\s|<!\[(?:INCLUDE|IGNORE)\[|\A\s{0,3}[&%]xxe\w{0,10};|<(?P<tag>[\w:-]{1,30})>\s{0,3}&(?:xxe\w{0,10}|file|payload|ent(?:ity)?|ext\w{0,8}|exfil\w{0,6}|send|lol\d{0,3}|read|remote|data|test|x|sp)\d{0,2};\s{0,3}</(?P=tag)>|<!DOCTYPE\s[^>\[]{1,200}(?:\[|\bSYSTEM\s|PUBLIC\s{1,5}(?:[\"'][^\"'-]{0,3}[\"']|\"[^\"]{0,100}\"\s{1,5}\"(?!https?://www\.w3\.org/)\w{2,8}:))|<!(?:ELEMENT|ATTLIST)\s|xi:include|2001/XInclude|<!\[CDATA\[[^\]]{0,80}(?:<|\]\]>\w|'|\balert)|<\?xml-stylesheet|<xsl:[^<>]{0,200}?(?:system-property|php:function|document\(|unparsed-text|:exec)|"
        r"<\?xml[^>]{0,100}\?>[^\x00]{0,100}?(?:<!|<!\[CDATA|<\w{1,20}>&\w{1,20};|jar:|<xsl:)",
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            '<!ENTITY % p SYSTEM "http://x.example/e.dtd">',
            '<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></x>',
        ),
        ("<!DOCTYPE html>", "<?xml version='1.0'?><a>b</a>", "<!-- entity -->"),
    ),
    Signature(
        "xxe.xpath",
        "xxe",
        0.6,
        rb"(?:^|[^:a-z0-9])(?:/|%2f){2}(?:[*]|[a-z]{1,30}\[)|[|][ ]?/|(?:child|parent|self|ancestor|descendant)(?:-or-self)?::|node\(\)|text\(\)|string-length\(|contains\(|starts-with\(|name\(\)|position\(\)|(?:count|string)\([ ]?[/.]",
        # A path through an XML document, where a value was to be compared.
        r"[\"'\])]\s{0,3}\|\s{0,3}/{1,2}[\w*@]|\A/{2}\*\Z|(?:child|parent|ancestor|descendant)(?:-or-self)?::(?:node\(\)|text\(\)|\*)|(?:count|string|name|substring|string-length)\s?\(\s?(?:/{1,2}[\w*@]|\.\.)"
        r"|[\"']\s{1,3}(?:or|and)\s{1,3}(?:not\s?\(\s?)?(?:contains|starts-with|string-length|name|local-name|position|count|text)\s?\(|\A/{2}\w{1,30}(?:/\w{1,30}){0,3}\[(?:@|\w{1,20}\(|\w{1,20}\s?=|\d)",
        (
            "x'] | //user/*[contains(*,'",
            "count(/child::node())",
            "' or string-length(//a[1]/b)=5 or '",
            "' or contains(name,'a') or '1'='2",
            "//*",
        ),
        (
            "// a comment",
            "https://example.com/a",
            "the count (of all)",
            "'it' contains (a lot)",
            "//cdn.example.com/x.js",
            "a | b / c",
        ),
        EXCEPT_HEADERS,
    ),
    Signature(
        "nosql.operator",
        "nosql",
        0.9,
        rb"(?:\$|%24)(?:" + _OPERATORS.encode() + rb")",
        rf"\A\$(?:ne|gte?|lte?|nin|regex|where|exists)\Z|(?:[\[{{,.(]\s{{0,3}}|\A\s{{0,3}}|['\",]\s{{0,3}},?\s{{0,3}}|\w\[)[\"']?\$(?:{_OPERATORS})[\"']?\s{{0,3}}(?:\]\s{{0,3}}(?:=|\[|\Z)|:(?=\s{{0,3}}(?:['\"\[{{\d/tfnu-]|\Z)))",
        ("user[$ne]=1", '{"$gt": ""}', "$where: '1 == 1'", "q[%24regex]=.*", "$ne", "', $or: [ {}, { 'a':'a"),
        ("$in: dollars", "price $gt 5", "US$ and: more", '{"$schema": "x"}'),
    ),
    Signature(
        "nosql.script",
        "nosql",
        0.8,
        rb"this\.|db\.[a-z]|return|mapreduce|while(?: |%20|\+)?\(|getcollectionnames|emit\(|\}while|objectid|tojson|\|\|[^=\n]{0,16}==|sleep\(|new(?: |\+|%20)?date",
        r"['\"]\s{0,3};?\s{0,3}while\s?\(\s?(?:true|1)\s?\)|db\.getCollectionNames|\bemit\s?\(\s?this\b|do\s?\{[^{}]{0,80}new\s?Date\b|\A(?:true|1|0)\s?;\s?return\s+(?:true|1)\b|\bdb\.version\(\)|(?:['\"}|&;]|\A)\s{0,3}(?:&&|\|\||;)?\s{0,3}this\.\w{1,40}(?:\.match|\[|\s?[!=]=)|\bdb\.\w{1,40}\.(?:insert|find|drop|remove|update|mapReduce|aggregate|count)\w{0,10}\s?\(|"
        r"['\"]\s{0,3}[;}]\s{0,3}return\b|(?:['\"}]\s{0,3};?|\A\W{1,5})\s{0,3}return\s?\(?(?:true|1\s?==?\s?1|this\.)|['\"]\s{0,3}\|\|\s{0,3}['\"]?\w{0,8}['\"]?\s{0,3}={2,3}|\A\s?\|\|\s?\d\s?={1,3}\s?\d|\.mapReduce\s?\(|tojson\s?\(\s?(?:this|db)|\}\s?\]\s?,\s?\$|['\"]\s?;\s?\w{1,12}\s?=\s?new\s?Date|\Athis\.\w{1,30}\.(?:length|match)",
        ("' && this.password.match(/.*/)//", "db.users.drop()", "'; return true; var x='", "|| 1==1", "' || 'a'=='a"),
        ("I return 1 item", "look at this. it works", "return to sender", "return true to your roots"),
    ),
    Signature(
        "ldap.filter",
        "ldap",
        0.85,
        rb"\([a-z][a-z0-9-]{1,40}:|\*\)?\\00|(?:\(|%28)(?:[&|!]|%26|%7c)|[&|!](?:\(|%28)|\([a-z][a-z0-9-]{1,40}[ ]{0,2}(?:=|%3d)[ ]{0,2}(?:\*|%2a)|\)[^a-z0-9]{0,6}\(|\([^a-z0-9]{0,3}[|&!]|\(\*|\*\)|\*\||\|\(|&\(|\\2[89a]|%28|%29",
        r"\)\s{0,3}\(\s{0,3}[|&!]?\s{0,3}\(?\s{0,3}[\w-]{1,40}\s{0,3}[~<>]?=|\*\)\s{0,3}\(|\*\)\s{0,3}\)\s{0,3}\(?\s{0,3}[|&(]|\(\s{0,3}[|&!]\s{0,3}\(\s{0,3}[\w-]{1,40}\s{0,3}[~<>]?=|\A[\w*]{0,30}\)\s{0,3}\(\s{0,3}[|&!]\s{0,3}(?:[(|&)]|\Z)|"
        r"\A\*\(\)?[|&]|\(\*\)[*|)]|\A\(?[|&]\(\w+=\*|\)\s?\(\s?(?:objectclass|uid|cn|mail|userpassword)\s?=|\*\)\)?(?:%00|\x00)|\A\W{0,3}\(\s?[a-z][\w-]{1,40}\s?=\s?[\w]{0,30}\*|\(\s?\w[\w-]{1,40}:[\d.]{3,40}:=|\A(?:\*\||\([&|!]|[&|!]\(|\)\()\Z|\A\*\)?\\00|\A\|\(\w{1,30}=|(?:\\2[89a]\W{0,3}){2}",
        (
            "*)(uid=*))(|(uid=*",
            "admin*)((|userPassword=*)",
            "*(|(objectclass=*))",
            "x)(cn=a",
            "*()|&'",
            "(userAccountControl:1.2.840.113556.1.4.803:=2)",
            "*)\\00",
            "(&",
            "|(a=b",
        ),
        ("(a)(b)", "(RUSTIC OR ORGANIC)", "f(x)=(y)", "* (new)", "(x=1) and (y=2)"),
        EXCEPT_HEADERS,
    ),
)
