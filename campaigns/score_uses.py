"""Which campaigns and templates use a score model: in a condition, a step, what lets people in, or a mail."""

from collections.abc import Collection

from campaigns.saved_conditions import named
from scoring.models import ScoreModel


def places(ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """By score model: (what, in words; the address of its page); archived campaigns do not count."""
    models = ScoreModel.objects.filter(pk__in=ids)
    return {model.pk: named(_in_campaigns(model.key), rf"contact\.score\.{model.key}\M") for model in models}


def _in_campaigns(key: str) -> list[str]:
    """A key holds letters, digits and _ only, so it may stand in a path."""
    crosses = '$[*].triggers[*] ? (@.event like_regex "^score[.]").filter.** ? (@.field == "event.model")'
    return [
        f'$.**.field ? (@ like_regex "^score[.]{key}([.]|$)")',
        f'$.** ? (@.kind == "score").config.model ? (@ == "{key}")',
        f'{crosses}.value ? (@ == "{key}")',
    ]
