"""An episode as a pure state machine: it says what comes next, and somebody else does it.

    ANSWER: `prompt` is shown to the policy, its message goes to `answer`
    CALLS: `calls` are run in order, what they returned goes to `returned`
    CHECK: a user turn has ended; the world is looked at, then `go_on` or `end`
    OVER: `reason` says why

A message without a call ends a user turn. A message that breaks the template ends the episode.
Nothing that the policy writes is ever evaluated: calls are read by `egpo_verl.calls`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from egpo_verl.calls import Call, Reason, ToolSet, answer_of, contains_call, parse
from egpo_verl.envs.misfit import misfit, refusal
from egpo_verl.envs.script import Script, Turn
from egpo_verl.prompt import build_prompt, tools_json

MAX_MESSAGES = 20
"""Messages of the policy in one user turn, as in BFCL's multi-turn categories."""


class Phase(Enum):
    ANSWER = auto()
    CALLS = auto()
    CHECK = auto()
    OVER = auto()


@dataclass(frozen=True)
class Result:
    """What a call returned, as the text that the policy sees, and whether that is an error."""

    text: str
    is_error: bool = False


@dataclass
class Counts:
    """What happened in an episode so far.

    Attributes:
        messages: of the policy.
        calls: written in them, refused ones included.
        tool_errors: calls that were refused or raised.
        turns_solved: user turns that passed the check.
    """

    messages: int = 0
    calls: int = 0
    tool_errors: int = 0
    turns_solved: int = 0


@dataclass
class Episode:
    """One episode.

    Args:
        script: what the row says.
        tools: all tools of the environment, `{"name", "description", "parameters"}` each.
        observation: what `reset` returned; it follows the first user turn, as in TRL.
        call_form: how calls are written, a name of `FORMS`.
        max_messages: of the policy in one user turn; the script's limit comes before it.
    """

    script: Script
    tools: Sequence[dict[str, Any]]
    observation: str | None = None
    call_form: str = "python"
    max_messages: int = MAX_MESSAGES
    phase: Phase = field(default=Phase.ANSWER, init=False)
    reason: Reason = field(default=Reason.OK, init=False)
    counts: Counts = field(default_factory=Counts, init=False)
    dialogue: list[dict[str, str]] = field(default_factory=list, init=False)
    turn: int = field(default=0, init=False)
    calls_in_turn: int = field(default=0, init=False)
    seen: set[str] = field(default_factory=set, init=False)
    calls: list[Call] = field(default_factory=list, init=False)
    offered: list[dict[str, Any]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.max_messages = self.script.max_messages or self.max_messages
        if self.script.system:
            self.dialogue.append({"role": "system", "content": self.script.system})
        self._results: list[Result | None] = []
        self.offered = [tool for tool in self.tools if tool["name"] not in self.script.late_tools]
        self._user_turn(self.observation or "")

    @property
    def user_turn(self) -> Turn:
        """The user turn that the episode is in."""
        return self.script.turns[self.turn]

    @property
    def prompt(self) -> list[dict[str, str]]:
        """The messages that the policy answers now; earlier thoughts are gone."""
        return build_prompt(self.dialogue, self._tools_text, self.call_form)

    def answer(self, text: str, think_in_prompt: bool = False) -> None:
        """Take the policy's message, thought included.

        Args:
            text: the decoded response.
            think_in_prompt: whether the chat template has opened the thought.
        """
        self._must_be(Phase.ANSWER)
        self.counts.messages += 1
        self._messages_in_turn += 1
        content = answer_of(text, think_in_prompt)
        if isinstance(content, Reason):
            self.dialogue.append({"role": "assistant", "content": text})
            self.end(content)
            return
        self.dialogue.append({"role": "assistant", "content": content})
        calls, problem = parse(content, self.call_form)
        if calls:
            self._take(calls)
        elif problem is not None and contains_call(content, self._toolset):
            self._refuse_all(problem)
        else:
            self.phase = Phase.CHECK

    def returned(self, results: Sequence[Result]) -> None:
        """Take what `calls` returned, a result for each, in order."""
        self._must_be(Phase.CALLS)
        if len(results) != len(self.calls):
            raise ValueError(f"{len(self.calls)} calls have {len(results)} results")
        self._show(results)
        self.phase, self.calls = Phase.ANSWER, []
        if self._messages_in_turn >= self.max_messages:
            self.end(Reason.TOO_MANY_MESSAGES)

    def hung(self, results: Sequence[Result]) -> None:
        """A call hung: take what those before it returned; the episode is over."""
        self._must_be(Phase.CALLS)
        self._show(results)
        self.end(Reason.TOOL_HUNG)

    def go_on(self, solved: bool = True) -> None:
        """The user turn is done: the next one follows, or the episode is over."""
        self._must_be(Phase.CHECK)
        self.counts.turns_solved += solved
        if self.turn + 1 == len(self.script.turns):
            self.end(Reason.OK)
            return
        self.turn += 1
        self._user_turn()

    def end(self, reason: Reason) -> None:
        """The episode is over, for `reason`."""
        self.phase, self.reason, self.calls = Phase.OVER, reason, []

    def _user_turn(self, observation: str = "") -> None:
        turn = self.user_turn
        self.offered += [tool for tool in self.tools if tool["name"] in turn.tools]
        self._tools_text = tools_json(self.offered)
        self._toolset = ToolSet({tool["name"]: tool for tool in self.offered})
        self._messages_in_turn = self.calls_in_turn = 0
        self.dialogue.append({"role": "user", "content": turn.user + observation})
        self.phase = Phase.ANSWER

    def _take(self, calls: Sequence[Call]) -> None:
        """Line the calls up; those that do not fit their tools have their result already."""
        self.counts.calls += len(calls)
        self.calls_in_turn += len(calls)
        problems = [misfit(call, self._toolset) for call in calls]
        self.calls = [call for call, problem in zip(calls, problems, strict=True) if not problem]
        self._results = [Result(problem, True) if problem else None for problem in problems]
        self.phase = Phase.CALLS

    def _show(self, results: Sequence[Result]) -> None:
        """Put results into the dialogue in the order of their calls, up to one that has none."""
        of_calls = iter(results)
        for result in self._results:
            shown = result or next(of_calls, None)
            if shown is None:
                return
            if result is None:
                self.seen.add(shown.text)
            self.counts.tool_errors += shown.is_error
            self.dialogue.append({"role": "tool", "content": shown.text})

    def _refuse_all(self, problem: Reason) -> None:
        """A message that attempts a call which cannot be read: an answer, as of an API."""
        self.counts.calls += 1
        self.calls_in_turn += 1
        self.calls = []
        self._results = [Result(refusal(f"the calls cannot be read: {problem.words}"), True)]
        self.phase = Phase.CALLS

    def _must_be(self, phase: Phase) -> None:
        if self.phase is not phase:
            raise ValueError(f"the episode is in phase {self.phase.name}, not {phase.name}")
