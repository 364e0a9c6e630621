"""Accounts: signing up, logging in, changing the profile."""

from events.types import EventType, register

register(
    EventType(
        "users.signed_up", "Signed up", triggers="signs up", filters="signed up",
        aliases=["Signed Up", "User Signed Up", "User Registered", "Account Created", "Sign Up"],
        properties={"plan": "text", "method": "text", "referrer": "text"},
    ),
    EventType(
        "users.logged_in", "Logged in", triggers="logs in", filters="logged in",
        aliases=["Logged In", "User Logged In", "Signed In", "User Signed In", "Login"],
        properties={"method": "text"},
    ),
    EventType(
        "users.profile_updated", "Profile updated", triggers="updates their profile",
        filters="updated their profile",
        aliases=["Profile Updated", "User Profile Updated", "Account Updated"],
        properties={"fields": "list"},
    ),
    EventType(  # recorded by the product itself, by the link in a mail
        "users.email_confirmed", "E-mail address confirmed", triggers="confirms their e-mail address",
        filters="confirmed their e-mail address",
        properties={
            "campaign": "number", "step": "text", "template": "number", "template_name": "text", "message": "text",
        },
    ),
)  # fmt: skip
