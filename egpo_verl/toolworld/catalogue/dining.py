"""Tools for food and drink."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, subset, text, whole

TOPPINGS = ("mushrooms", "olives", "onions", "ham", "basil", "corn", "spinach", "pepper", "tuna")

SPECS = (
    Spec(
        "book_table",
        "Book a table in a restaurant.",
        ("book a table", "reserve a table"),
        (
            text("restaurant", values.name, "at {}"),
            whole("guests", 1, 12, "for {} people", "for {} guests"),
            text("time", values.clock, "at {}"),
            optional(flag("outdoor", "outside", "inside")),
        ),
    ),
    Spec(
        "find_recipe",
        "Find a recipe.",
        ("find a recipe", "show me a recipe"),
        (
            text("dish", values.dish, "for {}"),
            optional(whole("servings", 1, 12, "with {} servings"), 2),
            optional(choice("diet", ("vegan", "vegetarian", "none"), "with diet {}"), "none"),
        ),
    ),
    Spec(
        "order_pizza",
        "Order a pizza.",
        ("order a pizza", "get me a pizza"),
        (
            choice("size", ("small", "medium", "large"), "of {} size", "in size {}"),
            subset("toppings", TOPPINGS, "with {}", "topped with {}"),
            optional(flag("delivery", "delivered to my home", "for pickup")),
        ),
    ),
    Spec(
        "get_menu",
        "Menu of a restaurant.",
        ("show the menu", "get the menu"),
        (text("restaurant", values.name, "of {}", "at {}"),),
    ),
    Spec(
        "count_calories",
        "Calories in a portion of food.",
        ("count the calories", "tell me the calories"),
        (text("food", values.dish, "of {}"), whole("grams", 50, 950, "for {} grams")),
    ),
    Spec(
        "order_coffee",
        "Order a coffee.",
        ("order a coffee", "get me a coffee"),
        (
            choice("size", ("small", "medium", "large"), "in size {}"),
            whole("sugars", 0, 4, "with {} sugars"),
            optional(flag("decaf", "without caffeine", "with caffeine")),
        ),
        held_out=True,
    ),
)
