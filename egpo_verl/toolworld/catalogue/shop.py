"""Tools of a shop."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, real, record, text, whole

SPECS = (
    Spec(
        "search_products",
        "Search the shop.",
        ("search the shop", "look for products"),
        (
            text("query", values.good, "for {}"),
            optional(real("max_price", 3, 200, "under {}", "for at most {}")),
            optional(flag("in_stock", "in stock only", "even if out of stock")),
        ),
    ),
    Spec(
        "add_to_cart",
        "Put an item into the cart.",
        ("add to my cart", "put into the cart"),
        (
            text("item", values.good, "{}", "the item {}"),
            optional(whole("quantity", 2, 12, "with quantity {}", "in quantity {}"), 1),
        ),
    ),
    Spec(
        "track_order",
        "Find out where an order is.",
        ("track the order", "tell me where it is, order"),
        (whole("order", 1000, 9999, "{}", "number {}"),),
    ),
    Spec(
        "apply_coupon",
        "Use a coupon.",
        ("apply the coupon", "use the coupon"),
        (text("coupon", values.code, "{}", "with code {}"),),
    ),
    Spec(
        "ship_order",
        "Ship an order to an address.",
        ("ship the order", "send the order"),
        (
            whole("order", 1000, 9999, "{}", "number {}"),
            record(
                "address",
                text("street", values.street, "to {}"),
                text("city", values.city, "in {}"),
            ),
            optional(flag("express", "by express", "by normal mail"), False),
        ),
    ),
    Spec(
        "return_order",
        "Return an order.",
        ("return the order", "send back the order"),
        (
            whole("order", 1000, 9999, "{}", "number {}"),
            choice("reason", ("broken", "late", "wrong"), "because it is {}"),
        ),
        held_out=True,
    ),
)
