"""Settings of the shop: an ordinary project; what concerns logging is the middle part."""

import os
from pathlib import Path

from aura_logging import presets

BASE_DIR = Path(__file__).resolve().parent.parent

# Everything that a run leaves behind (the database, the log files) lies in one directory.
STATE_DIR = Path(os.environ.get("SHOP_STATE_DIR", BASE_DIR / "logs" / "local"))
STATE_DIR.mkdir(parents=True, exist_ok=True)

# --- Logging: this is the whole of it ----------------------------------------------------------------

LOGGING = presets.production(service_name="shop", log_dir=STATE_DIR, request_buffer=True)
LOGGING["filters"]["sampling"]["rates"] = {}  # a small shop keeps every line; the default keeps half of INFO
LOGGING["loggers"]["django"]["level"] = "WARNING"

MIDDLEWARE = [
    "aura_logging.django.middleware.PerformanceMonitoringMiddleware",  # first: it times all the others
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "aura_logging.django.middleware.DatabaseQueryTrackingMiddleware",  # last: it knows the view's queries
]

INSTALLED_APPS = [
    "aura_logging.django",
    "books",
    "orders",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

# --- The rest is Django as usual ---------------------------------------------------------------------

SECRET_KEY = os.environ.get("SECRET_KEY", "this shop sells nothing, so its key is no secret")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "shop.sqlite3",
        # Several workers write: let them queue for the lock at the start of a transaction, not fail halfway.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True

# The bookkeepers' system, which the sales report waits for, needs this long to answer.
BOOKKEEPING_SECONDS = float(os.environ.get("SHOP_BOOKKEEPING_SECONDS", "0.8"))
