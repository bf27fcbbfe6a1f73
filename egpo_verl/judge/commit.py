"""Many answers, few commits: those that arrive while one commit runs share the next."""

from __future__ import annotations

import asyncio

from egpo_verl.judge.store import Answer, Store


class Committer:
    """Commits answers to a store in a thread; `put` returns when its answer is on disk.

    A commit takes milliseconds that would otherwise add up to the judge's own time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Answer, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def put(self, answer: Answer) -> None:
        """Commit; raises what the store raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        # An answer that is paid for is committed even if the one who asked is cancelled.
        await asyncio.shield(done)

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._store.put, [answer for answer, _ in batch])
            except Exception as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)

    async def close(self) -> None:
        """Wait for what is not yet committed."""
        if self._running is not None:
            await self._running
