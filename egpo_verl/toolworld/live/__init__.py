"""Toolworld live: seeded dialogues with small services that have state.

The services are environments, `egpo_verl.toolworld.live:Library` for one. `rows` makes verl's rows,
and is not imported here: a process that hosts worlds needs none.
"""

from __future__ import annotations

from egpo_verl.toolworld.live.demonstrate import Demonstration, demonstrations
from egpo_verl.toolworld.live.generate import generate
from egpo_verl.toolworld.live.search import problems
from egpo_verl.toolworld.live.services import SERVICES
from egpo_verl.toolworld.live.services.clinic import Clinic
from egpo_verl.toolworld.live.services.ferry import Ferry
from egpo_verl.toolworld.live.services.garage import Garage
from egpo_verl.toolworld.live.services.kennel import Kennel
from egpo_verl.toolworld.live.services.library import Library
from egpo_verl.toolworld.live.services.post import PostOffice
from egpo_verl.toolworld.live.services.rental import Rental
from egpo_verl.toolworld.live.services.seed_bank import SeedBank
from egpo_verl.toolworld.live.task import KINDS, Task

__all__ = [
    "KINDS",
    "SERVICES",
    "Clinic",
    "Demonstration",
    "Ferry",
    "Garage",
    "Kennel",
    "Library",
    "PostOffice",
    "Rental",
    "SeedBank",
    "Task",
    "demonstrations",
    "generate",
    "problems",
]
