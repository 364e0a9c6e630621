"""What precedes the site's processes: migrations, static files, the demo company, a first log-in.

`python -m config.prepare site [--demo]` and `python -m config.prepare login NAME [--replace]`; the password
comes from DJANGO_SUPERUSER_PASSWORD, never from the command line, where others could read it.
"""

import argparse
import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError

EXISTS = 3  # exit code of `login` when the name is taken and --replace was not given


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.prepare")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("site").add_argument("--demo", action="store_true")
    login = commands.add_parser("login")
    login.add_argument("name")
    login.add_argument("--replace", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
        if arguments.command == "site":
            prepare_site(demo=arguments.demo)
            return 0
        made = set_login(arguments.name, os.environ["DJANGO_SUPERUSER_PASSWORD"], replace=arguments.replace)
        return 0 if made else EXISTS
    except ImproperlyConfigured as fault:  # one sentence that says which setting is wrong
        sys.stderr.write(f"{fault}\n")
        return 1
    except (CommandError, OperationalError) as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        return 1


def prepare_site(*, demo: bool) -> None:
    check_mail_server()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if demo:
        call_command("loaddemo")
    else:
        sys.stdout.write(f"{first_login()}\n")


def check_mail_server() -> None:
    """Now, rather than when the first mail is due: does EMAIL_URL hold all that its provider needs?"""
    from django.conf import settings

    from campaigns.transports import transport_from

    try:
        transport_from(settings.EMAIL_URL).close()
    except ImproperlyConfigured as fault:
        raise ImproperlyConfigured(
            "The environment variable EMAIL_URL is not complete: add what the provider needs, as in "
            f"anymail+postmark://?server_token=…; its library says: {fault}."
        ) from fault


def first_login() -> str:
    """Makes the log-in that DJANGO_SUPERUSER_USERNAME and _PASSWORD ask for; says where log-ins stand."""
    from django.contrib.auth import get_user_model

    name, password = (os.environ.get(f"DJANGO_SUPERUSER_{part}", "") for part in ("USERNAME", "PASSWORD"))
    if name and password:
        made = set_login(name, password)
        return f"The log-in {name} has been made." if made else f"The log-in {name} exists; its password stays."
    if get_user_model().objects.filter(is_superuser=True).exists():
        return "Log in as the people of your team do."
    return "There is no log-in yet: run `make superuser` in another terminal."


def set_login(name: str, password: str, *, replace: bool = False) -> bool:
    """A superuser with this password. False: the name is taken, and was left alone unless `replace`."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    user = users.filter(username=name).first()
    if user and not replace:
        return False
    if user:
        user.set_password(password)
        user.is_active = user.is_staff = user.is_superuser = True
        user.save()
    else:
        users.create_superuser(name, os.environ.get("DJANGO_SUPERUSER_EMAIL", ""), password)
    return True


if __name__ == "__main__":
    sys.exit(main())
