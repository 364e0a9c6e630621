"""What the product knows from the start; importing a module registers its types."""

from events.catalogue import attribute, commerce, engagement, message, product, score, segment, subscription, users

__all__ = ["attribute", "commerce", "engagement", "message", "product", "score", "segment", "subscription", "users"]
