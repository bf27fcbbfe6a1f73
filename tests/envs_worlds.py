"""Environments that tests play in: one to check, and some that misbehave."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Literal


class Ledger:
    """Accounts with balances."""

    def reset(self, accounts: dict[str, int], **row: Any) -> str | None:
        self.accounts = dict(accounts)
        self.log: list[str] = []
        return row.get("greeting")

    def balance(self, name: str) -> int:
        """The balance of an account.

        Args:
            name: Whose.
        """
        return self.accounts[name]

    def deposit(self, name: str, amount: int) -> str:
        """Pay into an account.

        Args:
            name: Whose.
            amount: How much.
        """
        self.accounts[name] += amount
        return "done"

    def rename(self, name: str, to: str) -> str:
        """Rename an account.

        Args:
            name: Its name.
            to: Its new name.
        """
        self.accounts[to] = self.accounts.pop(name)
        return "done"


class Till:
    """Takes money; what it tells of it has no order."""

    def reset(self, **row: Any) -> None:
        self.paid: list[float] = []

    def pay(self, amount: float) -> dict[str, Any]:
        """Pay.

        Args:
            amount: How much.
        """
        self.paid.append(amount)
        return {"so_far": self.paid}

    def total(self, last: float) -> dict[str, Any]:
        """What was paid.

        Args:
            last: The last amount.
        """
        total = {"total": sum(self.paid), "last": last}
        return total if isinstance(last, int) else dict(reversed(total.items()))


class Typed:
    """Tools with every kind of type hint; `transformers` reads them alike."""

    def reset(self, **row: Any) -> None: ...

    def every(
        self,
        text: str,
        number: float,
        flag: bool,
        names: list[str],
        kind: Literal["a", "b"],
        either: int | str,
        table: dict[str, int],
        pair: tuple[int, str],
        free: Any,
        maybe: int | None = None,
    ) -> dict:
        """Take everything.

        It has a second paragraph.

        Args:
            text: A text
                of two lines.
            number: A number.
            flag: A flag.
            names: Names.
            kind: A kind.
            either: One or the other.
            table: A table.
            pair: A pair.
            free: Anything.
            maybe: Perhaps (choices: [1, 2]).

        Returns:
            Nothing much.
        """
        return {}


class Tricky:
    """A world that misbehaves as its calls say, with a folder of its own that `_close` removes."""

    def reset(self, **row: Any) -> None:
        if row.get("fails") == "reset":
            raise RuntimeError("no world today")
        self.folder = tempfile.mkdtemp(prefix="tricky-", dir=row["folder"])
        self.fails = row.get("fails")

    def _state(self) -> Any:
        if self.fails == "state":
            raise RuntimeError("no state today")
        return {1, 2} if self.fails == "json" else {}

    def _close(self) -> None:
        os.rmdir(self.folder)

    def sleep(self, seconds: float) -> str:
        """Sleep.

        Args:
            seconds: How long.
        """
        time.sleep(seconds)
        return "slept"

    async def doze(self, seconds: float) -> str:
        """Sleep without blocking.

        Args:
            seconds: How long.
        """
        await asyncio.sleep(seconds)
        return "dozed"

    def spin(self) -> None:
        """Compute for ever."""
        while True:
            pass

    def wait(self) -> None:
        """Wait for what never comes, in a thread that never ends."""
        thread = threading.Thread(target=threading.Event().wait, daemon=True)
        thread.start()
        thread.join()

    def die(self) -> None:
        """End the process."""
        os._exit(3)

    def fail(self) -> None:
        """Raise."""
        raise KeyError("nothing there")

    def odd(self) -> Any:
        """Return what is no JSON."""
        return {"path": Path("a/b")}


class Shared:
    """Two worlds in one process share a class attribute."""

    notes: list[str] = []  # noqa: RUF012  the mistake that the command finds

    def reset(self, **row: Any) -> None: ...

    def note(self, text: str) -> int:
        """Write a note.

        Args:
            text: What it says.
        """
        self.notes.append(text)
        return len(self.notes)

    def _state(self) -> list[str]:
        return self.notes


class Random:
    """A world that is another one each time."""

    def reset(self, **row: Any) -> None:
        self.number = os.urandom(8).hex()

    def look(self) -> str:
        """Look at it."""
        return "there"


class Game:
    """Scores itself."""

    def reset(self, **row: Any) -> str:
        self.guesses = 0
        self.secret = row["secret"]
        return "The secret lies between 1 and 9."

    def guess(self, number: int) -> str:
        """Guess the secret.

        Args:
            number: The guess.
        """
        self.guesses += 1
        if number == self.secret:
            self.won = True
            return "right"
        return "higher" if number < self.secret else "lower"

    def get_reward(self) -> float:
        return 1.0 / self.guesses if getattr(self, "won", False) else 0.0
