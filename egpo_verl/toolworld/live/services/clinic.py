"""A clinic, which only the hard test has."""

from __future__ import annotations

from random import Random
from typing import Any, Literal, get_args

from egpo_verl.toolworld.live.draws import among, at_home, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import LAST_NAMES, one_of, person

surname = one_of(LAST_NAMES)
Day = Literal["Tuesday", "Wednesday", "Thursday", "Friday"]


class Clinic(World):
    """A clinic."""

    def doctor(self, surname: str) -> dict[str, Any]:
        """Find a doctor.

        Args:
            surname: Of the doctor.
        """
        return self._look_up("doctors", "doctor", surname=surname)

    def appoint(self, doctor: str, patient: str) -> dict[str, Any]:
        """Make an appointment.

        Args:
            doctor: Id of the doctor.
            patient: For whom.
        """
        self._record("doctors", doctor)
        return self._open("visits", "visit", "V", doctor=doctor, patient=patient, day="Monday")

    def visit_of(self, patient: str) -> dict[str, Any]:
        """Find an appointment.

        Args:
            patient: Whose.
        """
        return self._look_up("visits", "visit", patient=patient)

    def move(self, visit: str, day: Day) -> dict[str, Any]:
        """Move an appointment.

        Args:
            visit: Its id.
            day: To which.
        """
        record = self._record("visits", visit)
        if record["day"] == day:
            raise ValueError(f"it is on {day}")
        record["day"] = day
        return {"moved": visit}

    def drop(self, visit: str) -> dict[str, Any]:
        """Cancel an appointment.

        Args:
            visit: Its id.
        """
        return {"dropped": self._take("visits", visit)["doctor"]}


def _draw(rng: Random, split: str) -> State:
    doctors = records(
        rng, "H", 3, surname=at_home(rng, split, surname), room=lambda: rng.randint(1, 40)
    )
    visits = records(
        rng,
        "V",
        2,
        patient=at_home(rng, split, person),
        doctor=lambda: rng.choice(sorted(doctors)),
        day=lambda: "Monday",
    )
    return {"doctors": doctors, "visits": visits}


SERVICE = Service(
    Clinic,
    (
        Step(
            "doctor",
            (present("surname", "surname", "doctors"),),
            asks={
                "": (
                    "find the doctor {surname}",
                    "see where {surname} sits",
                    "tell me the room of {surname}",
                )
            },
            table="doctors",
            gives="doctor",
        ),
        Step(
            "appoint",
            (fresh("patient", "patient", person, "visits"),),
            {"doctor": "doctor"},
            asks={
                "": (
                    "get {patient} an appointment with {surname}",
                    "book {patient} with {surname}",
                ),
                "patient": (
                    "make an appointment with {surname}",
                    "book somebody with {surname}",
                ),
                "surname": (
                    "get {patient} an appointment with a doctor",
                    "book {patient} with somebody",
                ),
            },
            gives="visit",
            effect=Adds("visits", "V", ("doctor", "patient"), {"day": "Monday"}),
        ),
        Step(
            "visit_of",
            (present("patient", "patient", "visits"),),
            asks={"": ("find the appointment of {patient}",)},
            table="visits",
            gives="visit",
        ),
        Step(
            "move",
            (among("day", "day", get_args(Day)),),
            {"visit": "visit_of"},
            "visit",
            asks={
                "": (
                    "move the appointment of {patient} to {day}",
                    "let {patient} come on {day}",
                ),
                "day": (
                    "move the appointment of {patient}",
                    "let {patient} come on another day",
                ),
                "patient": (
                    "move an appointment to {day}",
                    "let a patient come on {day}",
                ),
            },
            again={
                "": ("move that appointment to {day}", "make it {day} instead"),
                "day": ("move that appointment", "make it another day"),
            },
            effect=Changes("visits", "visit", "day", "day"),
        ),
        Step(
            "drop",
            (),
            {"visit": "visit_of"},
            "visit",
            asks={
                "": (
                    "cancel the appointment of {patient}",
                    "tell them that {patient} will not come",
                ),
                "patient": ("cancel an appointment",),
            },
            again={"": ("cancel that appointment", "drop it")},
            effect=Removes("visits", "visit"),
        ),
    ),
    _draw,
    held_out=True,
)
