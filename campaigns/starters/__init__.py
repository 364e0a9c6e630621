"""Campaigns that come with the product, off; one is installed into a site that has none."""

from campaigns.starters.install import install

__all__ = ["install"]
