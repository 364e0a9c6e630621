"""What scores come to: recorded by the product itself."""

from events.types import EventType, register

SCORE = {
    "model": "text", "model_name": "text", "points": "number", "band": "text", "cell": "text", "stage": "text",
}  # fmt: skip

register(
    EventType(
        "score.band_changed", "Score band changed", triggers="moves to another band of a score",
        filters="moved to another band of a score",
        properties={**SCORE, "previous_band": "text", "direction": "text"},
    ),
    EventType(
        "score.stage_reached", "Lifecycle stage reached", triggers="reaches a stage of the lifecycle",
        filters="reached a stage of the lifecycle", properties={**SCORE, "previous_stage": "text"},
    ),
)  # fmt: skip
