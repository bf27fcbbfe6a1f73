"""A rental of tools."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import ADJECTIVES, one_of, street

THINGS = ("Drill", "Saw", "Mower", "Sander", "Ladder", "Pump", "Heater", "Mixer", "Winch", "Jack")
thing = one_of([f"{adjective} {noun}" for adjective in ADJECTIVES for noun in THINGS])


class Rental(World):
    """A rental of tools."""

    def item(self, model: str) -> dict[str, Any]:
        """Find an item.

        Args:
            model: Its name.
        """
        return self._look_up("items", "item", model=model)

    def rent(self, item: str, days: int) -> dict[str, Any]:
        """Rent an item.

        Args:
            item: Its id.
            days: How long.
        """
        self._record("items", item)
        self._must_be_free("rentals", "item", item)
        return self._open("rentals", "rental", "N", item=item, days=days, street=None)

    def deliver(self, rental: str, street: str) -> dict[str, Any]:
        """Deliver what is rented.

        Args:
            rental: Its id.
            street: Where to.
        """
        record = self._record("rentals", rental)
        if record["street"] is not None:
            raise ValueError(f"it goes to {record['street']}")
        record["street"] = street
        return {"van": rental}

    def finish(self, rental: str) -> dict[str, Any]:
        """End a rental.

        Args:
            rental: Its id.
        """
        return {"days": self._take("rentals", rental)["days"]}


def _draw(rng: Random, split: str) -> State:
    items = records(rng, "M", 4, model=at_home(rng, split, thing), rate=lambda: rng.randint(3, 60))
    return {"items": items, "rentals": {}}


SERVICE = Service(
    Rental,
    (
        Step(
            "item",
            (present("model", "model", "items", ("rentals", "item")),),
            asks={
                "": (
                    "find the {model}",
                    "see what the {model} costs",
                    "tell me the rate of the {model}",
                )
            },
            table="items",
            gives="item",
        ),
        Step(
            "rent",
            (between("days", "number of days", 2, 20),),
            {"item": "item"},
            asks={
                "": (
                    "rent the {model} for {days} days",
                    "get me the {model} for {days} days",
                    "reserve the {model}, {days} days long",
                ),
                "days": (
                    "rent the {model}",
                    "get me the {model} for some days",
                    "reserve the {model}",
                ),
                "model": (
                    "rent something for {days} days",
                    "get me a machine for {days} days",
                    "reserve something, {days} days long",
                ),
            },
            gives="rental",
            effect=Adds("rentals", "N", ("item", "days"), {"street": None}),
        ),
        Step(
            "deliver",
            (fresh("street", "street", street, "rentals"),),
            key="rental",
            again={
                "": (
                    "deliver it to {street}",
                    "have it brought to {street}",
                    "bring it to {street}",
                ),
                "street": ("deliver it", "have it brought to me", "bring it to me"),
            },
            effect=Changes("rentals", "rental", "street", "street"),
        ),
        Step(
            "finish",
            key="rental",
            again={"": ("end that rental", "take it back, the job is done", "close that rental")},
            effect=Removes("rentals", "rental"),
        ),
    ),
    _draw,
)
