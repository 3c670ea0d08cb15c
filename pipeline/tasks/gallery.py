"""Who is known: one plain file of face embeddings, and who somebody is by it. No picture is ever in it.

This file is copied to the board, so it needs numpy alone and keeps to the syntax of Python 3.6.

A person has *templates*, unit vectors `[D]`, by the gallery's rule:

    "mean"    one template: the unit mean over recordings of the means of their unit embeddings (average each medium,
              then the media, as evaluations on IJB-A do: Klare et al. 2015, CVPR; Crosswhite et al. 2016,
              arXiv:1603.03958)
    "max"     one template for each recording; the nearest decides

The similarity of a face to a person is the cosine to the nearest of the templates. From the threshold on (>=) a face
is the nearest person's, below it a stranger's. Embeddings of another network mean nothing here, those of a quantized
variant included: a gallery belongs to one model file, by its sha256.
"""

import base64
import binascii
import difflib
import json
import os
import tempfile
import unicodedata
import warnings
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

FORMAT = "edgeboard gallery 1"
RULES = ("mean", "max")
UNKNOWN = "unknown"
_LONGEST_NAME = 100
_SHORTEST_VECTOR = 1e-6  # of an embedding; below, its direction is noise


class GalleryError(ValueError):
    """Bad input: what, and where known where, value, allowed, mend, as EdgeboardError has them (`parts`)."""

    def __init__(self, what: str, **parts: object) -> None:
        self.parts = {"what": what}  # type: Dict[str, Any]
        self.parts.update(parts)
        given = [f"  {name + ':':<9}{part}" for name, part in parts.items() if part is not None]
        super().__init__("\n".join([what, *given]))


class ConfusableWarning(UserWarning):
    """Two people of a gallery are more alike than its threshold."""


class Threshold(NamedTuple):
    """From which cosine on a face is somebody known, and how that was chosen.

    similarity: the cosine. false_accept_rate: the wished share of strangers taken for anybody, in (0, 1). achieved:
    that share among the faces it was chosen on, n_strangers of n_people, each person weighing the same. is_resolved:
    False where those are too few to tell the wished rate. note: the same in words.
    """

    similarity: float
    false_accept_rate: float
    achieved: float
    n_strangers: int
    n_people: int
    is_resolved: bool
    note: str


class Person(NamedTuple):
    """templates: float32 `[t, D]`, unit rows. n_images, n_recordings: what they were made of."""

    name: str
    templates: np.ndarray
    n_images: int
    n_recordings: int


class Gallery(NamedTuple):
    """model_sha256: of the exported file that made the embeddings. embedding_size: D."""

    model_sha256: str
    embedding_size: int
    threshold: Threshold
    rule: str = "mean"
    people: Tuple[Person, ...] = ()

    @property
    def names(self) -> List[str]:
        return [person.name for person in self.people]


class Identity(NamedTuple):
    """name: None for a stranger. nearest, similarity: the most alike person and the cosine, whether it suffices or not.

    runner_up: the next person. margin: how much nearer the nearest is, in [0, 2]. All are None where the gallery has
    nobody, the last two where it has one person.
    """

    name: Optional[str]
    similarity: Optional[float]
    nearest: Optional[str]
    runner_up: Optional[str]
    margin: Optional[float]


def identify(embedding: np.ndarray, gallery: Gallery) -> Identity:
    """Who it is by an embedding `[D]` of any length. Equally near people: the one enrolled first is `nearest`.

    Raises GalleryError for another size, NaN and a vector without direction.
    """
    units = unit_rows(np.asarray(embedding)[None], gallery.embedding_size)
    if not gallery.people:
        return Identity(None, None, None, None, None)
    scores = similarities(units, [person.templates for person in gallery.people])[0]
    order = np.argsort(-scores, kind="mergesort")  # stable, in every numpy
    best = order[0]
    nearest, similarity = gallery.people[best].name, float(scores[best])
    name = nearest if similarity >= gallery.threshold.similarity else None
    if len(order) < 2:
        return Identity(name, similarity, nearest, None, None)
    return Identity(name, similarity, nearest, gallery.people[order[1]].name, float(scores[best] - scores[order[1]]))


def similarities(units_nd: np.ndarray, templates: Sequence[np.ndarray]) -> np.ndarray:
    """`[N, C]` float64 cosine in [-1, 1] of N unit rows to the nearest of each person's templates, `[t, D]` or `[D]`.

    float64, for numpy would round a threshold to float32 before it compares the two.
    """
    if len(templates) == 0:
        return np.zeros((len(units_nd), 0))
    each = [np.atleast_2d(one) for one in templates]
    starts = np.cumsum([0] + [len(one) for one in each[:-1]])
    cosines = (units_nd @ np.concatenate(each).T).astype(np.float64)
    # Rounding must not carry a face's likeness to itself above 1.
    return np.clip(np.maximum.reduceat(cosines, starts, axis=1), -1, 1)


def enrol(
    gallery: Gallery,
    name: str,
    embeddings: np.ndarray,
    recordings: Optional[Sequence[str]] = None,
    replace: bool = False,
) -> Gallery:
    """A gallery with one person more; nothing is trained.

    embeddings: `[n, D]` of the person's faces, of any length. recordings: for each the name of its video or session, so
    that a long video does not outvote a photo; None: each face is one of its own. The names are not kept.
    Warns (ConfusableWarning) where another person is as near as the threshold. Raises GalleryError for an unusable
    name, one that is there already (unless `replace`) and for embeddings of another size, NaN or without direction.
    """
    name = usable_name(name)
    same = [other for other in gallery.names if other.casefold() == name.casefold()]
    if same and not replace:
        mend = "remove the person first, ask to replace, or choose another name"
        raise GalleryError("The gallery has a person of that name already", value=same[0], mend=mend)
    units = unit_rows(embeddings, gallery.embedding_size)
    if not len(units):
        raise GalleryError("A person needs at least one face", value="0 embeddings of " + name)
    if recordings is not None and len(recordings) != len(units):
        counts = f"{len(recordings)} names, {len(units)} embeddings"
        raise GalleryError("Every embedding needs the name of its recording", value=counts)
    sessions = [str(i) for i in range(len(units))] if recordings is None else list(recordings)
    person = Person(name, _templates(units, sessions, gallery.rule), len(units), len(set(sessions)))
    others = tuple(other for other in gallery.people if other.name not in same)
    _warn_of_doubles(person, others, gallery.threshold.similarity)
    return gallery._replace(people=(*others, person))


def remove(gallery: Gallery, name: str) -> Gallery:
    """A gallery without the person. Raises GalleryError with the names most alike where nobody has that name."""
    name = unicodedata.normalize("NFC", name)
    if name not in gallery.names:
        folded = {other.casefold(): other for other in gallery.names}
        near = [folded[one] for one in difflib.get_close_matches(name.casefold(), list(folded), cutoff=0.5)]
        known = ", ".join(near or gallery.names) or "nobody; the gallery is empty"
        raise GalleryError("The gallery has nobody of that name", value=name, allowed=known)
    return gallery._replace(people=tuple(person for person in gallery.people if person.name != name))


def usable_name(name: str) -> str:
    """The name in its composed Unicode form, so that it is equal however it was typed. Raises GalleryError."""
    name = unicodedata.normalize("NFC", name)
    wrong = None
    if not name.strip():
        wrong = "it is empty"
    elif name != name.strip():
        wrong = "it begins or ends with a space"
    elif len(name) > _LONGEST_NAME:
        wrong = f"it has {len(name)} characters; allowed: {_LONGEST_NAME}"
    elif not name.isprintable():
        wrong = "it has a character that cannot be printed"
    elif "/" in name or "\\" in name or name in (".", ".."):
        wrong = "it could be taken for a path"
    elif name.casefold() == UNKNOWN:
        wrong = "that is what a stranger is called"
    if wrong:
        raise GalleryError("A person cannot be called so: " + wrong, value=repr(name), mend="choose another name")
    return name


def unit_rows(embeddings: np.ndarray, embedding_size: int) -> np.ndarray:
    """float32 `[n, D]` of length 1. Raises GalleryError for another shape, NaN, infinity or a row without direction."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != embedding_size:
        allowed = f"[n, {embedding_size}]"
        mend = "use the network that the gallery was made with"
        raise GalleryError("Embeddings of another size", value=list(rows.shape), allowed=allowed, mend=mend)
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    bad = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] < _SHORTEST_VECTOR))
    if len(bad):
        where = f"rows {bad[:10].tolist()}"
        raise GalleryError("An embedding has no direction: zero, NaN or infinite numbers in it", where=where)
    return (rows / lengths).astype(np.float32)


def as_text(gallery: Gallery) -> str:
    """What the file says: JSON with one template a line; equal galleries give equal text."""
    value = gallery._asdict()
    value["threshold"] = dict(gallery.threshold._asdict())
    value["people"] = [
        dict(person._asdict(), templates=[_to_text(one) for one in person.templates]) for person in gallery.people
    ]
    value["format"] = FORMAT
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def save(gallery: Gallery, path: Union[str, Path]) -> None:
    """Write the file under a temporary name, then rename it.

    Only the owner may read it: an embedding is biometric data though it is not a picture.
    """
    path = Path(path)
    text = as_text(gallery)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=str(path.parent))
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def load(path: Union[str, Path], model_sha256: Optional[str] = None) -> Gallery:
    """Read a gallery. model_sha256: of the network in use; the gallery of another is refused.

    Raises GalleryError for a missing, damaged or foreign file.
    """
    try:
        gallery = _from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        mend = "enrol somebody first, or make an empty one"
        raise GalleryError("There is no gallery", where=path, mend=mend) from None
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        what = "The file is not a gallery, or it is damaged"
        raise GalleryError(what, where=path, value=repr(error), mend="enrol the people anew") from error
    if model_sha256 is not None and model_sha256 != gallery.model_sha256:
        raise GalleryError(
            "The gallery was made with another network, whose embeddings mean nothing to this one",
            where=path,
            value="made with " + gallery.model_sha256[:12],
            allowed=model_sha256[:12],
            mend="use that network, or enrol the people anew with this one",
        )
    return gallery


def _templates(units: np.ndarray, sessions: Sequence[str], rule: str) -> np.ndarray:
    if rule not in RULES:
        raise GalleryError("Unknown rule of templates", value=rule, allowed=", ".join(RULES))
    names = sorted(set(sessions))
    means = np.stack([units[[session == name for session in sessions]].mean(axis=0) for name in names])
    # Faces of opposite directions would cancel out: unit_rows refuses what is left of them.
    return unit_rows(means.mean(axis=0, keepdims=True) if rule == "mean" else means, units.shape[1])


def _warn_of_doubles(person: Person, others: Sequence[Person], threshold: float) -> None:
    if not others:
        return
    nearness = similarities(person.templates, [other.templates for other in others]).max(axis=0)
    alike = [f"{other.name} ({near:.3f})" for other, near in zip(others, nearness) if near >= threshold]
    if alike:
        text = f"{person.name} can be taken for {', '.join(alike)}: the threshold is {threshold:.3f}"
        warnings.warn(text + ". The same person twice, or photos mixed up?", ConfusableWarning, stacklevel=3)


def _from_json(value: Dict[str, Any]) -> Gallery:
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']!r}")
    size, people = int(value["embedding_size"]), []
    for one in value["people"]:
        templates = np.stack([_from_text(text) for text in one["templates"]])
        # Kept as they are, so that a file that is read and written is the same.
        if not np.allclose(templates, unit_rows(templates, size), atol=1e-4):
            raise ValueError("a template is not of length 1")
        people.append(Person(usable_name(one["name"]), templates, int(one["n_images"]), int(one["n_recordings"])))
    threshold = Threshold(**value["threshold"])
    if len({person.name for person in people}) != len(people) or value["rule"] not in RULES:
        raise ValueError("a person is there twice, or the rule is unknown")
    if not np.isfinite(threshold.similarity):
        raise ValueError("the threshold is not a number")
    return Gallery(str(value["model_sha256"]), size, threshold, value["rule"], tuple(people))


def _to_text(template: np.ndarray) -> str:
    return base64.b64encode(template.astype("<f4").tobytes()).decode("ascii")


def _from_text(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
