"""Every setting, from the environment; docs/settings.md lists the variables."""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.urls import reverse_lazy

from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent
TESTING = "pytest" in sys.modules


def kept_secret(path: Path) -> str:
    """A secret made once and kept beside the data, readable by its owner alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(get_random_secret_key())
    except FileExistsError:
        pass
    except OSError as fault:
        raise ImproperlyConfigured(
            f"The folder {path.parent} cannot be written to: set DATA_DIR to one that can, or set SECRET_KEY."
        ) from fault
    return path.read_text().strip()


# --- Where things are -------------------------------------------------------------------------------
DATA_DIR = environment.folder("DATA_DIR", BASE_DIR / ".data")
SECRET_KEY = environment.text("SECRET_KEY") or kept_secret(DATA_DIR / "secret_key")
DEBUG = environment.flag("DEBUG")
DEMO = environment.flag("DEMO")
CLOCK_OFFSET = environment.clock_offset("CLOCK_OFFSET")
PORT = environment.number("PORT", 8000, most=65535)
PUBLIC_URL = environment.web_address("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
SECURE = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = environment.names(
    "ALLOWED_HOSTS", [urlsplit(PUBLIC_URL).hostname or "", "127.0.0.1", "localhost", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces; the site is our own
    "unfold.contrib.filters",
    "config.apps.AdminConfig",
    "config.apps.WiringConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "axes",
    "django_q",
    "anymail",
    "django_structlog",
    "ops",
    "contacts",
    "events",
    "segments",
    "scoring",
    "campaigns",
    "automation",
    "integrations",
    "reports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True
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
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # our own widgets' templates lie in templates/

# --- Database -----------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **environment.database("DATABASE_URL", "postgres:///dripline"),
        "ENGINE": "lib.postgresql_backend",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # PgBouncer hands out a connection per transaction
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "ops.User"

# --- The way of the data: what looks at a batch of changes, in this order ------------------------------
EVENT_PIPELINE = [
    "events.rollups.count",
    "segments.computed_writing.follow",
    "scoring.stage.follow",
    "segments.stage.follow",
    "automation.following.tell",
    "automation.dating.follow",
    "automation.watching.follow",
    "automation.entering.enter",
]

# --- Work: django-q2 is the bell and the hands, never the memory ---------------------------------------
# Which queue makes work for which: a task goes on with those, without waiting for the bell.
WORK_FEEDS = {
    "changes": ["enrollments"],
    "enrollments": ["mail", "gates"],
    "gates": ["enrollments"],
    "webhooks": ["enrollments"],
    "pushes": ["enrollments"],
    "mail": ["settled"],
    "settled": ["enrollments", "changes"],
    "leases": ["mail", "settled"],
    "merges": ["changes"],
    "segments": ["changes"],
    "scores": ["changes"],
    "jobs": ["changes", "enrollments"],
    "timers": ["jobs"],
    "dates": ["enrollments"],
}
WORKER_PROCESSES = environment.number("WORKER_PROCESSES", 2, most=64)
Q_CLUSTER = {
    "name": "dripline",
    "orm": "default",
    "workers": WORKER_PROCESSES,
    "queue_limit": WORKER_PROCESSES,
    "bulk": 1,
    "timeout": 300,
    "retry": 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "poll": 0.1,
    "label": "Background work",
}

# --- Mail ---------------------------------------------------------------------------------------------
EMAIL_URL = environment.mail_server("EMAIL_URL", "smtp://127.0.0.1:1025")
MAIL_CONNECTIONS = environment.number("MAIL_CONNECTIONS", 4, most=64)
ANYMAIL: dict[str, object] = {}

# --- Webhooks -----------------------------------------------------------------------------------------
WEBHOOK_CONNECTIONS = environment.number("WEBHOOK_CONNECTIONS", 8, most=64)
WEBHOOK_NETWORKS = environment.networks("WEBHOOK_NETWORKS")
WEBHOOK_HTTP = environment.flag("WEBHOOK_HTTP")

# --- Log-in and safety -----------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_ENABLED = not TESTING
AXES_VERBOSE = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_SSL_REDIRECT = environment.flag("SSL_REDIRECT")
if environment.flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    MIDDLEWARE.insert(0, "config.behind_proxy.TrueAddress")
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'"],
        "frame-ancestors": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    }
}
# The event API is called from browsers of any origin; it takes keys, never cookies.
CORS_URLS_REGEX = r"^/v1/.*$"
CORS_ALLOW_ALL_ORIGINS = True
CORS_ALLOW_CREDENTIALS = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

EVENT_REQUESTS_PER_MINUTE = environment.number("EVENT_REQUESTS_PER_MINUTE", 60_000, most=10**9)

# --- API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ops.authentication.ServerKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["ops.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["drf_orjson_renderer.renderers.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["lib.parsers.CleanJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["ops.authentication.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {"key": environment.rate("API_RATE", "6000/min")},
    "DEFAULT_FILTER_BACKENDS": [],
    "EXCEPTION_HANDLER": "ops.errors.plain_errors",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Dripline API",
    "DESCRIPTION": "Contacts, events and what came of them. Server keys go into `Authorization: Bearer …`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    # Lists of choices whose fields have the same name would be called after a hash of theirs.
    "ENUM_NAME_OVERRIDES": {
        "SegmentKind": "segments.models.Segment.Kind",
        "ScoreRuleKind": "scoring.models.ScoreRule.Kind",
        "RecomputingState": "scoring.api_bodies.JOB_STATES",
        "ScoreModelState": "scoring.api_bodies.MODEL_STATES",
        "CampaignState": "campaigns.models.Campaign.State",
        "CampaignType": "campaigns.models.Campaign.Type",
        "EnrollmentState": "automation.models.Enrollment.State",
        "EntryState": "automation.models.EntryRequest.State",
    },
}

# --- Language, time, files ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if TESTING or DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
MEDIA_ROOT = DATA_DIR / "media"
WHITENOISE_USE_FINDERS = TESTING or DEBUG
WHITENOISE_AUTOREFRESH = TESTING or DEBUG  # else each client of a test begins by looking at every file that there is

# --- Logs: one JSON object a line, with the request's id ----------------------------------------------------
LOG_LEVEL = environment.one_of("LOG_LEVEL", "INFO", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *_shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["err"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "CRITICAL"},
        "django-q": {"level": "WARNING", "handlers": ["err"], "propagate": False},
        "axes": {"level": "WARNING"},
        "mail.log": {"level": "WARNING"},  # the catcher's own protocol, line by line
    },
}

from config.navigation import UNFOLD  # noqa: E402, F401  the look of the admin, in a file of its own
