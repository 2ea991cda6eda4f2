"""Settings of the site; all it reads and writes lies in SITE_STATE_DIR."""

import os
from pathlib import Path

from aura_logging import presets

STATE_DIR = Path(os.environ["SITE_STATE_DIR"])

LOGGING = presets.production(service_name="shop", log_dir=STATE_DIR, metrics_store=f"sqlite:///{STATE_DIR}/metrics.db")
LOGGING["filters"]["sampling"]["rates"] = {}
LOGGING["handlers"]["metrics"]["flush_interval"] = 0.5

AURA = {
    "AUDIT": {},
    "DASHBOARD": {"page_seconds": float(os.environ.get("SITE_PAGE_SECONDS", "1"))},
}

INSTALLED_APPS = [
    "aura_logging.django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware",
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
            ],
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "site.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "the site has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "watched.urls"
USE_TZ = True
# Numbers as they are written elsewhere must not break a drawing.
LANGUAGE_CODE = "de"
# Nor may a time that is said to be UTC be another.
TIME_ZONE = "Asia/Kolkata"
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "static/"
