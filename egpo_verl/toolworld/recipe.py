"""What decides which model a warm start leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from egpo_verl.toolworld.levels import DEFAULT_LEVELS
from egpo_verl.toolworld.live.task import MAX_TURNS
from egpo_verl.toolworld.teachers import CAREFUL

HEAD_WIDTH = 32


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out.

    Attributes:
        seed: of the weights, the data and the sampling.
        levels: difficulties of the tasks.
        live: kinds of toolworld live's dialogues, which take the place of the levels.
        max_turns: most user turns of those.
        start: folder of a model to go on from, with its tokenizer; "" starts from nothing.
        slips: share of noise in the demonstrations of plain levels (`noise.careless`); of each
            bad habit in those of dialogues (`live.teacher`).
        teachers: weight of each teacher of the derived levels (`teachers`).
        drill: first steps, on derivations alone (`encode.drills`).
        school: next steps, in which prompts are brief (`encode.brief_text`), so that a step takes
            a third of the time, and the careful teacher alone demonstrates the derived levels:
            ways of thinking that are rare in the end are known well all the same.
        vocabulary: tokens of the BPE.
        hidden, layers: shape of the Llama; heads are `HEAD_WIDTH` wide, the feed-forward part is
            three times as wide as `hidden`.
        context: longest prompt and response, in tokens.
        rows: demonstrations a step, all of them new; of dialogues, trees of `context` tokens.
        steps: most steps.
        warmup: steps until the learning rate is full.
        hold: step from which the learning rate falls, in a line, to a tenth at `steps`.
        lr: full learning rate of AdamW.
        target: mean sampled reward at which training stops. A model that knows the form but often
            errs leaves reinforcement learning room to improve it, and groups that disagree.
        temperature: of the sampling that measures the reward.
        check_from: first step that is measured; a model that knows nothing rambles to the limit.
        check_every: steps between measurements, and between saved states.
        check_tasks: tasks a measurement, drawn from `train` with another seed.
        bfloat16: compute in bfloat16 where that is safe (weights stay float32): faster on CPUs
            with AVX512-BF16, slower on others.
    """

    seed: int = 0
    levels: tuple[int, ...] = DEFAULT_LEVELS
    live: tuple[str, ...] = ()
    max_turns: int = MAX_TURNS
    start: str = ""
    slips: float = 0.35
    teachers: Mapping[str, float] = field(default_factory=lambda: dict(CAREFUL))
    drill: int = 0
    school: int = 0
    vocabulary: int = 1536
    hidden: int = 128
    layers: int = 4
    context: int = 1024
    rows: int = 32
    steps: int = 2400
    warmup: int = 100
    hold: int = 1200
    lr: float = 3e-3
    target: float = 0.4
    temperature: float = 0.7
    check_from: int = 1200
    check_every: int = 100
    check_tasks: int = 256
    bfloat16: bool = False


def learning_rate(recipe: Recipe, step: int) -> float:
    """Of the step after `step` steps: up to `lr`, held, then down to a tenth of it."""
    rise = (step + 1) / recipe.warmup
    left = (recipe.steps - step) / max(recipe.steps - recipe.hold, 1)
    return recipe.lr * min(1.0, rise, max(0.1, left))
