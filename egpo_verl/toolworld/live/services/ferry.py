"""A ferry line."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import CITIES, clock, code, one_of, person

port = one_of(CITIES)


class Ferry(World):
    """A ferry line."""

    def sailing(self, port: str) -> dict[str, Any]:
        """Find a sailing.

        Args:
            port: Where to.
        """
        return self._look_up("sailings", "sailing", port=port)

    def card(self, rider: str) -> dict[str, Any]:
        """Find a rider's card.

        Args:
            rider: Whose.
        """
        return self._look_up("cards", "card", rider=rider)

    def book(self, sailing: str, card: str) -> dict[str, Any]:
        """Book a sailing.

        Args:
            sailing: Its id.
            card: Id of the card.
        """
        self._record("sailings", sailing)
        self._record("cards", card)
        return self._open("bookings", "booking", "F", sailing=sailing, card=card, plate=None)

    def add_car(self, booking: str, plate: str) -> dict[str, Any]:
        """Add a car to a booking.

        Args:
            booking: Its id.
            plate: Of the car.
        """
        record = self._record("bookings", booking)
        if record["plate"] is not None:
            raise ValueError(f"{record['plate']} is on it")
        record["plate"] = plate
        return {"added": plate}

    def cancel(self, booking: str) -> dict[str, Any]:
        """Cancel a booking.

        Args:
            booking: Its id.
        """
        return {"cancelled": self._take("bookings", booking)["sailing"]}


def _draw(rng: Random, split: str) -> State:
    sailings = records(rng, "R", 3, port=at_home(rng, split, port), time=lambda: clock(rng))
    cards = records(rng, "C", 3, rider=at_home(rng, split, person))
    return {"sailings": sailings, "cards": cards, "bookings": {}}


SERVICE = Service(
    Ferry,
    (
        Step(
            "sailing",
            (present("port", "port", "sailings"),),
            asks={
                "": (
                    "find the sailing to {port}",
                    "see which ferry goes to {port}",
                    "tell me when the ferry to {port} sails",
                )
            },
            table="sailings",
            gives="sailing",
        ),
        Step(
            "card",
            (present("rider", "rider", "cards"),),
            table="cards",
            gives="card",
        ),
        Step(
            "book",
            (),
            {"sailing": "sailing", "card": "card"},
            asks={
                "": (
                    "book the ferry to {port} for {rider}",
                    "get {rider} on the ferry to {port}",
                    "take a place to {port} for {rider}",
                ),
                "rider": (
                    "book the ferry to {port}",
                    "get a rider on the ferry to {port}",
                    "take a place to {port}",
                ),
                "port": (
                    "book a ferry for {rider}",
                    "get {rider} on a ferry",
                    "take a place for {rider}",
                ),
            },
            gives="booking",
            effect=Adds("bookings", "F", ("sailing", "card"), {"plate": None}),
        ),
        Step(
            "add_car",
            (fresh("plate", "plate", code, "bookings"),),
            key="booking",
            again={
                "": (
                    "add the car {plate} to that booking",
                    "book the car {plate} on it too",
                    "say that {plate} comes along",
                ),
                "plate": (
                    "add a car to that booking",
                    "book a car on it too",
                    "say that a car comes along",
                ),
            },
            effect=Changes("bookings", "booking", "plate", "plate"),
        ),
        Step(
            "cancel",
            key="booking",
            again={"": ("cancel that booking", "call that booking off", "give that place back")},
            effect=Removes("bookings", "booking"),
        ),
    ),
    _draw,
)
