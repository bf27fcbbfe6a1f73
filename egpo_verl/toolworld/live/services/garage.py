"""A parking garage."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import code, name


class Garage(World):
    """A parking garage."""

    def spot(self, area: str) -> dict[str, Any]:
        """Find the spot of an area.

        Args:
            area: Its name.
        """
        return self._look_up("spots", "spot", area=area)

    def park(self, spot: str, plate: str) -> dict[str, Any]:
        """Park a car.

        Args:
            spot: Id of the spot.
            plate: Of the car.
        """
        self._record("spots", spot)
        self._must_be_free("tickets", "spot", spot)
        return self._open("tickets", "ticket", "T", spot=spot, plate=plate, hours=1)

    def add_hours(self, ticket: str, hours: int) -> dict[str, Any]:
        """Pay for more hours.

        Args:
            ticket: Its id.
            hours: How many.
        """
        return {"hours": self._grow("tickets", ticket, "hours", hours)}

    def leave(self, ticket: str) -> dict[str, Any]:
        """Let a car out.

        Args:
            ticket: Its id.
        """
        return {"free": self._take("tickets", ticket)["spot"]}


def _draw(rng: Random, split: str) -> State:
    spots = records(rng, "P", 4, area=at_home(rng, split, name), level=lambda: rng.randint(1, 9))
    return {"spots": spots, "tickets": {}}


SERVICE = Service(
    Garage,
    (
        Step(
            "spot",
            (present("area", "area", "spots", ("tickets", "spot")),),
            asks={
                "": (
                    "find the spot in {area}",
                    "see which spot {area} has",
                    "tell me the level of {area}",
                )
            },
            table="spots",
            gives="spot",
        ),
        Step(
            "park",
            (fresh("plate", "plate", code, "tickets"),),
            {"spot": "spot"},
            asks={
                "": (
                    "park {plate} in {area}",
                    "put the car {plate} into {area}",
                    "give {plate} the spot in {area}",
                ),
                "plate": (
                    "park a car in {area}",
                    "park my car in {area}",
                    "give me the spot in {area}",
                ),
                "area": (
                    "park {plate}",
                    "find a place for {plate} and park it",
                    "put {plate} somewhere",
                ),
            },
            gives="ticket",
            effect=Adds("tickets", "T", ("spot", "plate"), {"hours": 1}),
        ),
        Step(
            "add_hours",
            (between("hours", "number of hours", 2, 12),),
            key="ticket",
            again={
                "": (
                    "add {hours} hours to that ticket",
                    "pay for {hours} more hours",
                    "let it stay {hours} hours longer",
                ),
                "hours": ("add hours to that ticket", "pay for more hours", "let it stay longer"),
            },
            effect=Changes("tickets", "ticket", "hours", "hours", grows=True),
        ),
        Step(
            "leave",
            key="ticket",
            again={"": ("let that car out", "open the gate for that car", "let it leave")},
            effect=Removes("tickets", "ticket"),
        ),
    ),
    _draw,
)
