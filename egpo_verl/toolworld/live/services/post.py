"""A post office."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import person


class PostOffice(World):
    """A post office."""

    def box(self, owner: str) -> dict[str, Any]:
        """Find a box.

        Args:
            owner: Whose.
        """
        return self._look_up("boxes", "box", owner=owner)

    def send(self, box: str, grams: int) -> dict[str, Any]:
        """Send a parcel.

        Args:
            box: Id of the box.
            grams: Its weight.
        """
        self._record("boxes", box)
        return self._open("parcels", "parcel", "Q", box=box, grams=grams, insured=0)

    def insure(self, parcel: str, euros: int) -> dict[str, Any]:
        """Insure a parcel.

        Args:
            parcel: Its id.
            euros: For how much more.
        """
        return {"insured": self._grow("parcels", parcel, "insured", euros)}

    def recall(self, parcel: str) -> dict[str, Any]:
        """Call a parcel back.

        Args:
            parcel: Its id.
        """
        return {"stopped": self._take("parcels", parcel)["box"]}


def _draw(rng: Random, split: str) -> State:
    boxes = records(rng, "X", 4, owner=at_home(rng, split, person), row=lambda: rng.randint(1, 9))
    return {"boxes": boxes, "parcels": {}}


SERVICE = Service(
    PostOffice,
    (
        Step(
            "box",
            (present("owner", "owner", "boxes"),),
            asks={
                "": (
                    "find the box of {owner}",
                    "see which box {owner} has",
                    "tell me the row of the box of {owner}",
                )
            },
            table="boxes",
            gives="box",
        ),
        Step(
            "send",
            (between("grams", "number of grams", 100, 990),),
            {"box": "box"},
            asks={
                "": (
                    "send {owner} a parcel of {grams} grams",
                    "send {grams} grams to {owner}",
                    "mail {owner} {grams} grams",
                ),
                "grams": (
                    "send {owner} a parcel",
                    "send something to {owner}",
                    "mail {owner} something",
                ),
                "owner": (
                    "send a parcel of {grams} grams",
                    "send {grams} grams to a friend",
                    "mail {grams} grams",
                ),
            },
            gives="parcel",
            effect=Adds("parcels", "Q", ("box", "grams"), {"insured": 0}),
        ),
        Step(
            "insure",
            (between("euros", "number of euros", 20, 90),),
            key="parcel",
            again={
                "": (
                    "insure that parcel for {euros} euros",
                    "add {euros} euros of insurance",
                    "cover it with {euros} euros",
                ),
                "euros": ("insure that parcel", "add insurance", "cover it"),
            },
            effect=Changes("parcels", "parcel", "insured", "euros", grows=True),
        ),
        Step(
            "recall",
            key="parcel",
            again={"": ("call that parcel back", "stop that parcel", "have it returned to me")},
            effect=Removes("parcels", "parcel"),
        ),
    ),
    _draw,
)
