"""The hand-written tools: twelve domains of six, one tool in each held out for `test_hard`."""

from __future__ import annotations

from egpo_verl.toolworld.catalogue import (
    calendar,
    dining,
    files,
    health,
    home,
    maps,
    messages,
    money,
    music,
    shop,
    travel,
    weather,
)
from egpo_verl.toolworld.spec import Spec

DOMAINS: dict[str, tuple[Spec, ...]] = {
    module.__name__.rpartition(".")[2]: module.SPECS
    for module in (
        weather,
        travel,
        dining,
        calendar,
        messages,
        money,
        shop,
        home,
        music,
        health,
        maps,
        files,
    )
}
SPECS: tuple[Spec, ...] = tuple(spec for specs in DOMAINS.values() for spec in specs)
DOMAIN_OF: dict[str, str] = {
    spec.name: domain for domain, specs in DOMAINS.items() for spec in specs
}
