"""A boarding kennel, which only the hard test has."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import FIRST_NAMES, name, one_of

dog = one_of(FIRST_NAMES)


class Kennel(World):
    """A boarding kennel."""

    def pen(self, label: str) -> dict[str, Any]:
        """Find a pen.

        Args:
            label: Its name.
        """
        return self._look_up("pens", "pen", label=label)

    def admit(self, pen: str, dog: str) -> dict[str, Any]:
        """Take a dog in.

        Args:
            pen: Id of the pen.
            dog: Its name.
        """
        self._record("pens", pen)
        self._must_be_free("stays", "pen", pen)
        return self._open("stays", "stay", "D", pen=pen, dog=dog, walks=0)

    def walk(self, stay: str, minutes: int) -> dict[str, Any]:
        """Walk a dog.

        Args:
            stay: Id of its stay.
            minutes: How long.
        """
        return {"walked": self._grow("stays", stay, "walks", minutes)}

    def collect(self, stay: str) -> dict[str, Any]:
        """Give a dog back.

        Args:
            stay: Id of its stay.
        """
        return {"bye": self._take("stays", stay)["dog"]}


def _draw(rng: Random, split: str) -> State:
    pens = records(rng, "K", 4, label=at_home(rng, split, name), size=lambda: rng.randint(2, 9))
    return {"pens": pens, "stays": {}}


SERVICE = Service(
    Kennel,
    (
        Step(
            "pen",
            (present("label", "pen", "pens", ("stays", "pen")),),
            asks={
                "": (
                    "find the pen {label}",
                    "see how big {label} is",
                    "tell me the size of the pen {label}",
                )
            },
            table="pens",
            gives="pen",
        ),
        Step(
            "admit",
            (fresh("dog", "dog", dog, "stays"),),
            {"pen": "pen"},
            asks={
                "": (
                    "take the dog {dog} into {label}",
                    "put {dog} into the pen {label}",
                    "let {dog} stay in {label}",
                ),
                "dog": (
                    "take a dog into {label}",
                    "put my dog into the pen {label}",
                    "let my dog stay in {label}",
                ),
                "label": ("take the dog {dog} in", "put {dog} into a pen", "let {dog} stay here"),
            },
            gives="stay",
            effect=Adds("stays", "D", ("pen", "dog"), {"walks": 0}),
        ),
        Step(
            "walk",
            (between("minutes", "number of minutes", 5, 60),),
            key="stay",
            again={
                "": (
                    "walk that dog for {minutes} minutes",
                    "take it out for {minutes} minutes",
                    "give it a walk of {minutes} minutes",
                ),
                "minutes": ("walk that dog", "take it out for a while", "give it a walk"),
            },
            effect=Changes("stays", "stay", "walks", "minutes", grows=True),
        ),
        Step(
            "collect",
            key="stay",
            again={"": ("give that dog back", "hand the dog over", "end its stay")},
            effect=Removes("stays", "stay"),
        ),
    ),
    _draw,
    held_out=True,
)
