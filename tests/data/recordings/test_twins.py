from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.folder import Skipped
from pipeline.data.recordings.listing import Recording, find_recordings
from pipeline.data.recordings.shared_looks import sharing_pairs
from pipeline.data.recordings.twins import Fingerprint, Groups, Twins, fingerprint, group_recordings
from pipeline.errors import EdgeboardError
from tests.data.photo_cases import a_photo
from tests.data.recordings.video_cases import numbered, pictures, write_video

WHERE = "data.faces.source"


def groups_of(root: Path, bits: int = 6, pattern: str | None = None) -> Groups:
    prints = [fingerprint(100, recording, seconds=None) for recording in find_recordings(root, WHERE).recordings]
    return group_recordings([it for it in prints if isinstance(it, Fingerprint)], bits, pattern, WHERE)


def a_fingerprint(name: str, *looks: int, sha256: str | None = None) -> Fingerprint:
    recording = Recording(name.partition("/")[0], name, Path(name), "photo")
    return Fingerprint(recording, sha256 or name, looks)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for person, seeds in {"Al": range(3), "Bea": range(10, 13)}.items():
        (tmp_path / person).mkdir()
        for seed in seeds:
            a_photo(seed).save(tmp_path / person / f"{seed}.jpg", quality=92)
    return tmp_path


def test_different_photos_are_groups_of_their_own(people: Path) -> None:
    groups = groups_of(people)
    assert groups.of == {name: name for name in groups.of}
    assert (len(groups.of), groups.twins, groups.skipped) == (6, [], [])


def test_the_same_file_under_two_persons_is_refused_with_both_names(people: Path) -> None:
    shutil.copy(people / "Al" / "1.jpg", people / "Bea" / "holiday.jpg")
    with pytest.raises(EdgeboardError, match="The same file lies in the folders of two persons") as caught:
        groups_of(people)
    assert "Al/1.jpg and Bea/holiday.jpg" in str(caught.value)


def test_the_same_video_under_two_persons_is_refused_with_both_names(people: Path) -> None:
    write_video(people / "Al" / "x.mp4", pictures([7]))
    shutil.copy(people / "Al" / "x.mp4", people / "Bea" / "y.mp4")
    with pytest.raises(EdgeboardError, match=r"Al/x\.mp4 and Bea/y\.mp4"):
        groups_of(people)


def test_the_same_file_twice_under_one_person_counts_once(people: Path) -> None:
    shutil.copy(people / "Al" / "1.jpg", people / "Al" / "copy.jpg")
    groups = groups_of(people)
    assert groups.skipped == [Skipped("Al/copy.jpg", "the same file as Al/1.jpg")]
    assert "Al/copy.jpg" not in groups.of


def test_near_duplicates_are_a_group_within_a_person_and_twins_between_two(people: Path) -> None:
    for person, quality in (("Al", 60), ("Bea", 70)):
        a_photo(1).save(people / person / "smaller.jpg", quality=quality)
    groups = groups_of(people)
    assert groups.of["Al/smaller.jpg"] == "Al/1.jpg"
    assert groups.of["Bea/smaller.jpg"] == "Bea/smaller.jpg"
    assert groups.twins == [Twins("Al/1.jpg", "Bea/smaller.jpg"), Twins("Al/smaller.jpg", "Bea/smaller.jpg")]


SHOTS = pictures(range(20, 28))


def seconds_of(shots: list[np.ndarray]) -> list[np.ndarray]:
    """Each for a second."""
    return [shot for shot in shots for _ in range(25)]


def test_a_video_again_or_a_part_of_it_is_one_group_with_the_first(people: Path) -> None:
    own = people / "Al"
    write_video(own / "a.mp4", seconds_of(SHOTS[:6]))
    write_video(own / "b.mkv", seconds_of(SHOTS[:6]), codec="mpeg4")
    write_video(own / "c_cut.mp4", seconds_of(SHOTS[:6])[13:])
    write_video(own / "d_end.mp4", seconds_of(SHOTS[4:6]))
    Image.fromarray(SHOTS[5]).save(own / "e_still.jpg")
    groups = groups_of(people)
    assert [groups.of[f"Al/{name}"] for name in ("b.mkv", "c_cut.mp4", "d_end.mp4", "e_still.jpg")] == ["Al/a.mp4"] * 4
    assert [groups.of[f"Al/{i}.jpg"] for i in range(3)] == [f"Al/{i}.jpg" for i in range(3)]


def test_what_two_videos_share_for_a_moment_does_not_join_them(people: Path) -> None:
    title = SHOTS[7]
    write_video(people / "Al" / "a.mp4", seconds_of([title, *SHOTS[:3]]))
    write_video(people / "Al" / "b.mp4", seconds_of([title, *SHOTS[3:6]]))
    write_video(people / "Bea" / "c.mp4", seconds_of([title, *SHOTS[4:6][::-1], SHOTS[6]]))
    groups = groups_of(people)
    assert groups.of["Al/b.mp4"] == "Al/b.mp4"
    # Three of four seconds of c are in b, though in another order.
    assert groups.twins == [Twins("Al/b.mp4", "Bea/c.mp4")]


def test_black_videos_are_not_twins(people: Path) -> None:
    write_video(people / "Al" / "a.mp4", numbered(1))
    write_video(people / "Al" / "b.mp4", numbered(2)[1:])
    write_video(people / "Bea" / "c.mp4", numbered(3)[2:])
    groups = groups_of(people)
    assert groups.of["Al/b.mp4"] == "Al/b.mp4"
    assert groups.twins == []


PATTERNS = {
    "none": (None, {"Al/1_a": "Al/1_a", "Al/1_b": "Al/1_b", "Al/2_a": "Al/2_a", "Bea/1_a": "Bea/1_a"}),
    "whole": (r"^\d", {"Al/1_a": "Al/1_a", "Al/1_b": "Al/1_a", "Al/2_a": "Al/2_a", "Bea/1_a": "Bea/1_a"}),
    "brackets": (r"\d_(.)", {"Al/1_a": "Al/1_a", "Al/1_b": "Al/1_b", "Al/2_a": "Al/1_a", "Bea/1_a": "Bea/1_a"}),
    "empty brackets": (r"\d_(z)?", {"Al/1_a": "Al/1_a", "Al/1_b": "Al/1_a", "Al/2_a": "Al/1_a", "Bea/1_a": "Bea/1_a"}),
    "the person's name is not searched": ("Al", {name: name for name in ("Al/1_a", "Al/1_b", "Al/2_a", "Bea/1_a")}),
}


@pytest.mark.parametrize(("pattern", "of"), PATTERNS.values(), ids=PATTERNS.keys())
def test_names_can_say_what_belongs_together(pattern: str | None, of: dict[str, str]) -> None:
    prints = [a_fingerprint(name, (i + 1) * 0x123456789ABCDEF % 2**64) for i, name in enumerate(of)]
    assert group_recordings(prints, 0, pattern, WHERE).of == of


def test_a_chain_of_links_is_one_group_in_any_order() -> None:
    prints = [
        a_fingerprint("Al/1", 0),
        a_fingerprint("Al/2", 1),
        a_fingerprint("Al/3_x", 3),
        a_fingerprint("Al/4_x", ~0 % 2**64),
    ]
    for order in (prints, prints[::-1]):
        groups = group_recordings(order, 1, "_x", WHERE)
        assert groups.of == dict.fromkeys(["Al/1", "Al/2", "Al/3_x", "Al/4_x"], "Al/1")


def test_nothing_gives_nothing() -> None:
    assert group_recordings([], 6, None, WHERE) == Groups({}, [], [])


def test_recordings_that_share_looks_are_those_of_comparing_each_with_each() -> None:
    rng = np.random.default_rng(1)
    looks = [tuple(int(rng.integers(0, 2**9)) for _ in range(int(rng.integers(0, 5)))) for _ in range(300)]

    def share(some: tuple[int, ...], others: tuple[int, ...]) -> float:
        near = [any((one ^ other).bit_count() <= 1 for other in others) for one in some]
        return sum(near) / len(near)

    each = [
        (i, j)
        for i, one in enumerate(looks)
        for j, other in enumerate(looks)
        if i < j and one and other and max(share(one, other), share(other, one)) >= 0.5
    ]
    assert sharing_pairs(looks, 1) == each
    assert 100 < len(each) < 300 * 299 / 4


@pytest.mark.parametrize("looks", [[], [()], [(), ()], [(5,)]], ids=str)
def test_there_is_nothing_to_share(looks: list[tuple[int, ...]]) -> None:
    assert sharing_pairs(looks, 64) == []


def test_what_cannot_be_read_is_skipped_with_its_reason(people: Path) -> None:
    (people / "Al" / "empty.jpg").write_bytes(b"")
    (people / "Al" / "text.mp4").write_bytes(b"text" * 99)
    results = [fingerprint(100, recording) for recording in find_recordings(people, WHERE).recordings]
    assert [it for it in results if isinstance(it, Skipped)] == [
        Skipped("Al/empty.jpg", "the file is empty"),
        Skipped("Al/text.mp4", "the content is not a video, or it is cut before its index"),
    ]
