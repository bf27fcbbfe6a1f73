"""What a study found and what it did not resolve, in sentences made from its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.lab.comparison import POINTS, Compared, accuracies, compared, spread
from egpo_verl.lab.evidence import Evidence, RunEvidence
from egpo_verl.lab.markdown import span
from egpo_verl.lab.measures import first_difference, has_success
from egpo_verl.lab.run_folder import FINAL, TRAIN
from egpo_verl.lab.statistics import seeds_each, smallest_p
from egpo_verl.lab.study import EQUAL, LOSES


def paragraph(evidence: Evidence) -> str:
    """All that was found of the first part, in one paragraph."""
    part = evidence.study["parts"][0]
    sentences = [
        *_baseline(evidence, part),
        *(_compared(one, evidence) for one in compared(evidence, part).values()),
        *controls(evidence, part),
    ]
    return " ".join(sentences) or "No run of it is finished yet."


def _baseline(evidence: Evidence, part: str) -> Iterator[str]:
    baseline = evidence.study["baseline"]
    values = accuracies(evidence, baseline, part)
    both = spread(values)
    if both is not None:
        mean, deviation = both
        yield (
            f"{baseline} ends at {mean:.1%} on {part}, with a standard deviation of "
            f"{100 * deviation:.1f} points over {_number(len(values))}."
        )
        if len(evidence.study["arms"]) == 1:
            needed = seeds_each(deviation, POINTS)
            yield (
                f"Two arms that spread so, and that share nothing, need {needed} seeds each to "
                f"resolve {100 * POINTS:.0f} points at 95 %."
            )


def _compared(one: Compared, evidence: Evidence) -> str:
    difference = one.difference
    verdict = "above" if difference.mean > 0 else "below" if difference.mean < 0 else "the same as"
    size = f"{abs(100 * difference.mean):.1f} points " if difference.mean else ""
    between = f"95 % interval {span(difference)}, " if difference.low is not None else ""
    resolved = "significant" if one.is_significant else "not significant"
    return (
        f"{one.arm} ends {size}{verdict} {evidence.study['baseline']} over "
        f"{_number(len(difference.values), 'paired seed')} ({between}p = {one.p:.3f}): {resolved}."
    )


def controls(evidence: Evidence, part: str) -> Iterator[str]:
    """Whether each control came out as it must."""
    results = compared(evidence, part)
    for arm, word in evidence.study["expect"].items():
        if word == LOSES and arm in results:
            one = results[arm]
            verdict = "did NOT lose"
            if one.difference.mean < 0:
                verdict = "loses, as it must" if one.is_significant else "is not clearly below"
            yield f"The positive control {arm} {verdict}."
        if word == EQUAL:
            yield _equal(evidence, arm)


def _equal(evidence: Evidence, arm: str) -> str:
    baseline = evidence.study["baseline"]
    others = {run.seed: run for run in evidence.of_arm(baseline)}
    pairs = [(run, others[run.seed]) for run in evidence.of_arm(arm) if run.seed in others]
    if not pairs:
        return f"The null {arm} has no finished pair yet."
    apart = [(run.seed, step) for run, other in pairs if (step := _apart(run, other)) is not None]
    if not apart:
        return f"The null {arm} agrees with {baseline} to the last digit on {_number(len(pairs))}."
    seed, step = apart[0]
    return (
        f"The null {arm} does NOT agree with {baseline}: {len(apart)} of {_number(len(pairs))} "
        f"differ, seed {seed} from step {step} on."
    )


def _apart(run: RunEvidence, other: RunEvidence) -> int | None:
    step = first_difference(run, other)
    if step is None and list(run.final) != list(other.final):
        return int(run.about["steps"])
    return step


def _number(number: int, noun: str = "seed") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def unresolved(evidence: Evidence) -> Iterator[str]:
    """What more seeds would tell, and how many; a null needs none."""
    part = evidence.study["parts"][0]
    nulls = {arm for arm, word in evidence.study["expect"].items() if word == EQUAL}
    results = {arm: one for arm, one in compared(evidence, part).items() if arm not in nulls}
    for one in results.values():
        seeds = len(one.difference.values)
        if seeds < one.least:
            yield (
                f"{one.arm}: with {_number(seeds)} the sign-flip test cannot fall below "
                f"p = {smallest_p(seeds):.3f}; with {_number(len(results), 'arm')} compared it "
                f"needs {one.least}."
            )
        if not one.is_significant and one.difference.spread > 0:
            yield (
                f"{one.arm}: the differences spread by {100 * one.difference.spread:.1f} points, "
                f"so that {100 * POINTS:.0f} points would take {one.needed()} seeds"
                f"{_for_what_was_seen(one)}."
            )
    done = [run for run in evidence.runs if run.is_done]
    for other in evidence.study["parts"]:
        if done and not has_success(done, other):
            yield f"{other}: no response of any run is right, so that it tells nothing."


def _for_what_was_seen(one: Compared) -> str:
    if not one.difference.mean:
        return ""
    size = abs(one.difference.mean)
    return f", and the {100 * size:.1f} points that were seen {one.needed(size)}"


def run_notes(evidence: Evidence) -> Iterator[str]:
    """Each run that is not done, or that was started more than was needed."""
    for run in evidence.runs:
        starts = run.about.get("starts", [])
        crashes = [one for one in starts if one.get("problem")]
        name = f"{run.arm}-seed{run.seed}"
        if not run.is_done and starts:
            why = f": {crashes[-1]['problem']}" if crashes else ""
            yield f"{name} is {run.about.get('state', 'not done')}{why}; it is in no table."
        elif len(starts) > 2:
            steps = [str(one["from_step"]) for one in starts if one["phase"] == TRAIN]
            again = sum(one["phase"] == FINAL for one in starts)
            measured = f", measurement started {again} times" if again > 1 else ""
            yield f"{name}: training started at step {', then '.join(steps)}{measured}."
    for arm in evidence.study["arms"]:
        seeds = [str(run.seed) for run in evidence.runs if run.arm == arm and _is_waiting(run)]
        if seeds:
            yield f"{arm} is waiting with seed {', '.join(seeds)}; what waits is in no table."


def _is_waiting(run: RunEvidence) -> bool:
    return not run.is_done and not run.about.get("starts")
