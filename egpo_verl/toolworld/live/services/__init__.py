"""Every service."""

from __future__ import annotations

from egpo_verl.toolworld.live.services import (
    clinic,
    ferry,
    garage,
    kennel,
    library,
    post,
    rental,
    seed_bank,
)
from egpo_verl.toolworld.live.spec import Service

SERVICES: tuple[Service, ...] = tuple(
    module.SERVICE for module in (library, garage, seed_bank, ferry, rental, post, kennel, clinic)
)
