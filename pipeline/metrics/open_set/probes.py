"""The faces of a split against a gallery: all that the metrics need of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.tasks.gallery import GalleryError, similarities, unit_rows

STRANGER = -1


@dataclass(frozen=True, eq=False)
class Probes:
    """N faces, each compared with the C people of a gallery.

    scores: float `[N, C]`, the higher the more alike. labels: int64 `[N]`, the gallery's person, or STRANGER. persons,
    recordings: who it is and from which video or session, of known people and strangers alike; recordings of two
    persons may have the same name.
    Raises EdgeboardError for shapes that do not fit, NaN, labels outside of the gallery, a person with two labels.
    """

    scores: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    persons: tuple[str, ...]
    recordings: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.scores), len(self.labels), len(self.persons), len(self.recordings)}
        if self.scores.ndim != 2 or len(lengths) != 1:
            raise EdgeboardError(
                "Every face needs its scores, label, person and recording",
                value=f"scores {self.scores.shape}, {len(self.labels)} labels, {len(self.persons)} persons, "
                f"{len(self.recordings)} recordings",
            )
        if not np.isfinite(self.scores).all():
            raise EdgeboardError("A similarity is not a number", value=f"{(~np.isfinite(self.scores)).sum()} of them")
        n_people = self.scores.shape[1]
        if len(self.labels) and (self.labels.min() < STRANGER or self.labels.max() >= n_people):
            allowed = f"{STRANGER} (a stranger) to {n_people - 1}"
            wrong = sorted({*self.labels.tolist()} - {*range(STRANGER, n_people)})
            raise EdgeboardError("A label names nobody in the gallery", value=wrong, allowed=allowed)
        labels_of: dict[str, set[int]] = {}
        for person, label in zip(self.persons, self.labels.tolist(), strict=True):
            labels_of.setdefault(person, set()).add(label)
        torn = {person: sorted(labels) for person, labels in labels_of.items() if len(labels) > 1}
        if torn:
            raise EdgeboardError("A person has more than one label", value=torn)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """bool `[N]`: of somebody in the gallery."""
        return self.labels != STRANGER

    @property
    def is_own(self) -> NDArray[np.bool_]:
        """bool `[N, C]`: the pairs of a face with its own person; all others are impostors'."""
        return self.labels[:, None] == np.arange(self.scores.shape[1])

    @property
    def best(self) -> NDArray[np.float64]:
        """`[N]`: the similarity to the nearest person; -inf against an empty gallery."""
        return self.scores.max(axis=1, initial=-np.inf).astype(np.float64)


def compare(
    embeddings_nd: NDArray[np.floating[Any]],
    templates: Sequence[NDArray[np.floating[Any]]] | NDArray[np.floating[Any]],
    labels: Sequence[int] | NDArray[np.int64],
    persons: Sequence[str],
    recordings: Sequence[str],
) -> Probes:
    """Cosines of faces to people, as the board computes them.

    embeddings_nd: `[N, D]` of any length. templates: of each person unit rows `[t, D]` (`gallery.people[c].templates`),
    or one for each, `[C, D]`. Raises EdgeboardError, see Probes; also for an embedding without direction.
    """
    try:
        units = unit_rows(embeddings_nd, np.shape(embeddings_nd)[-1])
    except GalleryError as error:
        raise EdgeboardError(**error.parts) from error
    scores = similarities(units, list(templates))
    return Probes(scores, np.asarray(labels, dtype=np.int64), tuple(persons), tuple(recordings))
