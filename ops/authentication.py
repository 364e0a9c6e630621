"""Who calls the API: server keys with scopes, throttled by key; errors in one plain sentence."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import exception_handler


class ServerKeyAuthentication(BaseAuthentication):
    pass


class HasScope(BasePermission):
    pass


class KeyThrottle(SimpleRateThrottle):
    scope = "key"


def plain_errors(exception, context):
    return exception_handler(exception, context)
