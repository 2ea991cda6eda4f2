"""Know the words of SQL dialects: which are operators, functions, catalogues, and beginnings of statements."""

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

import re

__all__ = ["kind_of_word"]


def _words(letter: str, words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), letter)


_KIND_OF_WORD: dict[str, str] = {
    **_words("&", "and or xor"),
    **_words("1", "null true false"),
    **_words(
        "v", "current_user session_user system_user current_timestamp sysdate rownum current_date utc_time utc_date"
    ),
    **_words("w", "like rlike regexp ilike glob sounds similar mod div soundex"),
    **_words("i", "in is between"),
    **_words("U", "union intersect except"),
    **_words("S", "select"),
    **_words("F", "from"),
    **_words("W", "where"),
    **_words("+", "collate"),
    # Read over: they change nothing about the shape.
    **_words(" ", "all distinct distinctrow binary not exists any some top escape"),
}

_FUNCTIONS = frozenset(
    [
        "abs",
        "aes_decrypt",
        "aes_encrypt",
        "ascii",
        "asc",
        "avg",
        "bin",
        "bit_and",
        "bit_length",
        "cast",
        "ceil",
        "char",
        "char_length",
        "chr",
        "coalesce",
        "concat",
        "concat_ws",
        "conv",
        "convert",
        "cos",
        "count",
        "crc32",
        "current_database",
        "current_setting",
        "current_user",
        "database",
        "date",
        "db_name",
        "decode",
        "elt",
        "encode",
        "exp",
        "field",
        "floor",
        "greatest",
        "group_concat",
        "has_dbaccess",
        "hex",
        "host_name",
        "if",
        "ifnull",
        "iif",
        "instr",
        "is_member",
        "isnull",
        "is_srvrolemember",
        "json_extract",
        "json_keys",
        "least",
        "left",
        "len",
        "length",
        "listagg",
        "locate",
        "log",
        "lower",
        "ltrim",
        "make_set",
        "max",
        "mid",
        "min",
        "name_const",
        "now",
        "nullif",
        "nvl",
        "object_id",
        "ord",
        "password",
        "pi",
        "pow",
        "quotename",
        "radians",
        "rand",
        "random",
        "replace",
        "reverse",
        "right",
        "round",
        "row",
        "row_count",
        "rpad",
        "rtrim",
        "schema",
        "schema_name",
        "serverproperty",
        "session_user",
        "sha1",
        "md5",
        "sign",
        "sin",
        "soundex",
        "sqlite_version",
        "sqrt",
        "stragg",
        "strcmp",
        "string_agg",
        "substr",
        "substring",
        "sum",
        "suser_name",
        "system_user",
        "tan",
        "to_char",
        "to_number",
        "trim",
        "truncate",
        "tz_offset",
        "unhex",
        "unicode",
        "upper",
        "user",
        "user_id",
        "user_name",
        "uuid",
        "version",
        "xmltype",
        "bitand",
        "ctxsys",
    ]
)

# Functions that are words of a language, too: only a bracket right behind them makes them calls.
_ENGLISH = frozenset(
    [
        "abs",
        "date",
        "database",
        "decode",
        "elt",
        "encode",
        "exp",
        "field",
        "floor",
        "hex",
        "if",
        "instr",
        "least",
        "left",
        "length",
        "lower",
        "max",
        "mid",
        "min",
        "now",
        "ord",
        "password",
        "pi",
        "power",
        "random",
        "replace",
        "reverse",
        "right",
        "round",
        "row",
        "schema",
        "sign",
        "sin",
        "space",
        "sum",
        "tan",
        "top",
        "trim",
        "unicode",
        "upper",
        "user",
        "version",
        "bin",
        "count",
        "char",
        "cast",
        "convert",
        "log",
        "position",
        "tr",
        "insert",
        "log",
        "second",
    ]
)

_DANGEROUS = frozenset(
    [
        "benchmark",
        "database_to_xml",
        "dbms_lock.sleep",
        "dbms_pipe.receive_message",
        "dblink",
        "dblink_connect",
        "extractvalue",
        "filetoclob",
        "gtid_subset",
        "gtid_subtract",
        "json_storage_size",
        "load_extension",
        "load_file",
        "lo_import",
        "lo_export",
        "openrowset",
        "opendatasource",
        "openquery",
        "pg_ls_dir",
        "pg_read_file",
        "pg_sleep",
        "query_to_xml",
        "randomblob",
        "sleep",
        "sys_eval",
        "sys_exec",
        "updatexml",
        "utl_http.request",
        "utl_inaddr.get_host_address",
        "utl_inaddr.get_host_name",
        "ctxsys.drithsx.sn",
        "dbms_ldap.init",
        "httpuritype",
        "st_latfromgeohash",
        "st_longfromgeohash",
        "st_pointfromgeohash",
        "ora_hash",
        "xmlquery",
        "dbms_xmlgen.getxml",
        "dbms_utility.sqlid_to_sqlhash",
        "polygon",
        "multipolygon",
        "linestring",
        "multipoint",
        "multilinestring",
        "geometrycollection",
        "fn_xe_file_target_read_file",
        "fn_get_audit_file",
        "fn_trace_gettable",
        "generate_series",
        "copy_from",
    ]
)

_CATALOGUE = re.compile(
    r"information_schema\b.*|mysql\.\w+|sys(?:objects|columns|databases|users|servers\w*|ibm\.\w+|cat\.\w+|dba\.\w+)|"
    r"sys\.{1,2}\w+\$?|pg_(?:shadow|catalog|user|class|database|tables|roles)\b.*|sqlite_(?:master|schema)|"
    r"all_(?:tables|users|tab_\w+|objects)|user_(?:tables|tab_columns|objects)|dba_\w+|v\$\w+|dual|"
    r"master\.{1,2}\w+|msys\w+|rdb\$\w+|performance_schema\b.*",
    re.IGNORECASE,
)
_CATALOGUE_BEGINNINGS = frozenset(
    ("inf", "mys", "sys", "pg_", "sql", "all", "use", "dba", "v$v", "dua", "mas", "msy", "rdb", "per", "v$s", "v$i")
)

_NAME = r"[\w$.`\"\[\]@*-]{1,80}"
_END = r"\s*(?:\Z|;|--|\#|/\*|\)|')"
# What is run is a procedure of the server, or a string that begins as a statement or a command does.
_RUN = (
    r"(?:\(\s*(?:['@]|char|concat)|(?<=\s)@\w|(?<=\s)n?'(?:[xs]p_|master|msdb|sys\.|select|insert|update|delete|drop|create|"
    r"alter|declare|exec|waitfor|shutdown|dir\b|cmd|net\s|ping\s|ipconfig|whoami)|(?:master|msdb|sys)\.|[xs]p_|immediate\s)"
)
_STATEMENTS = {
    "drop": rf"drop\s+(?:table|database|schema|view|user|login|function|procedure|index|column|role|trigger)\s+"
    rf"(?:if\s+exists\s+)?{_NAME}(?:{_END}|\s*,|\s+(?:cascade|select|where))",
    "insert": rf"insert\s+(?:ignore\s+)?into\s+{_NAME}\s*(?:\(|values|select)",
    "delete": rf"delete\s+(?:low_priority\s+|quick\s+)?from\s+{_NAME}(?:{_END}|\s+where\s)",
    "update": rf"update\s+{_NAME}\s+set\s+{_NAME}\s*=",
    "truncate": rf"truncate\s+table\s+{_NAME}{_END}",
    "alter": rf"alter\s+(?:table|database|user|login|session|system)\s+{_NAME}\s+"
    r"(?:set|add|drop|modify|rename|identified|with|alter)\b",
    "create": rf"create\s+(?:or\s+replace\s+)?(?:table\s+{_NAME}\s*\(|(?:user|login|function|procedure|trigger|role|"
    rf"database|extension|language)\s+{_NAME}\s*(?:\(|identified|with|as\b|returns|{_END}))",
    "exec": rf"exec\s*{_RUN}",
    "execute": rf"execute\s*{_RUN}",
    "declare": r"declare\s+@\w+",
    "set": r"set\s+@\w+\s*=",
    "shutdown": r"shutdown(?:\s+with\s+nowait|\s*(?:;|--))",
    "grant": rf"grant\s+\w+\s+(?:on\s+{_NAME}\s+)?to\s+\w+{_END}",
    "revoke": rf"revoke\s+\w+\s+on\s+{_NAME}\s+from\s",
    "backup": r"backup\s+(?:database|log)\s+\w+\s+to\s",
    "restore": r"restore\s+database\s+\w+\s+from\s",
    "load": r"load\s+(?:data|xml)\s+(?:local\s+|low_priority\s+)?infile",
    "copy": rf"copy\s{{0,9}}(?:{_NAME}\s*)?(?:\([^)]{{0,200}}\)\s*)?(?:from|to)\s+(?:program\s+)?'",
    "handler": rf"handler\s+{_NAME}\s+open",
    "merge": rf"merge\s+into\s+{_NAME}\s+using",
    "begin": r"begin\s+(?:declare\s+@?\w+\s+(?:n?var|n?char|int|table|cursor|number|date|exit|continue)|"
    r"(?:try|transaction)\b(?!\s+(?:[a-z]+\s+){2})|goto|dbms_|if\s*[(@])",
    "goto": r"goto\s+\w+\s+(?:declare|alter|select)",
    "if": r"if\s*(?:not\s*)?\(\s*(?:substring|select|ascii|len|db_name|user|system_user|1\s*=|not\b)|if\s+not\s*\(",
    "order": r"order\s+by\s+(?:\d+|\(\s*select)(?=\s*(?:,|--|\#|/\*|\)|;|\Z|'))|order\s+by\s+\(?(?:sleep|if|case|extractvalue|updatexml)\b",
    "group": rf"group\s+by\s+[\w.,\s]{{1,200}}?\s(?:having\s+\d+\s*=|with\s+rollup)|group\s+by\s+\d+(?:,\d+)*{_END}|"
    rf"group\s+by\s+[\w.]+\s*(?:--|\#)|group\s+by\s+\w+\s*\([^;]{{0,200}}(?:rand|having)",
    "having": r"having\s+(?:\d+\s*[=<>]|'\w*'\s*=|(?:min|max|count|sum|avg|updatexml|extractvalue)\()",
    "limit": r"limit\s+\d+\s*(?:\)|,\s*\d+\s*(?:\)|--|\#|;|\Z|into|procedure|union)|(?:--|\#|into|procedure|union|offset))",
}
_PHRASES = {
    "waitfor": r"waitfor\s+(?:delay|time)\s*['\"(@0-9_]",
    "into": r"into\s+(?:out|dump)file\b",
    "procedure": r"procedure\s+analyse\s*\(",
    "case": r"case\s*(?:(?:[-+~]?\d{1,12}|'\w*'|\([^;]{0,60}?\)|\w{1,30}(?:\([^;]{0,60}?\))?)\s*when[\s(]|"
    r"when[\s(]*[-+~\w.@'\"()]{1,40}\s*(?:[=<>)]|(?:like|is|in|between|rlike|regexp)\b)|when[\s(]+\d{1,9}\s*then)"
    r"[^;]{0,200}?\bthen\b",
    "table": r"table\s+[a-z_][\w.]{0,40}\s*(?:\Z|--|\#|/\*|;|limit\s\d)",
    "values": r"values\s*(?:row\s*)?\(\s*(?:\d|null|'|\"|@|[a-z_]+\()",
    "copy": r"copy\s+\w+\s+from\s+program",
    "xp_cmdshell": "xp_cmdshell",
    "sp_executesql": "sp_executesql",
    "sp_oacreate": "sp_oacreate",
    "xp_dirtree": "xp_dirtree",
    "xp_regread": "xp_regread",
}
# `POLYGON((0 0, 4 0, 1 1, 0 0))`: how maps write a shape down.
_WELL_KNOWN_TEXT = re.compile(r"\(+\s*-?\d+(?:\.\d+)?\s+-?\d")
_MATCH_STATEMENT = {word: re.compile(rf"{text}", re.IGNORECASE).match for word, text in _STATEMENTS.items()}
_MATCH_PHRASE = {word: re.compile(rf"{text}", re.IGNORECASE).match for word, text in _PHRASES.items()}


def kind_of_word(text: str, match: re.Match[str]) -> str:
    """Return the letter of a word in its place in a text; a blank for one to be read over."""
    word = match[0].lower()
    known = _KIND_OF_WORD.get(word)
    if known is not None:
        return known
    end = match.end()
    phrase = _MATCH_PHRASE.get(word) or _MATCH_PHRASE.get(word.rpartition(".")[2])
    if phrase is not None and phrase(text, end - len(word.rpartition(".")[2])):
        return "V" if word in ("table", "values") else "X"
    statement = _MATCH_STATEMENT.get(word)
    if statement is not None and statement(text, match.start()):
        return "E"
    after = text[end : end + 2]
    if after[:1] == "(":
        if word in _DANGEROUS:
            return "n" if _WELL_KNOWN_TEXT.match(text, end) else "D"
        return "f" if word in _FUNCTIONS else "n"
    if after == " (" and word in _FUNCTIONS and word not in _ENGLISH:
        return "f"
    if word[:3] in _CATALOGUE_BEGINNINGS and _CATALOGUE.fullmatch(word):
        return "Z"
    return "n"
