"""What is shown, as a file: CSV with every column, Markdown and LaTeX in the form of the course's own table."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from leaderboard.wording import Wording

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "→": r"$\rightarrow$", "◆": r"$\blacklozenge$", "◇": r"$\lozenge$",
    "×": r"$\times$", "·": r"$\cdot$", "⚠": "(!)",
}  # fmt: skip
_HIDDEN = ("row_id", "place", "link", "picture")


def to_csv(rows: pd.DataFrame) -> str:
    """Every column, numbers unrounded. Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    columns = [name for name in rows.columns if name not in _HIDDEN]
    safe = rows[columns].copy()
    safe.columns = pd.Index([_no_formula(str(name)) for name in columns])
    for name in safe.columns:
        if not (pd.api.types.is_numeric_dtype(safe[name]) or pd.api.types.is_bool_dtype(safe[name])):
            safe[name] = safe[name].astype(object).where(safe[name].notna(), "").astype(str).map(_no_formula)
    return safe.to_csv(index=False, lineterminator="\n")


def to_markdown(rows: pd.DataFrame, words: Wording) -> str:
    """A table for a README: model, frame size, accuracy with its interval, size, FPS, rank."""
    from leaderboard.table import escape_markdown

    headings = [escape_markdown(heading) for heading in _headings(words)]
    aligned = ["---", *["---:"] * (len(headings) - 1)]
    lines = ["| " + " | ".join(headings) + " |", "| " + " | ".join(aligned) + " |"]
    for cells in _cells(rows, lambda text: escape_markdown(_one_line(text)).replace("\\.", ".")):
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(rows: pd.DataFrame, words: Wording) -> str:
    """The same table for a report; needs the packages booktabs and amssymb."""
    headings = " & ".join(_latex(heading) for heading in _headings(words))
    body = "\n".join(" & ".join(cells) + r" \\" for cells in _cells(rows, lambda text: _latex(_one_line(text))))
    columns = "l" + "r" * (len(_headings(words)) - 1)
    end = "\\bottomrule\n\\end{tabular}\n"
    return (
        "% \\usepackage{booktabs,amssymb}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{headings} \\\\\n\\midrule\n{body}\n{end}"
    )


def _headings(words: Wording) -> list[str]:
    names = ("model", "frame_size", "accuracy", "size_mb", "fps", "rank")
    return [words(f"export.{name}") for name in names]


def _cells(rows: pd.DataFrame, escaped: Callable[[str], str]) -> list[list[str]]:
    several = {name: rows[name].nunique() > 1 for name in ("task", "experiment")}
    table = []
    for _, row in rows.iterrows():
        names = [str(row[name]) for name in ("task", "experiment") if several[name]]
        model = " · ".join([*names, f"{row['variant']} ({row['precision']})" if row["precision"] else row["variant"]])
        frame = _number(row["frame_size"], "d")
        accuracy = _number(_percent(row["accuracy"]), ".2f", " %")
        low, high = (_number(_percent(row[f"accuracy_{end}"]), ".1f") for end in ("low", "high"))
        rank = _number(row["rank"], "d")
        worst = _number(row["rank_high"], "d")
        cells = [
            model,
            f"{frame} × {frame}" if frame else "",
            f"{accuracy} ({low}–{high})" if accuracy and low and high else accuracy,
            _number(row["size_mb"], ".2f"),
            _number(row["fps"], ".1f"),
            rank if rank == worst else f"{rank}–{worst}",
        ]
        table.append([escaped(cell) for cell in cells])
    return table


def _percent(value: float) -> float:
    return 100 * value


def _number(value: object, form: str, unit: str = "") -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    return f"{int(value):d}{unit}" if form == "d" else f"{float(value):{form}}{unit}"  # type: ignore[call-overload, arg-type]


def _no_formula(text: str) -> str:
    # One line: a bare carriage return would end the row in some readers, and what follows would be a cell of its own.
    line = text.replace("\r", " ").replace("\n", " ")
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
