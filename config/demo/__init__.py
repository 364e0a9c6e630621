"""A believable company to try the product with: a shop for plants and lamps."""
