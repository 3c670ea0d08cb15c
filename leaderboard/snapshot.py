"""The ranking as one HTML file without a server, a script or a link to anywhere: for a jury, or a repository's page."""

from __future__ import annotations

import base64
import datetime
import math
from html import escape
from pathlib import Path

import pandas as pd

from leaderboard.provenance import provenance, read_picture, read_run, reproduce_commands
from leaderboard.ranked import MAY_BE, ON_FRONT
from leaderboard.reference import reference
from leaderboard.table import intervals, marks, rank_ranges
from leaderboard.wording import Wording

PICTURES = 12  # of the best rows; each may be some hundred kB
DETAILS = 50
_COLUMNS = (
    "rank_range", "front", "mark", "variant", "experiment", "precision", "frame_size", "accuracy", "interval",
    "size_mb", "fps", "speedup", "latency_ms_p50", "xai_faithfulness", "xai_drift", "place", "source",
)  # fmt: skip
_FORMS = {
    "accuracy": ".2%", "size_mb": ".2f", "fps": ".1f", "speedup": ".2f", "latency_ms_p50": ".2f",
    "xai_faithfulness": ".3f", "xai_drift": ".3f",
}  # fmt: skip
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --bar: #9ecae9; --quiet: #57606a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --bar: #1f4e79; --quiet: #9aa4af } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 1.5rem auto;
  max-width: 1300px; padding: 0 1rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; white-space: nowrap }
td.number { text-align: right } th { position: sticky; top: 0; background: var(--paper) }
td.bar { background: linear-gradient(90deg, var(--bar) var(--share), transparent var(--share)) }
.quiet { color: var(--quiet) } img, svg { max-width: 100%; height: auto }
pre { overflow-x: auto; white-space: pre-wrap }
details { margin: .5rem 0 } svg text { fill: currentColor; font-size: 12px }
@media print { details > * { display: block } }
"""


def snapshot(rows: pd.DataFrame, results: Path, words: Wording, task: str) -> str:
    """A whole page of `rows` (ranked, as shown). Every text of a row is escaped; the page may load nothing."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    title = f"Edgeboard · {task}" if task else "Edgeboard"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(words("snapshot.made", when=now, count=f"{len(rows):,}"))}</p>',
        _table(rows, words),
        f'<p class="quiet">{escape(words("snapshot.reading"))}</p>',
        _scatter(rows, words, task),
        _pictures(rows.head(PICTURES), results, words),
        _details(rows.head(DETAILS), results, words),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _table(rows: pd.DataFrame, words: Wording) -> str:
    shown = rows.assign(rank_range=rank_ranges(rows), mark=marks(rows), interval=intervals(rows))
    columns = [name for name in _COLUMNS if name in shown and _says_something(shown[name], name)]
    tops = {"accuracy": 1.0, "size_mb": shown["size_mb"].max(), "fps": shown["fps"].max()}
    head = "".join(f'<th scope="col">{escape(words(f"column.{name}"))}</th>' for name in columns)
    body = []
    for _, row in shown.iterrows():
        cells = [_cell(name, row[name], tops.get(name)) for name in columns]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(body)
        + "\n</tbody></table></div>"
    )


def _says_something(values: pd.Series, name: str) -> bool:
    if name in ("place", "source", "experiment"):
        return values.nunique() > 1
    return bool((values.notna() & (values.astype(object) != "")).any())


def _cell(name: str, value: object, top: float | None) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return '<td class="number">–</td>'
    if name not in _FORMS:
        return f"<td>{escape(str(value))}</td>"
    text = f"{float(value):{_FORMS[name]}}"  # type: ignore[arg-type]
    if top and top > 0:
        return f'<td class="number bar" style="--share:{100 * float(value) / top:.1f}%">{text}</td>'  # type: ignore[arg-type]
    return f'<td class="number">{text}</td>'


def _scatter(rows: pd.DataFrame, words: Wording, task: str) -> str:
    """Accuracy against FPS (against the speed-up where several machines are shown); the workshop's figures dotted."""
    x = "fps" if rows.groupby(["target", "host"]).ngroups == 1 else "speedup"
    points = rows[(rows[x] > 0) & rows["accuracy"].notna()]
    if points.empty:
        return ""
    figures = reference().of(task)
    xs = [*points[x], *figures.get(x, [])]
    ys = [*points["accuracy"], *figures.get("accuracy", [])]
    width, height, edge = 860, 420, 60
    low, high = math.log(min(xs)) - 0.1, math.log(max(xs)) + 0.1
    bottom, top = min(ys) - 0.02, min(1.0, max(ys) + 0.02)

    def place(x_value: float, y_value: float) -> tuple[float, float]:
        across = edge + (math.log(x_value) - low) / (high - low) * (width - 2 * edge)
        return across, height - edge - (y_value - bottom) / max(top - bottom, 1e-9) * (height - 2 * edge)

    marks_ = [_mark(place(row[x], row["accuracy"]), row, x) for _, row in points.iterrows()]
    for _, figure in figures.iterrows():
        across, up = place(figure[x], figure["accuracy"])
        name = escape(words(f"reference.{figure['kind']}"))
        marks_.append(
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="9" fill="none" stroke="currentColor" stroke-dasharray="2 3"/>'
            f'<text x="{across:.1f}" y="{up + 24:.1f}" text-anchor="middle" font-style="italic">{name}</text>'
        )
    ends = [
        f'<text x="{edge}" y="{height - 36}">{min(xs):.3g}</text>',
        f'<text x="{width - edge}" y="{height - 36}" text-anchor="end">{max(xs):.3g}</text>',
        f'<text x="{edge - 8}" y="{place(min(xs), min(ys))[1]:.1f}" text-anchor="end">{min(ys):.1%}</text>',
        f'<text x="{edge - 8}" y="{place(min(xs), max(ys))[1]:.1f}" text-anchor="end">{max(ys):.1%}</text>',
        f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">{escape(words(f"axis.{x}"))}</text>',
        f'<text x="{edge}" y="20">{escape(words("axis.accuracy"))}</text>',
    ]
    lines = f'<path d="M{edge} {edge / 2}V{height - edge}H{width - edge / 2}" fill="none" stroke="currentColor"/>'
    described = escape(words("chart.description", x=words(f"axis.{x}"), y=words("axis.accuracy")))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{described}">{lines}'
        + "".join([*marks_, *ends])
        + "</svg>"
    )


def _mark(at: tuple[float, float], row: pd.Series, x: str) -> str:
    across, up = at
    told = escape(f"{row['variant']} · {row['experiment']}: {row['accuracy']:.2%}, {row[x]:.4g}")
    if row["front"] == ON_FRONT:
        shape = f'<path d="M{across:.1f} {up - 8:.1f}l8 8l-8 8l-8-8z" fill="#0072B2">'
        label = f'<text x="{across:.1f}" y="{up - 13:.1f}" text-anchor="middle">{escape(str(row["variant"]))}</text>'
        return f"{shape}<title>{told}</title></path>{label}"
    if row["front"] == MAY_BE:
        shape = f'<path d="M{across:.1f} {up - 7:.1f}l7 12h-14z" fill="none" stroke="#0072B2" stroke-width="2">'
        return f"{shape}<title>{told}</title></path>"
    return f'<circle cx="{across:.1f}" cy="{up:.1f}" r="5" fill="#808690"><title>{told}</title></circle>'


def _pictures(rows: pd.DataFrame, results: Path, words: Wording) -> str:
    figures = []
    for _, row in rows.iterrows():
        data = read_picture(results, str(row["explanation"]))
        if data is not None:
            kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
            name = escape(f"{row['variant']} · {row['experiment']}")
            address = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
            figures.append(
                f'<details><summary>{name}</summary><img src="{address}" loading="lazy" '
                f'alt="{escape(words("model.map_of", name=str(row["variant"])))}"></details>'
            )
    return f"<h2>{escape(words('compare.maps'))}</h2>\n" + "\n".join(figures) if figures else ""


def _details(rows: pd.DataFrame, results: Path, words: Wording) -> str:
    blocks = []
    for record in rows.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        facts = provenance(row, read_run(results, row))
        lines = [f"{words(f'fact.{name}')}: {fact or words('fact.unknown')}" for name, fact in facts.items()]
        text = escape("\n".join([*lines, "", reproduce_commands(row)]))
        blocks.append(
            f"<details><summary>{escape(str(row['variant']))} · {escape(str(row['experiment']))}</summary>"
            f"<pre>{text}</pre></details>"
        )
    return f"<h2>{escape(words('model.provenance'))}</h2>\n" + "\n".join(blocks)
