"""A clinic whose trail has to be right; `CLINIC_DSN` names a server's database, `CLINIC_DIR` a directory."""

import os
import tempfile
from urllib.parse import urlsplit

STATE_DIR = os.environ.get("CLINIC_DIR") or tempfile.mkdtemp(prefix="aura-clinic-")
SECRET_KEY = "for tests only, and as long as the keys that are derived from it"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "clinic.urls"
AUTH_USER_MODEL = "clinic.Account"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = STATE_DIR
# Kills of a process are tested here, and no power cuts: nothing need wait for a disk.
SQLITE = {"timeout": 30, "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"}


def _database():
    dsn = os.environ.get("CLINIC_DSN")
    if not dsn:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{STATE_DIR}/clinic.db",
            "OPTIONS": SQLITE,
        }
    parts = urlsplit(dsn)
    if parts.scheme == "mysql":
        import pymysql

        # Django asks for mysqlclient, which has to be compiled; to the ORM this one looks the same.
        pymysql.version_info = (2, 2, 7, "final", 0)
        pymysql.install_as_MySQLdb()
    return {
        "ENGINE": f"django.db.backends.{parts.scheme}",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


DATABASES = {
    "default": _database(),
    "archive": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{STATE_DIR}/archive.db", "OPTIONS": SQLITE},
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "aura_logging.django",
    "clinic",
]
# Only the trail's tables come from a migration; a user model of one's own would need one for the others'.
MIGRATION_MODULES = dict.fromkeys(("admin", "auth", "contenttypes", "sessions"))
MIDDLEWARE = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AURA = {
    "AUDIT": {"models": {"clinic.Prescription": {"reads": True}, "clinic.Dose": {"bulk_values": True}}},
}
