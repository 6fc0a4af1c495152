"""Draw the pictures of the documentation from the text files beside this one: `python docs/pictures/draw.py`.

NAME.txt becomes docs/images/NAME.svg. A file is a sequence, a map or states; a test compares text and picture.

    # what the picture shows (its title, read by screen readers)
    sequence: client | API | table              a line of life each
    client -> API: POST /runs                   a message; `-->` is an answer, `-x` one that is lost
    note API: recorded, not yet fired           a note on one line of life

    # …
    map: 4 x 3                                  a grid of columns x rows
    box client 0 1: client                      at column 0, row 1; `\\n` breaks the line
    1 client -> api: POST /runs                 an arrow, numbered

    # …
    states: 4 x 6                               a grid of columns x rows, which may be fractions
    dot start 0 2                               where it begins
    state queued 1 3                            where a state is
    group waiting 0.5 0.5 1.5 3.5: not claimed  a frame from corner to corner, with its title
    move queued -> running: E, F                an arrow with its letters; `via 1 4, 2 4` names corners on its way
    loop running: G, N                          a state that stays
    note 0 7: words                             a line of text
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parent / "images"
STYLE = """
  svg { background: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1b1e1d; }
  .small { font-size: 12px; fill: #565c59; } .name { font-weight: 600; }
  .box { fill: #e2f0ec; stroke: #0d6d5f; stroke-width: 1.5; } .note { fill: #fff4d6; stroke: #c9b06a; }
  .line { stroke: #b9bdb8; stroke-dasharray: 4 4; } .arrow { stroke: #0d6d5f; stroke-width: 1.6; fill: none; }
  .answer { stroke-dasharray: 6 4; } .lost { stroke: #c02b20; } .number { fill: #0d6d5f; }
  .on { fill: #fff; font-weight: 700; } .group { fill: none; stroke: #b9bdb8; stroke-dasharray: 5 4; }
  .tip { fill: #0d6d5f; } .cross { stroke: #c02b20; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    svg { background: #171b1a; } text { fill: #e6eae8; } .small { fill: #a4aeaa; } .on { fill: #171b1a; }
    .box { fill: #1d3a34; stroke: #4fc3ab; } .note { fill: #3d3520; stroke: #a08a4c; }
    .line, .group { stroke: #5d6562; } .arrow { stroke: #4fc3ab; } .number, .tip { fill: #4fc3ab; }
    .lost, .cross { stroke: #ff8a7f; }
  }
"""
HEAD = """<marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">
<path d="M0 0 L9 4.5 L0 9 z" class="tip"/></marker>
<marker id="cross" markerWidth="10" markerHeight="10" refX="5" refY="5" orient="auto">
<path d="M1 1 L9 9 M9 1 L1 9" class="cross"/></marker>"""
MESSAGE = re.compile(r"(.+?) (->|-->|-x) (.+?): (.*)")


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One or more lines of text around (x, y)."""
    lines = words.split("\\n")
    top = y - 16 * (len(lines) - 1) / 2
    return "".join(
        f'<text x="{x:g}" y="{top + 16 * i:g}" text-anchor="{anchor}" class="{kind}">{html.escape(line)}</text>'
        for i, line in enumerate(lines)
    )


def page(title: str, width: float, height: float, body: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' height="{height:g}" role="img"><title>{html.escape(title)}</title>'
        f'<style>{STYLE}</style><defs>{HEAD}</defs>\n'
        + "\n".join(body) + "\n</svg>\n"
    )  # fmt: skip


def sequence(title: str, actors: list[str], lines: list[str]) -> str:
    gap, left, top = 168, 84, 64
    at = {name: left + gap * i for i, name in enumerate(actors)}
    body, y = [], top + 20
    for line in lines:
        y += 40
        if line.startswith("note "):
            who, words = line[5:].split(": ", 1)
            width = max(len(part) for part in words.split("\\n")) * 6.6 + 20
            x = min(max(at[who], width / 2 + 4), left + gap * (len(actors) - 1) + left - width / 2 - 4)
            body.append(
                f'<rect class="note" x="{x - width / 2:g}" y="{y - 15:g}" width="{width:g}" height="24" rx="4"/>'
            )
            body.append(text(x, y + 1, words, "small"))
            continue
        found = MESSAGE.fullmatch(line)
        if not found:
            raise SystemExit(f"cannot read: {line}")
        begin, kind, end, words = found.groups()
        x1, x2 = at[begin], at[end]
        if x1 == x2:
            body.append(f'<path class="arrow" d="M{x1} {y - 8} h38 v16 h-34" marker-end="url(#tip)"/>')
            body.append(text(x1 + 46, y + 4, words, "small", "start"))
            continue
        style, tip = {"->": ("", "tip"), "-->": (" answer", "tip"), "-x": (" lost", "cross")}[kind]
        stop = x2 if kind != "-x" else (x1 + x2) / 2
        body.append(f'<path class="arrow{style}" d="M{x1} {y} L{stop:g} {y}" marker-end="url(#{tip})"/>')
        body.append(text((x1 + x2) / 2, y - 7, words, "small"))
    height, width = y + 40, left * 2 + gap * (len(actors) - 1)
    lives = []
    for name, x in at.items():
        lives.append(f'<line class="line" x1="{x}" y1="{top}" x2="{x}" y2="{height - 12}"/>')
        lives.append(
            f'<rect class="box" x="{x - 68}" y="16" width="136" height="44" rx="6"/>' + text(x, 43, name, "name")
        )
    return page(title, width, height, lives + body)


def chart(title: str, size: str, lines: list[str]) -> str:
    columns, rows = (int(part) for part in size.split(" x "))
    cell_w, cell_h, box_w, box_h = 210, 128, 132, 56
    place: dict[str, tuple[float, float]] = {}
    boxes, arrows = [], []
    for line in lines:
        if line.startswith("box "):
            name, column, row, words = re.fullmatch(r"box (\S+) (\S+) (\S+): (.*)", line).groups()  # type: ignore[union-attr]
            x, y = 84 + float(column) * cell_w, 52 + float(row) * cell_h
            place[name] = x, y
            boxes.append(
                f'<rect class="box" x="{x - box_w / 2:g}" y="{y - box_h / 2:g}" width="{box_w}" height="{box_h}"'
                ' rx="8"/>'
            )
            boxes.append(text(x, y + 5, words, "name"))
            continue
        number, begin, end, words = re.fullmatch(r"(\S+) (\S+) -> (\S+): (.*)", line).groups()  # type: ignore[union-attr]
        arrows.append(_arrow(place[begin], place[end], (box_w, box_h), number, words))
    return page(title, 228 + (columns - 1) * cell_w, 104 + (rows - 1) * cell_h, arrows + boxes)


def _arrow(begin: tuple[float, float], end: tuple[float, float], box: tuple[int, int], number: str, words: str) -> str:
    """From edge to edge of two boxes, the number in its middle and the words beside it."""
    (x1, y1), (x2, y2) = _edge(begin, end, box), _edge(end, begin, box)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    flat = abs(y2 - y1) < abs(x2 - x1) / 3
    label = text(x, y - 14, words, "small") if flat else text(x + 14, y + 4, words, "small", "start")
    return (
        f'<path class="arrow" d="M{x1:g} {y1:g} L{x2:g} {y2:g}" marker-end="url(#tip)"/>'
        f'<circle class="number" cx="{x:g}" cy="{y:g}" r="9"/>' + text(x, y + 4.5, number, "on") + label
    )  # fmt: skip


def _edge(inside: tuple[float, float], towards: tuple[float, float], box: tuple[float, float]) -> tuple[float, float]:
    dx, dy = towards[0] - inside[0], towards[1] - inside[1]
    scale = min(box[0] / 2 / abs(dx) if dx else 9e9, box[1] / 2 / abs(dy) if dy else 9e9)
    return inside[0] + dx * scale, inside[1] + dy * scale


def states(title: str, size: str, lines: list[str]) -> str:
    columns, rows = (float(part) for part in size.split(" x "))
    frames: dict[str, Frame] = {}
    groups, boxes, arrows = [], [], []
    moves = [_move(line) for line in lines if line.startswith("move ")]
    pairs = {(begin, end) for begin, end, _, _ in moves}
    for line in lines:
        kind, rest = line.split(" ", 1)
        if kind in ("dot", "state"):
            name, *place = rest.split(" ")
            x, y = _at(place)
            half = (5.0, 5.0) if kind == "dot" else (52.0, 17.0)
            frames[name] = (x - half[0], y - half[1], x + half[0], y + half[1])
            boxes.append(_box(frames[name], "number" if kind == "dot" else "box"))
            boxes.append("" if kind == "dot" else text(x, y + 5, name, "name"))
        elif kind == "group":
            place, words = rest.split(": ")
            name, *corners = place.split(" ")
            frames[name] = (*_at(corners[:2]), *_at(corners[2:]))
            groups.append(_box(frames[name], "group") + text(*_middle(frames[name], top=16), words, "small"))
        elif kind == "loop":
            name, words = rest.split(": ")
            x, y = _middle(frames[name], top=34)
            arrows.append(f'<path class="arrow" d="M{x - 16:g} {y:g} v18 h32 v-14" marker-end="url(#tip)"/>')
            arrows.append(text(x, y + 32, words, "small"))
        elif kind == "note":
            place, words = rest.split(": ", 1)
            x, y = _at(place.split(" "))
            boxes.append(text(x - 20, y, words, "small", "start"))
    for begin, end, words, via in moves:
        aside = 8 if (end, begin) in pairs and not via else 0
        arrows.append(_way(frames[begin], frames[end], via, words, -aside if begin < end else aside))
    return page(title, *_at([str(columns + 0.2), str(rows + 1.2)]), groups + arrows + boxes)


Frame = tuple[float, float, float, float]


def _at(place: list[str]) -> tuple[float, float]:
    column, row = (float(part) for part in place)
    return 32 + column * 190, 30 + row * 66


def _move(line: str) -> tuple[str, str, str, list[tuple[float, float]]]:
    names, words = line.removeprefix("move ").split(": ", 1)
    begin, end = names.split(" -> ")
    words, _, via = words.partition(" via ")
    return begin, end, words, [_at(corner.split(" ")) for corner in via.split(", ") if corner]


def _box(frame: Frame, kind: str) -> str:
    left, top, right, bottom = frame
    return (
        f'<rect class="{kind}" x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}"'
        f' rx="{min(8, (right - left) / 2):g}"/>'
    )


def _middle(frame: Frame, top: float | None = None) -> tuple[float, float]:
    left, upper, right, lower = frame
    return (left + right) / 2, (upper + lower) / 2 if top is None else upper + top


def _way(begin: Frame, end: Frame, via: list[tuple[float, float]], words: str, aside: float) -> str:
    """An arrow from frame to frame. Of two that go to and fro, each is moved `aside`; the words stand at its middle."""
    first, last = _middle(begin), _middle(end)
    corners = [_leave(begin, first, via[0] if via else last), *via, _leave(end, last, via[-1] if via else first)]
    corners = [(x, y + aside) for x, y in corners]
    path = " L".join(f"{x:g} {y:g}" for x, y in corners)
    half = len(corners) // 2
    (x1, y1), (x2, y2) = corners[half - 1 : half + 1]
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    flat = abs(y2 - y1) < abs(x2 - x1) / 2
    label = text(x, y + (16 if aside > 0 else -6), words, "small") if flat else text(x + 8, y, words, "small", "start")
    return f'<path class="arrow" d="M{path}" marker-end="url(#tip)"/>{label}'


def _leave(frame: Frame, middle: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    left, top, right, bottom = frame
    return _edge(middle, towards, (right - left, bottom - top))


def draw(source: str) -> str:
    """The picture of one text, as SVG."""
    lines = [line for line in source.splitlines() if line.strip()]
    title, kind, rest = lines[0].lstrip("# "), lines[1], lines[2:]
    if kind.startswith("sequence: "):
        return sequence(title, [name.strip() for name in kind.removeprefix("sequence: ").split("|")], rest)
    if kind.startswith("states: "):
        return states(title, kind.removeprefix("states: "), rest)
    return chart(title, kind.removeprefix("map: "), rest)


def main() -> int:
    for file in sorted(HERE.glob("*.txt")):
        (IMAGES / f"{file.stem}.svg").write_text(draw(file.read_text()))
        sys.stdout.write(f"docs/images/{file.stem}.svg\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
