"""`python -m infra.node.export`: the moves of attempts, as Python has them, written as data for Node.js.

Each move is called with values that note what is done with them (`trace.py`), once for each way through it. What comes
out are its variants, guard, changes and marks of the `Move` with expressions where values go, and how one is chosen.
`node/src/life/move.js` fills them in, and compiles the request. A test fails where the files are not what this writes;
the vectors (`vectors.py`), which Python's own store has made, show that both make the same request.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from infra.node import vectors
from infra.node.copies import copied
from infra.node.tables import Tables
from infra.node.trace import Given, Members, OneOf, Sym, ask, call, plain, ways
from infra.paths import ROOT
from invoke_once.life import due, keys, moves, status
from invoke_once.life import head as heads
from invoke_once.life.conditions import Check, Condition
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Move
from invoke_once.life.moves import endings, legs
from invoke_once.store.models import RunModel

OUT = ROOT / "node" / "src" / "life" / "moves.data.js"
VECTORS = ROOT / "node" / "test" / "life" / "vectors.json"
WRITTEN = "// Written by `python -m infra.node.export` from invoke_once/life; not to be changed by hand.\n"


def _nullable(kind: Any) -> frozenset[str]:
    """What may be absent of it, as its declaration says."""
    return frozenset(f.name for f in fields(kind) if "None" in str(f.type))


HEAD: Any = Given("head", _nullable(Head), lease_id=Sym({"or": [{"$": "head.lease_id"}, ""]}, sure=True),
                  attempt_number=call("attempt_number", Sym({"$": "head"})))  # fmt: skip
NEW: Any = Given("new", _nullable(moves.NewRun))
MINE = moves.Fence(*(Sym({"$": f"mine.{name}"}) for name in moves.Fence._fields))  # type: ignore[arg-type]
NOW: Any = Sym({"$": "now_ms"})
_TYPES = {"UnicodeAttribute": "S", "NumberAttribute": "N", "BooleanAttribute": "BOOL", "BinaryAttribute": "B"}


def given(name: str) -> Any:
    return Sym({"$": name})


def maybe(name: str) -> Any:
    """An argument that may be None."""
    return None if ask({"none": {"$": name}}) else Sym({"$": name})


#: The functions of invoke_once/life/moves, by name.
Moves = Any


def carried(m: Moves) -> Move:
    """What a checkpoint adds to the move that carries it: progress, requeue, finish, continue_later."""
    state = legs.State(given("state.seq"), Members("state.fields"))  # type: ignore[arg-type]
    move: Move = m.carrying(Move("", "", (), {}), state)
    return move


#: Move: how it is called. What workers need; the service's own moves stay in Python.
MOVES: Mapping[str, Callable[[Moves], Move]] = {
    "register": lambda m: m.register(_new(), NOW, given("lease_ms"), given("request_id")),
    "claim": lambda m: m.claim(
        given("run_id"), given("generation"), NOW, given("lease_ms"), maybe("fired_at"), maybe("request_id"),
        leg=maybe("leg"), left_ms=maybe("left_ms"),
    ),
    "progress": lambda m: m.progress(
        MINE, fraction=maybe("fraction"), message=maybe("message"), lease_until=maybe("lease_until")
    ),
    "requeue": lambda m: m.requeue(
        MINE, HEAD, given("not_before"), given("error"), given("token"), maybe("slot_until")
    ),
    "continue_later": lambda m: m.continue_later(
        HEAD, given("not_before"), given("token"), state=None,
        asked=bool(given("asked")) or not ask({"none": {"$": "state"}}),  # `carried` has the rest
        told=Members("told"),
    ),
    "lose_leg": lambda m: m.lose_leg(HEAD, NOW, seen_dead=bool(given("seen_dead"))),
    "give_back": lambda m: m.give_back(HEAD, given("not_before"), maybe("error")),
    "finish": lambda m: m.finish(MINE, HEAD, given("status"), NOW, Members("fields"), given("token")),
    "lose": lambda m: m.lose(HEAD, NOW, maybe("not_before"), Members("fields"), seen_dead=bool(given("seen_dead"))),
    "redrive": lambda m: m.redrive(HEAD, NOW),
}  # fmt: skip


class _New:
    """A `NewRun` that is to come."""

    run_id = call("run_id", given("new.tenant"), given("new.function"), given("new.key"))
    payload = Members("new.payload")
    delay_ms = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(NEW, name)


def _new() -> Any:
    return _New()


def _noting(tokens: list[Sym]) -> Moves:
    """The moves, which note what they call instead of computing it: hashes, random tokens, the larger of two."""

    def token() -> Sym:
        tokens.append(Sym({"token": len(tokens)}))
        return tokens[-1]

    def wider(name: str) -> Callable[..., Sym]:
        return lambda *values: Sym({name: plain(values)})

    noted = {name: partial(call, name) for name in ("tenant_shard", "due_shard", "run_id")}
    words = {
        "max": wider("max"), "min": wider("min"), "new_token": token, "FAILED_INDEX": OneOf(endings.FAILED_INDEX),
        "keys": SimpleNamespace(**{**vars(keys), **noted}),
        "to_item": lambda values: values | {"part": heads.HEAD},
    }  # fmt: skip
    return SimpleNamespace(**copied(vectors.MODULES, words))


def _tree(make: Callable[[Moves], Move]) -> dict[str, Any]:
    """{"moves": the distinct moves, "choose": which of them, as questions with a tree each for yes and no}."""
    tokens: list[Sym] = []
    noting = _noting(tokens)

    def fresh() -> dict[str, Any]:
        tokens.clear()
        return _as_data(make(noting))

    distinct: list[Any] = []
    chosen = _numbered(_simplified(_grown([*ways(fresh)])), distinct)
    return {"choose": chosen, "moves": distinct}


def _grown(found: list[tuple[list[tuple[Any, bool]], Any]], depth: int = 0) -> Any:
    taken, move = found[0]
    if len(taken) == depth:
        return {"move": move}
    yes = [way for way in found if way[0][depth][1]]
    no = [way for way in found if not way[0][depth][1]]
    return {"ask": taken[depth][0], "yes": _grown(yes, depth + 1), "no": _grown(no, depth + 1)}


def _simplified(tree: Any) -> Any:
    """Without the questions that make no difference; one after None is such, where None then stands for the input."""
    if "move" in tree:
        return tree
    yes, no, asked = _simplified(tree["yes"]), _simplified(tree["no"]), tree["ask"]
    if yes == no or ("none" in asked and yes == _without(no, asked["none"])):
        return no
    return {"ask": asked, "yes": yes, "no": no}


def _without(data: Any, form: Any) -> Any:
    """`data` where the input `form` is None."""
    if data == form:
        return None
    if isinstance(data, dict):
        return {name: _without(inner, form) for name, inner in data.items()}
    return [_without(inner, form) for inner in data] if isinstance(data, list) else data


def _numbered(tree: Any, distinct: list[Any]) -> Any:
    """The tree with a number for each move."""
    if "move" not in tree:
        return [tree["ask"], _numbered(tree["yes"], distinct), _numbered(tree["no"], distinct)]
    if tree["move"] not in distinct:
        distinct.append(tree["move"])
    return distinct.index(tree["move"])


def _as_data(move: Move) -> dict[str, Any]:
    return {
        "letter": move.letter,
        "run_id": plain(move.run_id),
        "guard": [{"name": arm.name, "condition": _condition(arm.condition)} for arm in move.guard],
        "set": plain(dict(move.set)),
        "set_once": plain(dict(move.set_once)),
        "add": plain(dict(move.add)),
        "remove": list(move.remove),
        "replace": move.replace,
        "mine": plain(dict(move.mine)),
        "known": move.known is not None,
    }


def _condition(asked: Condition) -> list[Any]:
    if isinstance(asked, Check):
        return [asked.op, asked.field, *([] if asked.op == "missing" else [plain(asked.value)])]
    return [asked.word, *map(_condition, asked.parts)]


def data() -> dict[str, Any]:
    """Everything that the two languages have to agree on."""
    return {
        "moves": {name: _tree(make) for name, make in MOVES.items()},
        "carried": _tree(carried),
        "attributes": {
            name: _TYPES[type(attribute).__name__] for name, attribute in RunModel.get_attributes().items()
        },
        "head": {
            "fields": [f.name for f in fields(Head)], "defaults": _defaults(), "compared": sorted(heads.COMPARED),
        },
        "statuses": {"all": list(status.Status), "terminal": sorted(status.TERMINAL)},
        "keys": {
            "due_shards": keys.DUE_SHARDS, "tenant_shards": keys.TENANT_SHARDS, "mark_chars": keys.MARK_CHARS,
            "reserved": keys.RESERVED_KEYS,
        },
        "times": {
            "lease_grace_ms": LEASE_GRACE_MS, "first_look_ms": due.FIRST_LOOK_MS, "last_look_ms": due.LAST_LOOK_MS,
            "day_s": moves.DAY_S,
        },
        "arms": {
            "not_cancelled": moves.NOT_CANCELLED, "no_newer_state": legs.NO_NEWER_STATE,
            "newer_state": legs.NEWER_STATE,
        },
    }  # fmt: skip


def _defaults() -> dict[str, Any]:
    return {f.name: f.default for f in fields(Head) if isinstance(f.default, (str, int, float, bool))}


def module() -> str:
    """The JavaScript module. Its data is a text that is parsed: that takes a tenth of what a literal takes."""
    found, tables = data(), Tables()
    found["moves"] = {name: tables.tree(tree) for name, tree in found["moves"].items()}
    found["carried"] = tables.tree(found["carried"])
    found["tables"] = tables.found
    sections = [f'"{name}": {_lines(value, 2 * (name in ("moves", "tables")))}' for name, value in found.items()]
    text = "{\n" + ",\n".join(sections) + "\n}"
    if any(sign in text for sign in ("`", "\\", "${")):
        raise ValueError("the data has a sign that a template literal would read as its own")
    return f"{WRITTEN}export default JSON.parse(`{text}`);\n"


def _lines(value: Any, levels: int, indent: str = "") -> str:
    """JSON, of which the outer levels have a line for each member."""
    if not levels or not isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"))
    named = isinstance(value, dict)
    more = indent + " "
    lines = [
        more + (f'"{item}": {_lines(value[item], levels - 1, more)}' if named else _lines(item, levels - 1, more))
        for item in value
    ]
    first, last = "{}" if named else "[]"
    return f"{first}\n" + ",\n".join(lines) + f"\n{indent}{last}"


def main() -> int:
    files: dict[Path, str] = {OUT: module(), VECTORS: vectors.text()}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"{len(text) / 1024:8.1f} KB  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
