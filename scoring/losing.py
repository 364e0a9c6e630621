"""What people lose by an edit: stages that are gone with those who are at them, names that conditions ask for."""

from django.db.models import Count

from scoring.document import Document, to_json
from scoring.models import Score, ScoreModel
from scoring.reads import naming
from scoring.recomputing import moved_stages
from segments.leaves import quoted
from segments.standing import people

SHOWN = 5


def sentences(model: ScoreModel, document: Document) -> list[str]:
    """In words, before it is put in force; empty where nothing is lost."""
    return [*_stages(model, to_json(document)["stages"]), *_names(model, document)]


def _stages(model: ScoreModel, new: list[dict]) -> list[str]:
    old, found = model.kept_stages, []
    if not new or not old:
        return []
    rows = Score.objects.filter(model=model).order_by().values("stage").annotate(number=Count("contact"))
    at = dict(rows.values_list("stage", "number"))
    places = moved_stages(old, new)
    for place, stage in enumerate(old, 1):
        goal = places[place - 1]
        gone = goal == (places[place - 2] if place > 1 else 0)
        if gone and at.get(place):
            name = quoted(new[goal - 1]["name"]) if goal else "no stage"
            goes = "goes" if at[place] == 1 else "go"
            who = f"{people(at[place])} {goes} back to {name}, and no undo brings them back."
            found.append(f"Stage {quoted(stage['name'])} is gone: {who}")
    return found


def _names(model: ScoreModel, document: Document) -> list[str]:
    kept = {band.name.casefold() for band in document.bands} | {stage.name.casefold() for stage in document.stages}
    lost = [name for name in [*model.bands, *model.stages] if name.casefold() not in kept]
    places = naming(model, lost) if lost else []
    if not places:
        return []
    names = ", ".join(map(quoted, lost))
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return [f"Nobody fits where conditions ask for {names}: {'; '.join(places[:SHOWN])}{more}. Change them there."]
