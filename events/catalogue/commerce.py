"""The shop: from looking at a product to the refund."""

from events.types import EventType, register

PRODUCT = {
    "product_id": "text", "sku": "text", "name": "text", "category": "text", "brand": "text",
    "price": "number", "quantity": "number", "currency": "text", "url": "text", "image_url": "text",
}  # fmt: skip
MONEY = {"value": "number", "currency": "text", "products": "list"}
ORDER = {
    **MONEY, "order_id": "text", "total": "number", "revenue": "number", "dollars": "number",
    "quantity": "number", "discount": "number", "coupon": "text",
}  # fmt: skip

register(
    EventType(
        "product.viewed", "Product viewed", triggers="views a product", filters="viewed a product",
        aliases=["Product Viewed", "Viewed Product", "Product Clicked"], properties=PRODUCT,
    ),
    EventType(
        "product.added_to_cart", "Product added to cart", triggers="puts a product into the cart",
        filters="put a product into the cart",
        aliases=["Product Added", "Added to Cart", "Product Added to Cart", "Add to Cart"],
        properties={**PRODUCT, "cart_id": "text"},
    ),
    EventType(
        "cart.abandoned", "Cart abandoned", triggers="abandons a cart", filters="abandoned a cart",
        aliases=["Cart Abandoned", "Abandoned Cart"], properties={**MONEY, "cart_id": "text", "url": "text"},
    ),
    EventType(
        "checkout.started", "Checkout started", triggers="starts the checkout",
        filters="started the checkout",
        aliases=["Checkout Started", "Started Checkout"],
        properties={**MONEY, "cart_id": "text", "order_id": "text"},
    ),
    EventType(
        "order.completed", "Order completed", triggers="completes an order", filters="completed an order",
        aliases=["Order Completed", "Completed Order", "Order Placed", "Placed Order"], properties=ORDER,
    ),
    EventType(
        "order.refunded", "Order refunded", triggers="gets a refund", filters="got a refund",
        aliases=["Order Refunded", "Refunded Order"], properties=ORDER,
    ),
)  # fmt: skip
