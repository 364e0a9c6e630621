"""What the product knows from the start; importing a module registers its types."""

from events.catalogue import commerce, engagement, message, product, score, segment, subscription, users

__all__ = ["commerce", "engagement", "message", "product", "score", "segment", "subscription", "users"]
