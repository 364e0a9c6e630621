"""The public pages. Their paths stand in mails that were sent: they stay as they are for ever."""

from django.urls import path

from campaigns import public_pages

app_name = "public"
urlpatterns = [
    path("o/<str:token>.gif", public_pages.opened, name="opened"),
    path("c/<str:token>/<str:link>", public_pages.clicked, name="clicked"),
    path("u/<str:token>", public_pages.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/", public_pages.unsubscribe),  # as some programs that check links write it
    path("confirm/<str:token>", public_pages.confirm, name="confirm"),
    path("u/<str:token>/undo", public_pages.undo, name="undo"),
]
