"""This clone's rows against another's, one finding per row and measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from pipeline.differences import Decided, accuracy_difference
from pipeline.gate.budget import Budget

Verdict = Literal["ok", "worse", "missing", "new"]
_KEY = ["task", "variant", "target", "engine", "precision"]
_HAIR = 1e-9  # what the last bits of a division may add to a size that is just allowed
# Limit of a budget -> column, and whether it is a floor.
_LIMITS = {
    "accuracy_min": ("accuracy", True),
    "size_mb_max": ("size_mb", False),
    "fps_min": ("fps", True),
    "speedup_min": ("speedup", True),
    "latency_ms_p50_max": ("latency_ms_p50", False),
    "memory_mb_max": ("memory_mb", False),
}


@dataclass(frozen=True)
class Finding:
    """One row's measure: before, now (None where not measured), the verdict and why, for people."""

    name: str
    measure: str
    before: float | None
    now: float | None
    verdict: Verdict
    why: str

    @property
    def fails(self) -> bool:
        return self.verdict in ("worse", "missing")


def compare_boards(
    board: pd.DataFrame,
    base: pd.DataFrame | None,
    budget: Budget,
    decided: Mapping[str, Decided] | None = None,
) -> list[Finding]:
    """Findings of the newest row per task, variant, target, engine and precision, in that order.

    base: the rows to hold against; None where only the budget's limits count. Accuracy fails where the upper end of
    its difference's 95 % interval lies below minus the tolerance: where it surely fell. Size and speed-up fail where
    they worsen by more than their tolerance, the speed-up only where its intervals part. A row that is
    not there any more fails; a new one does not.
    """
    now = _newest(board, budget)
    findings = [one for row in now.values() for one in _limits(row, budget)]
    if base is not None:
        before = _newest(base, budget)
        for key in dict.fromkeys([*before, *now]):
            findings += _against(before.get(key), now.get(key), key, budget, decided or {})
    return sorted(findings, key=lambda one: one.name)


def _newest(board: pd.DataFrame, budget: Budget) -> dict[tuple[str, ...], dict[str, Any]]:
    rows = board[board["variant"].isin(budget.variants)] if budget.variants else board
    rows = rows.sort_values("created_at", kind="stable").drop_duplicates(_KEY, keep="last").sort_values(_KEY)
    records = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    return {tuple(row[name] for name in _KEY): row for row in records}


def _against(
    before: dict[str, Any] | None,
    now: dict[str, Any] | None,
    key: tuple[str, ...],
    budget: Budget,
    decided: Mapping[str, Decided],
) -> Iterator[Finding]:
    name = " · ".join(part for part in key if part)
    if now is None:
        yield Finding(name, "row", None, None, "missing", "was measured before, and is not any more")
    elif before is None:
        yield Finding(name, "row", None, None, "new", "was not there before")
    else:
        yield _accuracy(name, before, now, budget, decided)
        yield from _size(name, before, now, budget.tolerance.size)
        yield from _speedup(name, before, now, budget.tolerance.speedup)


def _accuracy(
    name: str, before: dict[str, Any], now: dict[str, Any], budget: Budget, decided: Mapping[str, Decided]
) -> Finding:
    was, is_ = _number(before, "accuracy"), _number(now, "accuracy")
    if was is None:
        return Finding(name, "accuracy", was, is_, "ok", "was not measured before")
    if is_ is None:
        return Finding(name, "accuracy", was, is_, "missing", "was measured before, and is not any more")
    if before.get("data_hash") != now.get("data_hash"):
        why = "other test data: only the two intervals are compared"
        low, high = _number(before, "accuracy_low"), _number(now, "accuracy_high")
        fell = (high if high is not None else is_) < (low if low is not None else was) - budget.tolerance.accuracy
        return Finding(name, "accuracy", was, is_, "worse" if fell else "ok", why)
    pair = [decided.get(str(row.get("run_id"))) for row in (now, before)]
    change = accuracy_difference(now, before, *pair)
    # Without an interval the fall itself has to be within the tolerance.
    upper = change.high if change.high == change.high else change.value
    why = f"{100 * change.value:+.2f} points"
    if change.high == change.high:
        how = {"decisions": "paired frame by frame", "stored": "paired"}.get(change.basis, "from both intervals")
        why += f" [{100 * change.low:+.2f}, {100 * change.high:+.2f}], {how}"
    return Finding(name, "accuracy", was, is_, "worse" if upper < -budget.tolerance.accuracy else "ok", why)


def _size(name: str, before: dict[str, Any], now: dict[str, Any], tolerance: float) -> Iterator[Finding]:
    was, is_ = _number(before, "size_mb"), _number(now, "size_mb")
    if was is None:
        return
    if is_ is None:
        yield Finding(name, "size_mb", was, is_, "missing", "was measured before, and is not any more")
        return
    grew = is_ / was - 1 if was > 0 else float(is_ > 0)
    yield Finding(
        name,
        "size_mb",
        was,
        is_,
        "worse" if grew > tolerance + _HAIR else "ok",
        f"{grew:+.1%}, allowed {tolerance:.0%}",
    )


def _speedup(name: str, before: dict[str, Any], now: dict[str, Any], tolerance: float) -> Iterator[Finding]:
    """The ratio to the own baseline, for it is the only speed that two machines share."""
    was, is_ = _number(before, "speedup"), _number(now, "speedup")
    if was is None:
        return
    if is_ is None:
        yield Finding(name, "speedup", was, is_, "missing", "was measured before, and is not any more")
        return
    high, low = _number(now, "speedup_high"), _number(before, "speedup_low")
    best = (high if high is not None else is_) / max(low if low is not None else was, 1e-12)
    verdict: Verdict = "worse" if is_ < was * (1 - tolerance) and best < 1 else "ok"
    yield Finding(name, "speedup", was, is_, verdict, f"{is_ / max(was, 1e-12) - 1:+.1%}, allowed −{tolerance:.0%}")


def _limits(row: dict[str, Any], budget: Budget) -> Iterator[Finding]:
    name = " · ".join(str(row[part]) for part in _KEY if row[part])
    for limit, bound in budget.limits_of(str(row["task"])).items():
        column, is_floor = _LIMITS[limit]
        value = _number(row, column)
        if value is None:
            yield Finding(name, column, None, None, "missing", f"{limit} {bound:g}, and it was not measured")
        else:
            fine = value >= bound if is_floor else value <= bound
            yield Finding(name, column, None, value, "ok" if fine else "worse", f"{limit} {bound:g}")


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or pd.isna(value) else float(value)
