"""An endpoint of OpenAI's protocol that plays judges of all kinds, for the tests.

    python tests/judge_server.py --log FILE [--latency 0.01] [--faults 0.3] [--judge honest]

prints its port, then answers `POST /v1/chat/completions` until it is killed. Every request adds a
line to FILE before it is answered: the `Idempotency-Key`, the stage, what was done with it, when.

The judges: `honest` calls an answer right if it equals what the dialogue says the answer is
(`truth: [...]`), and corrects to that; `liar` calls everything wrong and corrects to nonsense;
`flatterer` calls everything right; `stubborn` calls everything wrong and corrects nothing.
The faults, a share of all requests, by turns: 429 with Retry-After, 500, half a JSON, another
shape, a hang, a cut connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

from egpo_verl.calls import parse

FAULTS = ("429", "500", "half", "shape", "hang", "cut")
ANSWER = re.compile(r"^# (?:Answer|New answer|Wrong answer)\n(.*)$", re.MULTILINE)
TRUTH = re.compile(r"truth: (\[.*\])$", re.MULTILINE)


class Judge:
    """Answers requests, and notes each of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.chooser = random.Random(options.seed)
        self.busy = 0.0
        self.turn = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (
                        line.partition(":") for line in head.decode().split("\r\n")[1:]
                    )
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self.answer(head.split()[1].decode(), headers, body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(
        self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        request = json.loads(body)
        stage = request["response_format"]["json_schema"]["name"]
        text = request["messages"][0]["content"]
        fault = self.fault(headers, text)
        self.note(headers.get("idempotency-key", ""), stage, fault or "answered")
        if fault == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.options.latency)
        if fault == "cut":
            return False
        if fault in ("429", "500", "400", "401"):
            extra = "Retry-After: 0.01\r\n" if fault == "429" else ""
            self.write(writer, int(fault), {"error": {"message": f"fault {fault}"}}, extra)
            return True
        said = json.dumps(self.say(stage, text))
        if fault == "half":
            said = said[: len(said) // 2]
        elif fault == "shape":
            said = json.dumps({"verdict": 7})
        self.write(writer, 200, completion(said, request["model"]))
        return True

    def fault(self, headers: dict[str, str], text: str) -> str | None:
        if self.options.always:
            return str(self.options.always)
        if "REFUSE ME" in text:
            return "400"
        if self.chooser.random() >= self.options.faults:
            return None
        self.turn += 1
        return FAULTS[self.turn % len(FAULTS)]

    def say(self, stage: str, text: str) -> dict[str, Any]:
        shown = ANSWER.search(text)
        truth = TRUTH.search(text)
        wanted = truth[1] if truth else "[]"
        right = shown is not None and parse(shown[1]).calls == parse(wanted).calls
        judge = self.options.judge
        if stage == "correct":
            calls = parse(wanted).calls or ()
            listed = [{"name": c.name, "arguments": json.dumps(dict(c.arguments))} for c in calls]
            nonsense = [{"name": "no_such_function", "arguments": "not even JSON"}]
            return {"calls": nonsense if judge == "liar" else listed, "reason": "As asked."}
        good = {"flatterer": True, "liar": False, "stubborn": False}.get(judge, right)
        verdict = (
            ("right" if good else "wrong") if stage == "judge" else ("accept" if good else "reject")
        )
        return {"reason": f"The {judge} judge says so.", "verdict": verdict}

    def note(self, *words: str) -> None:
        with self.options.log.open("a", encoding="utf-8") as file:
            file.write(" ".join((*words, f"{time.monotonic():.4f}")) + "\n")

    def write(
        self, writer: asyncio.StreamWriter, status: int, body: dict[str, Any], extra: str = ""
    ) -> None:
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)


def completion(text: str, model: str) -> dict[str, Any]:
    """OpenAI's answer with one choice; every answer costs 100 tokens in and 10 out."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "made",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--always", choices=["429", "500", "400", "401", "half", "hang", "cut"])
    parser.add_argument("--judge", default="honest")
    parser.add_argument("--seed", type=int, default=0)
    server = await asyncio.start_server(Judge(parser.parse_args()).serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
