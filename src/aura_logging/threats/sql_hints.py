"""Say what may be SQL in a request as it came: hints for the gate, loose but missing nothing that the shapes know."""

from __future__ import annotations

from aura_logging.threats.signature import BLANK as _B

__all__ = ["SQL_HINTS"]

_FUNCTIONS = (
    rb"sleep|benchmark|if|iif|concat|concat_ws|char|chr|ascii|substr|substring|mid|ord|hex|unhex|conv|cast|convert|md5|"
    rb"sha1|user|database|version|schema|count|length|len|load_file|extractvalue|updatexml|elt|make_set|exp|row|floor|"
    rb"rand|coalesce|ifnull|nullif|group_concat|stragg|string_agg|now|randomblob|aes_encrypt|pi|cos|sin|bin|password|"
    rb"current_user|session_user|system_user|current_database|current_setting|db_name|gtid_subset|json_keys|field|"
    rb"least|greatest|isnull|nvl|decode|instr|locate|strcmp|crc32|quotename|serverproperty|filetoclob|sqlite_version|"
    rb"polygon|multipoint|linestring|generate_series|query_to_xml|has_dbaccess|is_srvrolemember|tz_offset|listagg|"
    rb"utl_[a-z]{1,8}\.[a-z_]{1,20}|dbms_[a-z]{1,8}\.[a-z_]{1,20}|pg_[a-z_]{1,20}|lo_import|lo_export|openrowset|"
    rb"opendatasource|openquery|dblink[a-z_]{0,10}|sys_e[a-z]{1,4}|upper|lower|left|right|round|sqrt|abs|to_char|trim"
)
_CATALOGUES = (
    rb"information_schema|sysobjects|syscolumns|sysusers|sysdatabases|sysibm|syscat|pg_shadow|pg_user|sqlite_master|"
    rb"msysaccess|all_tables|user_tables|all_tab|xp_[a-z]{3}|sp_execute|sp_oa|mysql\."
)

SQL_HINTS: tuple[bytes, ...] = (
    rb"['\"`]",
    rb"union[^&=]{1,60}select|select(?:" + _B + rb"|[(@'\"`*/-])",
    rb"(?:^|[^a-z])(?:or|and|xor)(?:(?:" + _B + rb"{1,4}[-+~!(@]{0,6}|[-+~!(@]{1,6})"
    rb"(?:[0-9.@(]|null|true|false|[a-z_0-9.]{1,40}"
    + _B
    + rb"{0,4}(?:[=<>!(]|%3d|%28|"
    + _B
    + rb"(?:is|in|like|not)))|[0-9])",
    rb"&&|\|\||%26%26|%7c%7c|"
    + _B
    + rb"(?:rlike|regexp)(?:"
    + _B
    + rb"|[(-])|"
    + _B
    + rb"(?:like|div|mod)"
    + _B
    + rb"{0,4}[0-9(@-]",
    rb"(?:^|[^a-z0-9_])(?:" + _FUNCTIONS + rb")\(",
    rb"(?:drop|alter|create|truncate|backup|restore|grant|revoke)"
    + _B
    + rb"{1,4}(?:or|table|database|schema|view|user|"
    rb"login|function|procedure|index|column|role|trigger|log|session|system|extension|language|all|connect|resource|"
    rb"select|insert|[a-z]{1,20}" + _B + rb"{1,4}(?:on|to))",
    rb"insert"
    + _B
    + rb"{1,4}(?:ignore|into)|delete"
    + _B
    + rb"{1,4}(?:low_priority|quick|from)|update"
    + _B
    + rb"{1,4}[^&]{1,80}"
    + _B
    + rb"set"
    + _B
    + rb"|exec(?:ute)?"
    + _B
    + rb"{0,4}(?:[(@]|master|msdb|sys\.|[xs]p_|immediate)|declare"
    + _B
    + rb"{1,4}@|set"
    + _B
    + rb"{1,4}@|shutdown(?:"
    + _B
    + rb"{1,4}with|"
    + _B
    + rb"{0,4}(?:;|--))|waitfor"
    + _B
    + rb"|into"
    + _B
    + rb"{1,4}(?:out|dump)file",
    rb"(?:order|group)"
    + _B
    + rb"{1,4}by"
    + _B
    + rb"{1,4}[^&]|having"
    + _B
    + rb"{1,4}[^&]{1,20}(?:[=<>(]|%3d)|limit"
    + _B
    + rb"{1,4}[0-9]|procedure"
    + _B
    + rb"{1,4}analyse|case(?:"
    + _B
    + rb"{1,4}when|\()|load"
    + _B
    + rb"{1,4}data|copy"
    + _B
    + rb"{1,4}[a-z]|"
    rb"handler"
    + _B
    + rb"{1,4}[a-z]|merge"
    + _B
    + rb"{1,4}into|begin"
    + _B
    + rb"{1,4}(?:declare|try|tran|goto|dbms_|if)|goto"
    + _B,
    rb"@@|%40%40|0x[0-9a-f]{6}|/\*!|union(?:"
    + _B
    + rb"{1,4}(?:all"
    + _B
    + rb"{1,4}|distinct"
    + _B
    + rb"{1,4})?)(?:values|table)|"
    rb"[0-9][ ]?(?:=|%3d)[ ]?[0-9]{1,6}(?:$|\n)|[0-9]"
    + _B
    + rb"(?:like|regexp)"
    + _B
    + rb"|\)[^&]{0,40}(?:--|/\*)|;"
    + _B
    + rb"{0,4}(?:if|select)|"
    + _CATALOGUES,
)
