"""Taking a person out of the galleries in use: whom nobody looks for is a stranger. Nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import EdgeboardError
from pipeline.export.enrolment import open_gallery
from pipeline.tasks.gallery import GalleryError, remove, save


def leave_galleries(folder: Path, shipped: Mapping[str, Path], name: str) -> list[Path]:
    """The galleries in `folder` that were written without the person.

    shipped: variant -> the gallery that ships with it. Where the person is in that one and the variant has none of its
    own, one begins as its copy: what DVC made stays as it is. Galleries of networks that are gone are changed too.
    Raises EdgeboardError, before any is written, with the names most alike where nobody is called so, and for a
    damaged gallery.
    """
    starts = {folder / f"{variant}.json": start for variant, start in shipped.items()}
    starts |= {own: own for own in folder.glob("*.json")}
    galleries = {own: open_gallery(start) for own, start in sorted(starts.items())}
    if not galleries:
        mend = "enrol somebody first, or make the galleries that ship: dvc repro"
        raise EdgeboardError("There is no gallery", where=folder, mend=mend)
    known = {person.name: person for gallery in galleries.values() for person in gallery.people}
    try:
        remove(next(iter(galleries.values()))._replace(people=tuple(known.values())), name)
    except GalleryError as error:
        raise EdgeboardError(**error.parts, where=folder) from error
    left = {}
    for own, gallery in galleries.items():
        try:
            left[own] = remove(gallery, name)
        except GalleryError:
            continue  # nobody of that name here
    folder.mkdir(parents=True, exist_ok=True)
    for own, gallery in left.items():
        save(gallery, own)
    return list(left)
