"""What the API answers where a segment cannot be had as asked: the place in the tree, the list of uses."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import exceptions, serializers

from ops.api import FAULTS, Fault, bad_input
from segments.conditions import Problem
from segments.defining import Refused

NO_SEGMENT: dict[int, Any] = {404: OpenApiResponse(Fault, "There is no such segment.")}


class ProblemShown(serializers.Serializer):
    """What is wrong with one place of a condition."""

    path = serializers.CharField(help_text="Such as `all[1].any[0].value`; empty: the condition as a whole.")
    sentence = serializers.CharField()


class TreeFault(Fault):
    """A fault; where a condition has several, `problems` lists them."""

    problems = ProblemShown(many=True, required=False)


TREE_FAULTS = FAULTS | {400: OpenApiResponse(TreeFault, "Something in the request cannot be taken.")}


class InvalidTree(exceptions.ValidationError):
    """Names the place in the tree that is at fault, then every other."""

    def __init__(self, problems: list[Problem]):
        first = problems[0]
        path = ".".join(part for part in ("condition", first.path) if part)
        super().__init__({path: [f"{first.path}: {first.sentence}" if first.path else first.sentence]})
        self.more = {"problems": [{"path": one.path, "sentence": one.sentence} for one in problems]}


class InUse(exceptions.APIException):
    """A segment that is used is not deleted; `uses` says where it is."""

    status_code = 409

    def __init__(self, refused: Refused, uses: list[tuple[str, str]]):
        super().__init__(str(refused))
        self.more = {"uses": [{"what": what, "url": url} for what, url in uses]}


def refusal(refused: Refused) -> exceptions.APIException:
    return InvalidTree(refused.problems) if refused.problems else bad_input(str(refused), "condition")
