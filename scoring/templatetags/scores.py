"""Template filters that print points."""

from django import template

from scoring import shown

register = template.Library()
register.filter("points", shown.points)
register.filter("signed", shown.signed)
