"""What is answered to a request that Django refuses: a sentence, in JSON where JSON was spoken, else on a page."""

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

OF_PROGRAMS = ("/api/", "/v1/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`."""
    sentence = _sentence(exception)
    if _speaks_json(request):
        # By both names: the API’s, and that of the pages that ask while one edits.
        answer: HttpResponse = JsonResponse({"error": sentence, "refused": sentence}, status=400)
    else:
        answer = render(request, "400.html", {"sentence": sentence}, status=400)
    answer["Cache-Control"] = "no-store"
    return answer


def _sentence(exception: Exception) -> str:
    if isinstance(exception, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 1_000_000
        return f"The request is larger than {most:.0f} MB; send less at once."
    if isinstance(exception, TooManyFieldsSent):
        return f"The form has more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields; send less at once."
    if isinstance(exception, BadRequest) and str(exception):
        return str(exception)
    return "The request cannot be read; check its address and what is sent with it."


def _speaks_json(request: HttpRequest) -> bool:
    if request.path.startswith(OF_PROGRAMS) or request.content_type == "application/json":
        return True
    return not request.accepts("text/html") or request.headers.get("Sec-Fetch-Dest") == "empty"
