"""The pipeline's stage: what a batch of changes does to scores, before the segments that read them."""


def follow(batch) -> None:
    """Pipeline stage."""
