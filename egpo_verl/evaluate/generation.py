"""Ask a model what it has not answered yet, and keep every response as it comes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from egpo_verl.cli import progress
from egpo_verl.evaluate.backends import Backend
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.response_store import ResponseStore


def fill(
    store: ResponseStore, backend: Backend, chats: Sequence[Chat], samples: int, console: Console
) -> int:
    """Generate what is missing; the number of responses that are missing all the same.

    Args:
        samples: responses to each chat.
        console: is told what is reused.
    """
    total = len(chats) * samples
    missing = _missing(store, chats, samples)
    for sentence in store.others():
        console.print(sentence, highlight=False, markup=False)
    if outdated := store.outdated(chats):
        console.print(f"{outdated:,} answers are not used: their prompts were others")
    if missing < total:
        console.print(f"{total - missing:,} of {total:,} answers are there already")
    if missing:
        with progress("Generating", missing) as report:
            done = 0
            for sample in range(samples):
                by_key = {chat.key: chat for chat in store.missing(chats, sample)}
                for key, text in backend.generate(by_key.values(), sample):
                    store.add(by_key[key], text, sample, backend.notes.pop(key, ""))
                    done += 1
                    report(done)
    return _missing(store, chats, samples)


def _missing(store: ResponseStore, chats: Sequence[Chat], samples: int) -> int:
    return sum(len(store.missing(chats, sample)) for sample in range(samples))
