"""Know the shapes of SQL injection: patterns over the kinds of tokens, each with its proof.

The idea is libinjection's (none of its code or data): a value is no attack because of the words in it, but because it
reads as SQL from where it would be put. So it is read three times: as it stands (where a number is expected), and
from behind its first single and its first double quote (where a string is expected, which the quote ends; the string
is the `s` that the shape begins with). Prose that mentions SQL begins with words, and has another shape.
"""

# a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["FINGERPRINTS", "Fingerprint"]

PLAIN, SINGLE, DOUBLE = "plain", "single", "double"
_ALL = (PLAIN, SINGLE, DOUBLE)
_QUOTED = (SINGLE, DOUBLE)

# What a value may be before the attack begins: at most one name (`foo' …`, `5 and …`), brackets and arithmetic.
_BEFORE = r"^[^nfoEFWSUZ]{0,12}n?[^nfoEFWSUZ;]{0,12}?"
# What may be selected: nothing that reads on like a sentence.
_SELECTED = r"(?:[1sv](?!n)|v[n(]|[fD(XZ]|\+(?:[F,;c)]|$)|Sx?|n[,F(;c)o]|n[&+]\(*[s1f(v]|x(?!$)|E|c|w\(|S)"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One shape: its id, in which contexts it counts, and what it proves. Tests walk examples and counter-examples."""

    rule: str
    score: float
    contexts: tuple[str, ...]
    pattern: str
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
    search: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", re.compile(self.pattern))


FINGERPRINTS = (
    Fingerprint(
        "sqli.union_select",
        1.0,
        _ALL,
        rf"U[(s]*S{_SELECTED}|[1s)]U\(*Sn?$|^U\(*S$|(?:^|[1s)])U\(*V",
        (
            "-1 union select 1,2,3",
            "x' UNION ALL SELECT NULL,NULL--",
            "1 union(select password from users)",
            "1 /*!50000UNION*/ /*!50000SELECT*/ user()",
            "1 union values row(1)",
            "1' UNION SELECT name||':'||pass FROM users--",
        ),
        (
            "the European union select committee",
            "O'Hara's union selected a few friends",
            "union select a few of them",
            "1 union table for 5",
            "union select men & women",
        ),
    ),
    Fingerprint(
        "sqli.tautology",
        0.9,
        _ALL,
        _BEFORE + r"&\(*[1sv](?:\+[1sv])*\)*o\(*[1svfDSEX]",
        ("1 or 1=1", "' or '1'='1", "hi or 1=1 --", "1) and (5=5", "x' or 1=(select 1)", '" or "a"="a'),
        ("1950 or 1960", "mix 2 and 3 for 5", "black and white = monochrome", "rock 'n' roll and 'punk'"),
    ),
    Fingerprint(
        "sqli.tautology_of_words",
        0.7,
        (PLAIN,),
        r"^[1)]*&\(*[nv]\)*(?:o\(*[n1sv]|i1)",
        ("or a=a", "1 or user_id is not null", "1 || uid=1"),
        ("and a half", "or the like"),
    ),
    Fingerprint(
        "sqli.condition_in_string",
        0.9,
        _QUOTED,
        r"^s\)*(?:&\(*[nv1]\)*(?:o\(*[1svnfD(SE]|i1|w\(*[sf]|wnc)|&\(*[svfDZ1]\)*i\(|&\(*s[o+]s|&\(*n\(\)o|&\(*[1sv]\)*w\(*[1svf(])",
        ("x' and email is null; --", "1' and tablename = '1", "' or username like '%a", "' or 'a' in ('a')"),
        ("O'Neill and Sons", "the 5' and 6' planks", "'rock' and 'roll'"),
    ),
    Fingerprint(
        "sqli.literal_is_compared",
        0.7,
        (PLAIN,),
        r"^[1)(]*&\(*[1sv]\)*[iw]\(*[1sv(S]|^1\)*w\(",
        ("1 and 1 like 1", "1 and 1 in (select 1)", "1 rlike (select 1)"),
        ("3 and 2 in one",),
    ),
    Fingerprint(
        "sqli.called_function",
        0.9,
        _ALL,
        r"^[^nfEFWSUZ]{0,8}&\(*(?:f\(|n\(+S)|"
        + _BEFORE
        + r"[&o+w]\(*D\(|&\(*D\(|^[^nFWSU]{0,12}D\((?!1\)nn)|^[1s)]*&\(*[nvZ]?o?f\(",
        (
            "1 and sleep(5)",
            "' or benchmark(1000000,md5(1))#",
            "pg_sleep(10)--",
            "1 and ascii(substring(user(),1,1))>64",
        ),
        (
            "call sleep(5) and wait",
            "sleep (8 hours)",
            "sleep(8) hours would be great",
            "lamp and shade(new)",
            "POLYGON((0 0, 4 0, 1 1, 0 0))",
        ),
    ),
    Fingerprint(
        "sqli.subselect",
        0.9,
        _ALL,
        rf"(?:[&owi+,]|[1sv]\)*|f\(+)\(+S{_SELECTED}|^\(+S(?:[sv1](?!n)|[+fD(]|n[,(]|nFZ|nFn(?:[B1;c)]|E))|^s\)*(?:[,+;&o]+\(*|\(+)S{_SELECTED}|^sS(?:1(?!n)|v[,F])|"
        rf"^(?:[1s)][^nfEFWSUZ]{{0,8}})?(?:(?<!^)o|&)\(*S{_SELECTED}",
        (
            "1 and (select 1)=1",
            "' || (select password from users) || '",
            "(select count(*) from users)",
            "1,(select user())",
        ),
        ("(select size)", "sizes (select one of them)"),
    ),
    Fingerprint(
        "sqli.phrase",
        0.95,
        _ALL,
        r"X",
        ("'; waitfor delay '0:0:5'--", "1 into outfile '/tmp/x'", "exec master..xp_cmdshell 'dir'"),
        ("waiting for a delay", "in case when it rains", "case 5: when it rains then it pours"),
    ),
    Fingerprint(
        "sqli.statement",
        0.9,
        _ALL,
        r"^E|(?:[;1s(,c]|^[1s]\)+|^[1s]\+|^s?\)*&)E|^[s1n]?\)*;\(*(?:S(?:[1svfD+(]|n(?:[,(]|F\(*(?!n[ni]+n)))|E)|^[s1v]\)*E|;\)*E",
        ("1; drop table users", "x'; insert into users values(1)--", "delete from users where 1=1", "1' order by 10--"),
        (
            "1; exec will create the case",
            "please drop by the table",
            "update your apps",
            "by order of the management",
            "5; exec 'link' 70",
            "hi; SELECT name FROM users is my query",
            "begin declare",
        ),
    ),
    Fingerprint(
        "sqli.query",
        0.8,
        (PLAIN,),
        r"^S(?:[^;]{0,40}F\(*Z|[^F;n]{0,30}(?:,|f\(|D\(|v)[^;]{0,40}F\(*[nZ](?!;?n)|[^F]{0,20}n,[^;]{0,40}F\(*[nZ](?!;?n)|"
        r"\+F\(*[nZ](?!;?n)|v(?:$|[;c])|f\([^n]*\)+[;c]?$|D\(|vF)|^\(*Sn?F(?:n[W][n1]o[1svn](?!nn)|n[;c]$)|^S[fn]\([^;]{0,20}F\(?[nZ]",
        ("select * from users", "select a,b from t where", "select @@version", "select name from sysibm.systables;"),
        (
            "select a gift from the menu",
            "SELECT a FROM b WHERE c = 5 gives an error",
            "select x from y where",
            "select 'and'",
            "select pair #1, please",
        ),
    ),
    Fingerprint(
        "sqli.string_is_joined",
        0.7,
        (SINGLE,),
        r"^s[ow]\(*(?:s|f\()|^s\)*(?:[+ow&]+[1vf()]+)+[&owi+]\(*[s1vf]|^s&\(*[fD]\(|^s[+]no[s1]|^s&s[&o+wi]|^si\(*[1sv](?:\+1)?&|^s[+&]\(*(?:f\(|[1v][+&]s$)",
        ("'='", "x'||'y", "a' like 'b", "aa'/1 or '1", "'+(sleep(5))+'", "'||sleep(1)||'"),
        ("JACK-O'-LANTERN", "4'+X+4'+WOOD", "'quoted' and 'quoted again'"),
    ),
    Fingerprint(
        "sqli.string_is_ended",
        0.7,
        _QUOTED,
        r"^s\)+[^n]{0,30}c$|^s\)*;c|^s\)*(?:&1|o1|&\(*1\)*)c$|^s[,)][1,v)]+c$|^s\)*,1(?:,1|[)c])",
        ("') or 1--", "';--", "' or 1#", "',NULL,NULL)--"),
        ("FOO BAR'# BLAH", '8.5X11"-300 DPI) --', "'1--'"),
    ),
    Fingerprint(
        "sqli.computed",
        0.6,
        (PLAIN,),
        r"^\(+(?=[^n]*[svSfD])[^nEFW]*[&+o][^nEFW]*\)c$|^f\([^n]{0,30}S[1svf+(]|^\)+[,1]*[1),]*E|^(?:\)+|,)[^n]{0,40}[DX]|^f\([^;nFW]{0,30}[o+]{1,2}1$|"
        r"^vSv|^1[+o]\(+[1]?[+o]?f\(|^1\+f\([^)]*o[^)]*,|^x+\)*U\(*S|^[1s]\)*[+o]\(*f\(.*[o+&].*c?$",
        ("( 'a' or @b ) --", "),null,null) order by 1--", "if(benchmark(3000000,md5(1)),null,null)"),
        ("(1297-MR)", "(8.5 x 11) -- new"),
    ),
    Fingerprint(
        "sqli.catalogue",
        0.9,
        _ALL,
        _BEFORE + r"S[^;]{0,40}F\(*Z",
        ("1 and exists(select * from information_schema.tables)", "' and 1=(select top 1 name from sysobjects)--"),
        ("I ran SELECT * FROM information_schema.tables and got an error",),
    ),
)
"""From the most telling shape to the least; the first that fits is what is reported."""
