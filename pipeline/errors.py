"""The one kind of error that a user is meant to read."""

from __future__ import annotations

BAD_INPUT_EXIT_CODE = 2


class EdgeboardError(Exception):
    """Bad input or a state that the user can mend.

    `what` names the rule that was broken. The other parts are printed only when given: `where` (a file
    with its line, or a path in params.yaml), `value` (what was found there), `allowed` (what would have
    been fine) and `mend` (what to do now).
    """

    def __init__(
        self,
        what: str,
        *,
        where: object | None = None,
        value: object | None = None,
        allowed: object | None = None,
        mend: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.value = value
        self.allowed = allowed
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        parts = (("where", self.where), ("value", self.value), ("allowed", self.allowed), ("mend", self.mend))
        lines += [f"  {name + ':':<9}{part}" for name, part in parts if part is not None]
        return "\n".join(lines)

    def __reduce__(self):  # type: ignore[no-untyped-def]
        # Keyword-only arguments are lost by the default pickling, and workers raise this across processes.
        return _rebuild, (self.what, self.where, self.value, self.allowed, self.mend)


def _rebuild(what: str, where: object, value: object, allowed: object, mend: str | None) -> EdgeboardError:
    return EdgeboardError(what, where=where, value=value, allowed=allowed, mend=mend)
