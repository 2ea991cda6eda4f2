"""Settings for every way the tests run the site; what varies comes from the environment."""

import json
import os
from pathlib import Path

STATE_DIR = Path(os.environ["SITE_STATE_DIR"])

LOGGING_CONFIG = None
if "SITE_PRESET" in os.environ:
    from aura_logging import presets

    LOGGING_CONFIG = "logging.config.dictConfig"
    LOGGING = getattr(presets, os.environ["SITE_PRESET"])(
        service_name="site", log_dir=STATE_DIR, request_buffer="SITE_REQUEST_BUFFER" in os.environ
    )
    LOGGING["filters"]["sampling"]["rates"] = {}
    LOGGING["handlers"]["async_file"]["flush_interval"] = float(os.environ.get("SITE_FLUSH_INTERVAL", "0.05"))
    LOGGING["handlers"]["metrics"]["flush_interval"] = float(os.environ.get("SITE_METRICS_INTERVAL", "5"))
    LOGGING["handlers"]["async_file"]["buffer_size"] = 10_000

AURA = json.loads(os.environ.get("SITE_AURA", "{}"))

INSTALLED_APPS = [
    "aura_logging.django",
    "misbehaving.apps.MisbehavingConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]

MIDDLEWARE = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
    "misbehaving.middleware.AwkwardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
if "SITE_QUERIES" in os.environ:
    MIDDLEWARE.append("aura_logging.django.middleware.DatabaseQueryTrackingMiddleware")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "site.sqlite3",
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

SECRET_KEY = "the site has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "misbehaving.urls"
USE_TZ = True
