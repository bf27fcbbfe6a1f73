"""A bank of seeds."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import ADJECTIVES, CITIES, one_of

PLANTS = ("Pea", "Bean", "Maize", "Squash", "Tomato", "Lettuce", "Carrot", "Onion", "Leek", "Beet")
plant = one_of([f"{adjective} {noun}" for adjective in ADJECTIVES for noun in PLANTS])
city = one_of(CITIES)


class SeedBank(World):
    """A bank of seeds."""

    def search(self, plant: str) -> dict[str, Any]:
        """Find the lot of a plant.

        Args:
            plant: Its name.
        """
        return self._look_up("lots", "lot", plant=plant)

    def withdraw(self, lot: str, grams: int) -> dict[str, Any]:
        """Pack seeds.

        Args:
            lot: Id of the lot.
            grams: How much.
        """
        self._record("lots", lot)
        return self._open("packets", "packet", "S", lot=lot, grams=grams, city=None)

    def mail(self, packet: str, city: str) -> dict[str, Any]:
        """Mail a packet.

        Args:
            packet: Its id.
            city: Where to.
        """
        record = self._record("packets", packet)
        if record["city"] is not None:
            raise ValueError(f"it is on its way to {record['city']}")
        record["city"] = city
        return {"mailed": packet}

    def put_back(self, packet: str) -> dict[str, Any]:
        """Put a packet back.

        Args:
            packet: Its id.
        """
        return {"back": self._take("packets", packet)["grams"]}


def _draw(rng: Random, split: str) -> State:
    lots = records(rng, "G", 4, plant=at_home(rng, split, plant), year=lambda: rng.randint(80, 99))
    return {"lots": lots, "packets": {}}


SERVICE = Service(
    SeedBank,
    (
        Step(
            "search",
            (present("plant", "plant", "lots"),),
            asks={
                "": ("find the lot of {plant}", "look {plant} up", "tell me the year of {plant}")
            },
            table="lots",
            gives="lot",
        ),
        Step(
            "withdraw",
            (between("grams", "number of grams", 5, 95),),
            {"lot": "search"},
            asks={
                "": (
                    "pack {grams} grams of {plant}",
                    "get me {grams} grams of {plant}",
                    "weigh out {grams} grams of {plant}",
                ),
                "grams": (
                    "pack some {plant}",
                    "get me seeds of {plant}",
                    "weigh out {plant} for me",
                ),
                "plant": (
                    "pack {grams} grams of seeds",
                    "get me {grams} grams of something",
                    "weigh out {grams} grams for me",
                ),
            },
            gives="packet",
            effect=Adds("packets", "S", ("lot", "grams"), {"city": None}),
        ),
        Step(
            "mail",
            (fresh("city", "city", city, "packets"),),
            key="packet",
            again={
                "": (
                    "mail that packet to {city}",
                    "send the packet to {city}",
                    "post it to {city}",
                ),
                "city": ("mail that packet", "send the packet off", "post it"),
            },
            effect=Changes("packets", "packet", "city", "city"),
        ),
        Step(
            "put_back",
            key="packet",
            again={
                "": ("put that packet back", "return the packet to its lot", "undo that packet")
            },
            effect=Removes("packets", "packet"),
        ),
    ),
    _draw,
)
