"""Tools for journeys."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, flag, optional, text, whole

SPECS = (
    Spec(
        "search_flights",
        "Find flights between two cities.",
        ("search flights", "find a flight", "look for flights"),
        (
            text("origin", values.city, "from {}"),
            text("destination", values.city, "to {}"),
            text("date", values.date, "on {}"),
            optional(choice("cabin", ("economy", "business", "first"), "in {} class"), "economy"),
            optional(flag("direct", "without stops", "with stops allowed")),
        ),
    ),
    Spec(
        "book_hotel",
        "Book a hotel room.",
        ("book a hotel", "reserve a hotel room"),
        (
            text("city", values.city, "in {}"),
            whole("nights", 1, 21, "for {} nights"),
            optional(whole("guests", 1, 6, "for {} guests"), 1),
            optional(flag("breakfast", "with breakfast", "without breakfast"), False),
        ),
    ),
    Spec(
        "rent_car",
        "Rent a car.",
        ("rent a car", "get me a rental car"),
        (
            text("city", values.city, "in {}"),
            whole("days", 1, 30, "for {} days"),
            optional(choice("size", ("small", "medium", "large"), "of {} size")),
        ),
    ),
    Spec(
        "buy_train_ticket",
        "Buy train tickets.",
        ("buy train tickets", "get tickets for the train"),
        (
            text("origin", values.city, "from {}"),
            text("destination", values.city, "to {}"),
            whole("seats", 1, 9, "for {} seats"),
        ),
    ),
    Spec(
        "check_flight",
        "Status of a flight.",
        ("check the status of flight", "tell me whether it is on time, flight"),
        (text("flight", values.code, "{}"),),
    ),
    Spec(
        "book_ferry",
        "Book a ferry crossing.",
        ("book a ferry", "reserve a ferry crossing"),
        (
            text("origin", values.city, "from {}"),
            text("destination", values.city, "to {}"),
            optional(flag("car", "with a car", "without a car"), False),
        ),
        held_out=True,
    ),
)
