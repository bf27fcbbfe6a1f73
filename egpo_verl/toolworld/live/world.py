"""What all services share: tables of records, numbered as they are opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Tables = dict[str, dict[str, dict[str, Any]]]


class World:
    """Tables of records by id, all JSON; `reset(**world._state())` makes the same world again.

    A method either looks something up or makes exactly one change, and no change is made by two
    methods, so a method that is missing cannot be made up for by the others. What is opened gets
    the next number, which is part of the state: opening and undoing leaves a trace.
    """

    def reset(self, number: int = 1, log: Sequence[str] = (), **tables: Any) -> None:
        """Make the world.

        Args:
            number: of the next record that is opened.
            log: lines that stand in every looked-up result before what was looked for.
            tables: name -> id -> record.
        """
        self._number = number
        self._log = list(log)
        self._tables = _copied(tables)

    def _state(self) -> dict[str, Any]:
        return {"number": self._number, **_copied(self._tables)}

    def _look_up(self, table: str, key: str, **fields: Any) -> dict[str, Any]:
        """The first record with these fields, under the key of its id."""
        for identity, record in self._tables[table].items():
            if all(record[name] == value for name, value in fields.items()):
                rest = {name: value for name, value in record.items() if name not in fields}
                return {**({"log": self._log} if self._log else {}), key: identity, **rest}
        raise ValueError(f"no {key} with {' and '.join(map(str, fields.values()))}")

    def _record(self, table: str, identity: str) -> dict[str, Any]:
        """A record by its id."""
        if identity not in self._tables[table]:
            raise ValueError(f"there is no {identity}")
        return self._tables[table][identity]

    def _open(self, table: str, key: str, prefix: str, **record: Any) -> dict[str, Any]:
        """A new record; its id is what the caller needs later."""
        identity = f"{prefix}{self._number}"
        self._number += 1
        self._tables[table][identity] = record
        return {key: identity}

    def _grow(self, table: str, identity: str, field: str, by: int) -> int:
        """Add to a number of a record; the sum."""
        record = self._record(table, identity)
        if by < 1:
            raise ValueError(f"{by} is too little")
        record[field] += by
        return int(record[field])

    def _take(self, table: str, identity: str) -> dict[str, Any]:
        """Remove a record."""
        record = self._record(table, identity)
        del self._tables[table][identity]
        return record

    def _must_be_free(self, table: str, field: str, identity: str) -> None:
        """No record of the table may have this id in the field."""
        if any(record[field] == identity for record in self._tables[table].values()):
            raise ValueError(f"{identity} is taken")


def _copied(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Tables:
    return {
        name: {identity: dict(record) for identity, record in table.items()}
        for name, table in tables.items()
    }
