"""The web process: `gunicorn config.wsgi`."""

import os
from io import BytesIO

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()
MAX_CHUNKED = 2 * 1024 * 1024  # more than any of our addresses takes


def application(request, start_response):
    """Bodies sent in chunks, as Java's and Go's clients do, get the length that Django asks for.

    It would else take them for empty. Whatever is beyond the limit stays unread, and the rest is too long
    for every address, which says so.
    """
    if "chunked" in request.get("HTTP_TRANSFER_ENCODING", "").lower() and request.get("wsgi.input_terminated"):
        body = request["wsgi.input"].read(MAX_CHUNKED)
        request |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django_application(request, start_response)
