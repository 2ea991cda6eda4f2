"""Path traversal and file inclusion: ways up the tree, files nobody asks for, schemes that read."""

# ruff: noqa: E501  # a pattern is one thing, and broken up is harder to compare

from __future__ import annotations

from aura_logging.threats.signature import EXCEPT_ADDRESSES, PATH, SLASH, Signature

__all__ = ["FILES"]

_UNIX_FILES = (
    "passwd|shadow|group|hosts|hostname|issue|motd|mtab|fstab|crontab|sudoers|ssh|ssl|apache2?|httpd|nginx|mysql|my\\.cnf|"
    "php\\d?|php\\.ini|security|init\\.d|rc\\.d|resolv\\.conf|network|sysconfig|pam\\.d|ftp\\w*|vsftpd\\S*|proftpd\\S*|pure-ftpd\\S*|"
    "lighttpd|logrotate\\S*|exports|inetd\\.conf|syslog\\.conf|snmp|lilo\\.conf|redhat-release|debian_version|os-release|"
    "profile|bashrc|environment|printcap|chrootUsers|wu-ftpd|samba|postfix|mail|aliases|services|protocols|ld\\.so\\S*|"
    "login\\.\\w+|named\\S*|ntp\\.conf|modules\\S*|kubernetes|docker|tomcat\\S*|squid\\S*|openldap|shells|hosts\\.\\w+|"
    "security/\\S*|default/\\S*|sysctl\\.conf|cron\\.\\w+|at\\.\\w+|anacrontab|updatedb\\.conf|master\\.passwd|nsswitch\\.conf|X11\\S*|"
    "gshadow|passwd-|shadow-|timezone|ppp|vhcs2\\S*|muddleftpd\\S*|subversion|webmin\\S*|cups\\S*|mandrake-release"
)
_ROOTS = (
    "var/(?:log|logs|www|lib|adm|spool|mail|run|apache2?|cpanel|saf|local|mysql\\S*|lp|webmin|svn|backups|htmp|nm2|data|db|opt|cron|cache|postgresql)|"
    "usr/(?:local|lib|etc|share|home|ports|pkg|pkgsrc|sbin|apache2?|mysql\\S*|bin|spool|adm)|"
    "opt/(?:lampp|xampp|apache2?|httpd|nginx|tomcat\\S*|[\\w.-]+/(?:conf|logs|etc))|"
    "private/(?:etc|var)|proc/(?:self|\\d+|version|cpuinfo|cmdline|mounts|net|meminfo|sched_debug|\\w{1,12}$)|dev/(?:tcp|udp|random|zero)|"
    "root/\\.?\\w|home/[\\w$]{1,20}/\\.|(?:[\\w.]{1,20}/)?\\.(?:ssh|aws|bash_\\w+|kube|docker|gnupg)/?|Volumes/\\w+/|"
    "tmp/sess|srv/(?:www|http)|sys/class|run/(?:secrets|docker)|boot/grub\\S*|apache2?/(?:conf|logs?)|log(?:s)?/(?:access|error)|www/(?:logs?|conf|apache)|"
    "Library/WebServer|System/Library|NetServer/bin|MySQL/|php\\d?/php\\.ini|xampp/|web/conf|usr/home/"
)

FILES = (
    Signature(
        "path_traversal.upwards",
        "path_traversal",
        0.9,
        rb"\.\.(?:[^a-z0-9]|2f)|/\.[/\\]|\.\.%|%2e|\.%|\.\x00\.|0x2e",
        # The run begins the value, or follows what a path may follow; prose before it makes it a mention.
        r"(?:\A|[=:,\[({]|\A[^\s<>\"']{0,200}?[/\\])[\"']?(?:[\w.-]{0,40}[/\\]{1,3})?[/\\.?;]{0,4}(?:\.{2,6}[\s\x00;.?*%]{0,3}[/\\]{1,4}){2,}"
        r"|(?:\A|[/\\=])\.{2,4}[/\\]{1,4}[^\s]{0,80}?(?:\{FILE\}|etc[/\\]|boot\.ini|win(?:nt|dows)|\.(?:ini|conf|log|env|htaccess|htpasswd|bak|inc|sql|pem|key)(?:\W|\Z)|proc[/\\]|passwd)"
        r"|(?:\A|[/\\])\.{2}(?:;|%00|\x00)[/\\]|(?:\A|[/\\])\.{3,4}[/\\]{2}"
        r"|(?:\.\.[/\\]?2f){1,}|[/\\]\.{6,200}[/\\]|\A(?:[/\\]{1,3}\.{1,2}){2,}[/\\]|\A\.\.[/\\][\w-]{1,30}\.(?:php|aspx?|jsp|inc)\Z"
        r"|\A[/\\]{1,4}\.{2}(?:[/\\]|\Z)|\A\.\.[/\\](?:app|conf|config|inc|includes?|admin)[/\\]\S{1,80}\.(?:ya?ml|ini|php|xml|json|conf|env)\Z|\A\.{2}[/\\]{1,4}\{?\Z|[/\\]\.{2}\Z",
        (
            "../../../../etc/hosts",
            "..\\..\\windows\\win.ini",
            "/static/..%2f..%2f..%2fsettings.py",
            "....//....//etc/passwd",
            "%252e%252e%252f%252e%252e%252fx",
            "..%c0%af..%c0%afx",
            "/..;/manager/html",
        ),
        ("to be continued... / later", "import x from '../../utils'", "see ../README", "yes.../no...", "1..10"),
    ),
    Signature(
        "path_traversal.sensitive_file",
        "path_traversal",
        0.9,
        rb"(?:etc|proc|windows|winnt|conf|logs?|root|run|var|usr|opt|dev|apache2?|xampp|php[0-9]?|srv|sys|grub|volumes|"
        rb"netserver|mysql|\.(?:ssh|aws|kube|docker|gnupg)|(?:^|[^a-z])[a-z](?::|%3a)|(?:^|[^a-z])[a-z](?::|%3a)windows)"
        + SLASH
        + rb"|(?:private|home|tmp|web|www|library|system)"
        + SLASH
        + rb"{1,3}(?:etc|var|sess|conf|log|apache|webserver|library|[a-z0-9_$]{1,20}"
        + SLASH
        + rb"\.)|(?:^|[^a-z0-9]|%2f)\.(?:env|svn|ds_store)|etc/\./|\.(?:ssh|aws|bash_|kube|docker|gnupg)|(?:windows|winnt|inetpub)"
        + SLASH
        + rb"|boot\.ini|win\.ini|system\.ini|php\.ini|my\.cnf|\.ht(?:access|passwd|group)|\.bash|httpd\.conf|access[._]log|error[._]log|passwd|shadow|global\.asa|web\.config|\.svn|\.git|web-inf|meta-inf|li4v|li5c|zxrjl3|l2v0yy9|li4l|program(?: |%20|\+)files",
        # The whole value is the path: in a sentence it is only mentioned.
        rf"\A(?:file:)?(?:[^\s\"'<>]{{0,200}}?[/\\=:,;|.]|)[/\\]*(?:etc[/\\]+(?:{_UNIX_FILES})(?:[/\\%\x00.\s;?:)\"'|&<]|\Z)|proc[/\\]+self[/\\])"
        r"|\A(?:file:)?[/\\.]*[/\\]+etc[/\\]+[a-z][\w.-]{1,30}(?:[/\\][\w.-]{1,40}){0,3}\Z|\A(?:Li4v|Li5c|ZXRjL3|L2V0Yy9|Li4l)[\w+/]{4,2000}={0,2}\Z|\A[/\\]?master\.passwd\Z|\A[/\\]{0,3}\.(?:env(?:\.\w{1,12})?|svn/(?:entries|wc\.db)|ds_store|htpasswd|aws/credentials)\Z|\A[/\\]+etc(?:[/\\]\.)+[/\\]\w|\A[^\s]{0,100}?(?:\A|[/\\])(?:(?:web|meta)-inf[/\\]\w|\.git[/\\](?:config|head|index))"
        rf"|\A[\"'(]?(?:file:)?[/\\.]*[/\\]+(?:{_ROOTS})[^\s]{{0,200}}\s{{0,3}}\Z"
        r"|\A[^\s\"'<>]{0,200}?(?:\A|[/\\])(?:boot\.ini|win\.ini|system\.ini|php\.ini|my\.cnf|my\.ini|\.htaccess|\.htpasswd|\.bash_history|\.bash_profile|\.bashrc|httpd\.conf|global\.asax?|web\.config|id_rsa|id_dsa|authorized_keys|access[._]log|error[._]log|wp-config\.php|known_hosts|\.mysql_history|\.profile|\.rhosts|\.netrc|\.pgpass|sam\._|ntuser\.dat|desktop\.ini|php-fpm\.conf|\.s?ht\w+|config\.inc\.php)(?:[\x00%?.;]\S{0,30})?\Z"
        r"|\A[/\\\"']*(?:[a-z]:[/\\]*|[/\\])(?:windows|winnt|inetpub|boot\.ini|xampp|apache|php|mysql|wamp|program files[^\\/]{0,10}[/\\]+(?:apache|mysql|php|xampp|microsoft sql)|system volume)\S{0,200}(?:\.\w{2,4}|[/\\])?\s{0,3}\Z"
        r"|\A(?:etc|apache|logs|conf|php)[/\\](?:passwd|shadow|group|hosts|logs?|php\.ini|access\.log|error\.log|httpd\.conf)\S{0,30}\Z"
        r"|(?:\Acat|\btype|\bmore|\btail|\bhead)\s+(?:/etc/|/proc/|[a-z]:\\|%systemdrive%)(?!\S*(?:\s+[a-z]+){3})",
        (
            "/etc/passwd",
            "file:///etc/shadow",
            "/proc/self/environ",
            "c:\\windows\\win.ini",
            "/var/log/apache2/access.log",
            "../../.htpasswd",
            "/etc/passwd%00.jpg",
        ),
        (
            "I edited /etc/hosts and it works",
            "see /var/log/nginx/error.log for details",
            "etc/and so on",
            "/home/julia/documents/letter.pdf",
            "usr/local is where it lives",
        ),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "path_traversal.remote_file",
        "path_traversal",
        0.6,
        rb"\.(?:php[0-9]?|txt|asp|jsp|inc|gif|jpe?g|dat|log|png)[0-9]?(?:\?|%3f|%00|\x00){1,3}(?:&|$|\n)|"
        + SLASH
        + rb"(?:c99|r57|b374k|wso|shell|cmd|backdoor|webshell|evil)[a-z0-9_-]{0,10}\.(?:txt|php|asp|jsp|gif|jpe?g|dat)",
        # What the application would append goes into the query that the `?` begins.
        r"\A(?:https?|ftps?):/{2}[^\s?#]{1,200}\.(?:php\d?|txt|aspx?|jsp|inc|gif|jpe?g|dat|log|png)(?:\?{1,2}|\x00)\Z"
        r"|\A(?:(?:https?|ftps?):)?(?:/{2}|\\{2})[^\s?#]{1,200}[/\\](?:c99|r57|b374k|wso|shell|cmd|backdoor|webshell|evil)[\w-]{0,10}\.(?:txt|php\d?|aspx?|jsp|gif|jpe?g|dat)\b\S{0,40}\Z",
        (
            "http://x.example/shell.txt?",
            "https://x.example/a/c99.php",
            "ftp://x.example/r57.txt",
            "http://x.example/a.txt??",
        ),
        ("http://example.com/a.php?id=1", "have you seen http://example.com/a.txt?", "https://example.com/shells/"),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "path_traversal.scheme",
        "path_traversal",
        0.85,
        rb"(?:php|zip|phar|glob|expect|compress\.[a-z0-9]{2,5}|ogg|rar|ssh2|data)(?::|%3a)" + SLASH + rb"{2}",
        r"(?:\A|[=\s\"'(,])(?:php://(?:filter|input|stdin|fd|output|memory|temp)|(?:zip|phar|glob|expect|compress\.\w{2,5}|rar|ssh2\.\w+)://|data://text)",
        ("php://filter/convert.base64-encode/resource=index", "expect://id", "phar://x.jpg/a"),
        ("the php: // of it", "https://example.com/data://x"),
        EXCEPT_ADDRESSES,
    ),
    Signature(
        "path_traversal.null_byte",
        "path_traversal",
        0.7,
        rb"%00|\x00|%2500",
        r"[\w/\\.)}-]\x00(?:\.\w{2,5})?\Z",
        ("index.php%00", "page%00.html", "../x%2500.png"),
        ("100%", "null byte"),
    ),
    Signature(
        "scanner.probe",
        "scanner",
        0.7,
        rb"/(?:\.(?:git|svn|hg|env|aws|ssh|htpasswd|htaccess|ds_store|bash_history|npmrc|dockerenv|vscode)|web-inf|meta-inf|wp-config|phpmyadmin|"
        rb"phpinfo|server-status|server-info|cgi-bin|actuator|vendor/phpunit|solr/admin|manager/html|jmx-console|invoker|console/|"
        rb"boaform|hnap1|_ignition|struts|owa/auth|autodiscover|id_rsa|druid/|nacos|config\.(?:php|json|yml|inc))",
        r"/(?:\.(?:git/(?:config|head|index|logs)|svn/(?:entries|wc\.db)|hg/|env(?:\.\w{1,12})?\Z|aws/|ssh/|htpasswd|htaccess|ds_store\Z|bash_history|npmrc\Z|vscode/sftp)|"
        r"web-inf/|meta-inf/|wp-config\.php|phpmyadmin/|phpinfo\.php|server-status\Z|server-info\Z|cgi-bin/\S|actuator/(?:env|heapdump|gateway|jolokia)|"
        r"vendor/phpunit/|solr/admin|manager/html|jmx-console|invoker/|boaform/|hnap1|_ignition/|struts2|id_rsa|druid/index|nacos/v1|config\.(?:php|inc)(?:\.\w+)?\Z)",
        ("/.git/config", "/.env", "/WEB-INF/web.xml", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php"),
        ("/environment/", "/blog/what-is-git/", "/.well-known/security.txt", "/cgi-binary/"),
        PATH,
    ),
)
