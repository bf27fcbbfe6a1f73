"""A lending library."""

from __future__ import annotations

from random import Random
from typing import Any

from egpo_verl.toolworld.live.draws import at_home, between, fresh, present, records
from egpo_verl.toolworld.live.spec import Adds, Changes, Removes, Service, State, Step
from egpo_verl.toolworld.live.world import World
from egpo_verl.toolworld.values import name, person


class Library(World):
    """A lending library."""

    def find(self, title: str) -> dict[str, Any]:
        """Find a book.

        Args:
            title: Its title.
        """
        return self._look_up("books", "book", title=title)

    def lend(self, book: str, member: str) -> dict[str, Any]:
        """Lend a book.

        Args:
            book: Its id.
            member: To whom.
        """
        self._record("books", book)
        self._must_be_free("loans", "book", book)
        return self._open("loans", "loan", "L", book=book, member=member, days=14)

    def loan_of(self, member: str) -> dict[str, Any]:
        """Find a loan.

        Args:
            member: Whose.
        """
        return self._look_up("loans", "loan", member=member)

    def extend(self, loan: str, days: int) -> dict[str, Any]:
        """Extend a loan.

        Args:
            loan: Its id.
            days: By how many.
        """
        return {"days": self._grow("loans", loan, "days", days)}

    def take_back(self, loan: str) -> dict[str, Any]:
        """End a loan.

        Args:
            loan: Its id.
        """
        return {"back": self._take("loans", loan)["book"]}


def _draw(rng: Random, split: str) -> State:
    books = records(rng, "B", 4, title=at_home(rng, split, name), shelf=lambda: rng.randint(1, 30))
    lent = iter(rng.sample(sorted(books), 2))
    loans = records(
        rng,
        "L",
        2,
        member=at_home(rng, split, person),
        book=lambda: next(lent),
        days=lambda: rng.randint(2, 20),
    )
    return {"books": books, "loans": loans}


SERVICE = Service(
    Library,
    (
        Step(
            "find",
            (present("title", "title", "books", ("loans", "book")),),
            asks={
                "": (
                    "find {title}",
                    "see where {title} stands",
                    "look up {title}",
                    "tell me the shelf of {title}",
                )
            },
            table="books",
            gives="book",
        ),
        Step(
            "lend",
            (fresh("member", "member", person, "loans"),),
            {"book": "find"},
            asks={
                "": (
                    "lend {title} to {member}",
                    "give {member} the book {title}",
                    "let {member} take {title} home",
                ),
                "member": (
                    "lend {title} to a member",
                    "lend out {title}",
                    "let somebody take {title} home",
                ),
                "title": (
                    "lend a book to {member}",
                    "give {member} a book",
                    "let {member} take a book home",
                ),
            },
            gives="loan",
            effect=Adds("loans", "L", ("book", "member"), {"days": 14}),
        ),
        Step(
            "loan_of",
            (present("member", "member", "loans"),),
            asks={"": ("find the loan of {member}", "look up what {member} has borrowed")},
            table="loans",
            gives="loan",
        ),
        Step(
            "extend",
            (between("days", "number of days", 2, 28),),
            {"loan": "loan_of"},
            "loan",
            asks={
                "": (
                    "extend the loan of {member} by {days} days",
                    "give {member} {days} more days",
                    "make the loan of {member} {days} days longer",
                ),
                "days": ("extend the loan of {member}", "give {member} more days"),
                "member": ("extend a loan by {days} days", "give a member {days} more days"),
            },
            again={
                "": (
                    "extend that loan by {days} days",
                    "add {days} days to the loan",
                    "make it {days} days longer",
                ),
                "days": ("extend that loan", "make that loan longer", "add days to the loan"),
            },
            effect=Changes("loans", "loan", "days", "days", grows=True),
        ),
        Step(
            "take_back",
            (),
            {"loan": "loan_of"},
            "loan",
            asks={
                "": (
                    "take back the book of {member}",
                    "end the loan of {member}",
                    "note that {member} has returned the book",
                ),
                "member": ("take back a book", "end a loan"),
            },
            again={"": ("take that book back", "the book is back, end its loan", "end that loan")},
            effect=Removes("loans", "loan"),
        ),
    ),
    _draw,
)
