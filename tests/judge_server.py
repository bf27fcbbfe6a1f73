"""An endpoint of OpenAI's protocol that plays judges of all kinds, for the tests.

    python tests/judge_server.py --log FILE [--latency 0.01] [--faults 0.3] [--judge honest]

prints its port, then answers `POST /v1/chat/completions` until it is killed. Every request adds a
line to FILE before it is answered: the `Idempotency-Key`, the stage, what was done with it, when.

The judges: `honest` calls an answer right if it equals what the dialogue says the answer is
(`truth: [...]`), and corrects to that; `liar` calls everything wrong and corrects to nonsense;
`flatterer` calls everything right; `stubborn` calls everything wrong and corrects nothing.
The faults, a share of all requests, by turns: 429 with Retry-After, 500, half a JSON, another
shape, a hang, a cut connection. `--always FATE` gives every request a fate, from the N-th on with
`--healthy N`, and `fate: FATE` in the dialogue those of one row; `--only STAGE` leaves the other
stages alone.
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
STATUS = ("400", "401", "403", "404", "429", "500")
BODIES = {
    "html": b"<html><body>Welcome to the hotel's network</body></html>",
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "text": b'"right"',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "latin": '{"choices": "gr\xfc\xdfe"}'.encode("latin-1"),
    "choiceless": b'{"choices": []}',
    "wordless": b'{"choices": [{"message": null}]}',
}
"""Bodies that are no completion, sent with status 200."""
REASONS = {
    "surrogate": '{"reason": "\\ud800", "verdict": "right"}',
    "deep_answer": '{"reason": ' + "[" * 400 + "]" * 400 + ', "verdict": "right"}',
    "endless": '{"reason": "' + "x" * 300_000,
    "long_number": '{"reason": ' + "9" * 10_000 + ', "verdict": "right"}',
}
"""Answers of a completion that cannot be used."""
ARGUMENTS = {
    "half_letter": '{"harbour": "\\ud800", "day": 1}',
    "deep_arguments": '{"harbour": ' + "[" * 100_000 + "]" * 100_000 + ', "day": 1}',
    "not_a_number": '{"harbour": "Hoorn", "day": NaN}',
    "beyond": '{"harbour": "Hoorn", "day": 1e999}',
    "many_digits": '{"harbour": "Hoorn", "day": ' + "9" * 10_000 + "}",
    "null_letter": '{"harbour": "Ho\\u0000rn", "day": 1}',
}
"""Arguments of a corrected call that cannot be written or are none."""
FATE = re.compile(r"fate: (\w+)")
ANSWER = re.compile(r"^# (?:Answer|New answer|Wrong answer)\n(.*)$", re.MULTILINE)
TRUTH = re.compile(r"truth: (\[.*\])$", re.MULTILINE)


class Judge:
    """Answers requests, and notes each of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.chooser = random.Random(options.seed)
        self.turn = 0
        self.requests = 0

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
        fault = self.fault(stage, text)
        self.note(headers.get("idempotency-key", "-"), stage, fault or "answered")
        if fault == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.options.latency)
        if fault == "cut":
            return False
        key = headers.get("authorization", "").removeprefix("Bearer ")
        if fault in STATUS:
            extra = "Retry-After: 0.01\r\n" if fault == "429" else ""
            error = {"error": {"message": f"fault {fault} of the key {key}"}}
            self.write(writer, int(fault), json.dumps(error).encode(), extra)
            return True
        if fault in BODIES:
            self.write(writer, 200, BODIES[fault])
            return True
        words = json.dumps(self.say(stage, text))
        if fault == "half":
            words = words[: len(words) // 2]
        elif fault == "shape":
            words = json.dumps({"verdict": 7})
        elif fault == "echo":
            words = words.replace('"reason": "', f'"reason": "{key} ')
        elif fault in REASONS:
            words = REASONS[fault]
        elif fault in ARGUMENTS and stage == "correct":
            call = {"name": "tide_now", "arguments": ARGUMENTS[fault]}
            words = json.dumps({"calls": [call], "reason": ""})
        answer = completion(words, request["model"])
        if fault == "bill":
            answer["usage"] = {"prompt_tokens": 10**30, "completion_tokens": "ten"}
        self.write(writer, 200, json.dumps(answer).encode())
        return True

    def fault(self, stage: str, text: str) -> str | None:
        if self.options.only not in ("", stage):
            return None
        self.requests += 1
        if self.options.always and self.requests > self.options.healthy:
            return str(self.options.always)
        named = FATE.search(text)
        if named:
            return named[1]
        if self.chooser.random() >= self.options.faults:
            return None
        self.turn += 1
        return FAULTS[self.turn % len(FAULTS)]

    def say(self, stage: str, text: str) -> dict[str, Any]:
        shown = ANSWER.search(text)
        truth = TRUTH.search(text)
        expected = truth[1] if truth else "[]"
        right = shown is not None and parse(shown[1]).calls == parse(expected).calls
        judge = self.options.judge
        if stage == "think":
            thought = f"By what is said, {shown[1] if shown else ''}."
            return {"thought": "" if judge == "liar" else thought, "reply": "No function fits."}
        if stage in ("follow", "correct"):
            stage = "correct"
        if stage == "correct":
            calls = parse(expected).calls or ()
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
        self, writer: asyncio.StreamWriter, status: int, data: bytes, extra: str = ""
    ) -> None:
        kind = "text/html" if data.startswith(b"<") else "application/json"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}"
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
    parser.add_argument("--always", default="", metavar="FATE")
    parser.add_argument("--healthy", type=int, default=0, metavar="N")
    parser.add_argument("--only", default="", metavar="STAGE")
    parser.add_argument("--judge", default="honest")
    parser.add_argument("--seed", type=int, default=0)
    server = await asyncio.start_server(Judge(parser.parse_args()).serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
