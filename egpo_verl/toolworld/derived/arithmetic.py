"""Sums and differences digit by digit, in words that a derivation uses."""

from __future__ import annotations


def addition(one: int, two: int, carries: bool = True) -> str:
    """`38 + 47: 8 + 7 = 15, 3 + 4 + 1 = 8, so 85`; without carries it comes out wrong."""
    return _written(f"{one} + {two}", _added(one, two, carries))


def subtraction(one: int, two: int, borrows: bool = True) -> str:
    """`82 - 37: 12 - 7 = 5, 7 - 3 = 4, so 45`; `one` is the larger.

    Without borrows the smaller digit is taken from the larger, which comes out wrong.
    """
    return _written(f"{one} - {two}", _subtracted(one, two, borrows))


def carries(one: int, two: int) -> bool:
    """Whether some column of the sum exceeds 9."""
    return any(int(result) > 9 for _, result in _added(one, two, True)[:-1])


def borrows(one: int, two: int) -> bool:
    """Whether some digit of `one` is below that of `two`."""
    return any(high < low for high, low in zip(*_columns(one, two), strict=True))


def _written(title: str, columns: list[tuple[str, str]]) -> str:
    digits = [int(result) % 10 for _, result in columns[:-1]]
    total = int(columns[-1][1] + "".join(map(str, reversed(digits))))
    return f"{title}: {', '.join(f'{left} = {right}' for left, right in columns)}, so {total}"


def _added(one: int, two: int, carrying: bool) -> list[tuple[str, str]]:
    columns: list[tuple[str, str]] = []
    carry = 0
    for high, low in zip(*_columns(one, two), strict=True):
        parts = [str(high), str(low), *(["1"] if carry else [])]
        total = high + low + carry
        columns.append((" + ".join(parts), str(total)))
        carry = int(carrying and total > 9)
    return columns


def _subtracted(one: int, two: int, borrowing: bool) -> list[tuple[str, str]]:
    columns: list[tuple[str, str]] = []
    borrow = 0
    for high, low in zip(*_columns(one, two), strict=True):
        top = high - borrow
        borrow = int(borrowing and top < low)
        top, low = (top + 10 * borrow, low) if borrowing else (max(top, low), min(top, low))
        columns.append((f"{top} - {low}", str(top - low)))
    return columns


def _columns(one: int, two: int) -> tuple[list[int], list[int]]:
    """The digits of both, the last one first, as many as the longer has."""
    size = max(len(str(one)), len(str(two)))
    return tuple([int(digit) for digit in reversed(f"{n:0{size}d}")] for n in (one, two))  # type: ignore[return-value]
