"""The tools of these tasks: short schemas, each with a value that can be derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from egpo_verl.toolworld import values
from egpo_verl.toolworld.derived.amounts import count
from egpo_verl.toolworld.derived.conditions import Family
from egpo_verl.toolworld.derived.dates import day
from egpo_verl.toolworld.derived.derivation import Clause, Scene, Slot
from egpo_verl.toolworld.derived.places import city
from egpo_verl.toolworld.derived.tables import listed, price
from egpo_verl.toolworld.derived.units import measured
from egpo_verl.toolworld.values import draw_at_home


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        asks: imperative words that ask for it, before the clauses of its slots.
        slots: its parameters, all required, in the order of the question.
        held_out: only `test_hard` may ask for it or offer it.
    """

    name: str
    description: str
    asks: tuple[str, ...]
    slots: tuple[Slot, ...]
    held_out: bool = False

    def schema(self) -> dict[str, Any]:
        """The tool in JSON Schema, as a prompt shows it."""
        return schema(self.name, self.description, self.slots)


def schema(name: str, description: str, slots: Sequence[Slot]) -> dict[str, Any]:
    """A tool in JSON Schema; all parameters are required."""
    properties: Mapping[str, Any] = {slot.name: dict(slot.schema) for slot in slots}
    return {
        "name": name,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": [slot.name for slot in slots],
        },
    }


def person(name: str = "person", preposition: str = "for ") -> Slot:
    """Somebody's first name, which a question always states."""

    def plain(rng: Random, scene: Scene) -> Clause:
        value = draw_at_home(rng, scene.split, lambda rng: rng.choice(values.FIRST_NAMES))
        return Clause(value, preposition + value)

    return Slot(name, {"type": "string"}, plain)


PEOPLE = count("people", "people", ("adults", "children"), "for ")
TOOLS = (
    Tool("reserve_hall", "Reserve a hall.", ("reserve a hall", "find a hall"), (PEOPLE, city())),
    Tool("book_tour", "Book a city tour.", ("book a tour", "get me a tour"), (city(), day())),
    Tool(
        "rent_bikes",
        "Rent bikes.",
        ("rent", "hire"),
        (count("bikes", "bikes", ("red bikes", "blue bikes")), day()),
    ),
    Tool(
        "lend_books",
        "Lend books to a person.",
        ("lend", "give out"),
        (count("books", "books", ("novels", "comics")), person(preposition="to ")),
    ),
    Tool(
        "plan_visit",
        "Plan a visit to a person.",
        ("plan a visit", "put a visit in my calendar"),
        (person(preposition="to "), day()),
    ),
    Tool(
        "start_timer",
        "Start a timer.",
        ("start a timer", "set a timer"),
        (measured("minutes", "of "), person()),
    ),
    Tool(
        "enter_leave",
        "Enter days off.",
        ("enter leave", "note time off"),
        (measured("days", "of "), person()),
    ),
    Tool("log_run", "Log a run.", ("log a run", "note a run"), (measured("meters", "of "), city())),
    Tool(
        "send_money",
        "Send money to a person.",
        ("send", "pay"),
        (measured("cents"), person(preposition="to ")),
    ),
    Tool(
        "rent_flat",
        "Rent a flat.",
        ("rent a flat", "find a flat"),
        (measured("months", "for "), city()),
    ),
    Tool("book_hotel", "Book a hotel.", ("book", "reserve"), (listed("hotel"), day())),
    Tool(
        "call_restaurant",
        "Call a restaurant.",
        ("call", "ring up"),
        (listed("restaurant"), person()),
    ),
    Tool(
        "log_price",
        "Log a price in a city.",
        ("log", "write down"),
        (price(), city()),
    ),
    Tool(
        "hire_boats",
        "Hire boats.",
        ("hire", "rent"),
        (count("boats", "boats", ("red boats", "blue boats")), day()),
        held_out=True,
    ),
    Tool(
        "visit_museum",
        "Visit a museum.",
        ("book a museum visit", "plan a museum visit"),
        (city(), day()),
        held_out=True,
    ),
    Tool(
        "log_swim",
        "Log a swim.",
        ("log a swim", "note a swim"),
        (measured("meters", "of "), city()),
        held_out=True,
    ),
    Tool(
        "book_theater",
        "Book a theater.",
        ("book", "reserve"),
        (listed("theater"), person()),
        held_out=True,
    ),
)
FAMILIES = (
    Family(
        ("order_few", "order_some", "order_many"),
        "Order {} plates.",
        ("order", "buy"),
        (count("plates", "plates", ("red plates", "blue plates")), person()),
    ),
    Family(
        ("call_car", "call_van", "call_bus"),
        "Transport for {} people.",
        ("call transport", "get transport"),
        (PEOPLE, city()),
    ),
    Family(
        ("post_letter", "post_parcel", "post_crate"),
        "Post {} cards.",
        ("post", "mail"),
        (count("cards", "cards", ("small cards", "large cards")), day()),
    ),
    Family(
        ("print_home", "print_shop", "print_plant"),
        "Print {} posters.",
        ("print", "make"),
        (count("posters", "posters", ("red posters", "blue posters")), person()),
        held_out=True,
    ),
)
