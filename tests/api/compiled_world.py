"""A schema with every kind of field, data with every kind of fault, and random documents over it."""

import asyncio
import datetime as dt
import re
import uuid
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.permission import BasePermission
from strawberry.scalars import JSON


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = strawberry.enum_value("blue", name="AZURE")


class OddIds(BasePermission):
    message = "even"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return not isinstance(source.id, str) or not source.id.endswith("2")


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Box:
    label: str
    size: int | None

    @classmethod
    def is_type_of(cls, value: Any, info: strawberry.Info) -> bool:
        return isinstance(value, cls)


@strawberry.type
class Picky:
    """Its type check looks at the info object."""

    label: str

    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> bool:
        return isinstance(value, cls) and bool(info.path)


Ref = Annotated["Item", strawberry.lazy("api.compiled_world")]
Thing = Annotated[Box | Ref, strawberry.union("Thing")]


@strawberry.type
class Item(Named):
    id: strawberry.ID
    name: str
    colour: Colour
    colour_or_not: Colour | None
    count: int
    count_or_not: int | None
    ratio: float
    flag: bool
    price: Decimal
    at: dt.datetime | None
    day: dt.date
    key: uuid.UUID
    raw: JSON | None
    tags: list[str]
    colours: list[Colour | None] | None
    matrix: list[list[int | None]]
    parent: Ref | None
    child: Ref
    children: list[Ref]
    maybe: list[Ref | None] | None
    box: Box | None
    picky: Picky | None
    thing: Thing | None
    things: list[Thing]
    alike: Named | None

    @strawberry.field
    def sync(self) -> str | None:
        return boom(self, "sync") or f"{self.name}!"

    @strawberry.field
    def strict(self) -> str:
        return boom(self, "strict")  # None is a fault here too

    @strawberry.field
    async def slow(self) -> int | None:
        await asyncio.sleep(0)
        boom(self, "slow")
        return 7

    @strawberry.field
    async def slow_strict(self, info: strawberry.Info) -> str:
        boom(self, "slow_strict")
        return ".".join(map(str, info.path.as_list()))

    @strawberry.field
    def times(self, info: strawberry.Info, n: int = 2, words: list[str] | None = None) -> str | None:
        return f"{n}{words}{info.field_name}{info.path.as_list()}"

    @strawberry.field(permission_classes=[OddIds])
    def guarded(self) -> str | None:
        return "open"

    @strawberry.field
    def loaded(self, info: strawberry.Info) -> Ref | None:
        return info.context["loader"].load(self.id)

    @strawberry.field
    def loaded_strict(self, root: Any, info: strawberry.Info) -> Ref:
        return info.context["loader"].load(root.id)

    @strawberry.field
    def loaded_list(self, info: strawberry.Info) -> list[Ref]:
        return info.context["lists"].load(self.id)

    @strawberry.field
    def related(self) -> list[Ref] | None:
        return boom(self, "related") or self.children

    @strawberry.field
    def related_thing(self) -> Thing | None:
        return self.thing


@strawberry.type
class Edge:
    cursor: str
    node: Item | None


@strawberry.type
class Connection:
    edges: list[Edge]
    more: bool

    @strawberry.field
    async def total(self) -> int | None:
        return len(self.edges)


@strawberry.type
class Query:
    item: Item | None
    items: list[Item]
    loose: list[Item | None] | None
    things: list[Thing | None]
    alike: list[Named]
    picky: list[Picky] | None
    items_tuple: list[Item] | None
    broken: list[int]

    @strawberry.field
    async def page(self, first: int = 10) -> Connection | None:
        await asyncio.sleep(0)
        edges = [Edge(cursor=str(i), node=x) for i, x in enumerate(self.items[:first])]
        return Connection(edges=edges, more=False)

    @strawberry.field
    def generated(self) -> list[Item] | None:
        return (x for x in self.items)  # type: ignore[return-value]

    @strawberry.field
    async def streamed(self) -> list[Item] | None:
        return list(self.items)


def boom(source: Any, where: str) -> Any:
    if where in source.faults:
        raise RuntimeError(f"{where} of {source.id!r}")
    return None


class Thrower:
    """An attribute that raises when it is read."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Faulty(Item):
    """An item whose attributes may raise (``Thrower``) or be missing."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if isinstance(value, Thrower):
            raise value.error
        return value


ODD_VALUES: list[Any] = [
    None,
    "text",
    5,
    2**40,
    True,
    1.5,
    ValueError("a value"),
    [],
    {},
    object(),
    Colour.RED,
]
CALLED = ("sync", "strict", "slow", "slow_strict", "related")


def build(rng: Random, *, faults: float) -> tuple[Query, dict[Any, Any]]:
    """Random data, a share of it at fault, and what the loaders answer by id."""
    count = rng.randint(0, 9)
    items = [_item(rng, i) for i in range(count + 1)]
    for x in items:
        x.parent = rng.choice([None, *items])
        x.child = rng.choice(items)
        x.children = rng.choices(items, k=rng.randint(0, 3))
        x.maybe = rng.choice([None, [None, *items[:2]], tuple(items[:1])])  # type: ignore[arg-type]
        x.thing = rng.choice([None, Box(label="b", size=1), *items])
        x.things = [rng.choice([Box(label="c", size=None), *items]) for _ in range(rng.randint(0, 2))]
        x.alike = rng.choice([None, *items])
    for x in items:
        _spoil(rng, x, faults)
    answers = {x.__dict__["id"]: rng.choice([*items, KeyError("gone")]) for x in items if x.faults}
    root = Query(
        item=rng.choice([None, *items]),
        items=items,
        loose=rng.choice([None, [*items, None]]),
        things=[None, Box(label="d", size=2), *items],
        alike=list(items),
        picky=[Picky(label="p"), Picky(label="q")],
        items_tuple=tuple(items),  # type: ignore[arg-type]
        broken=rng.choice([[1, 2], [1, None], "no", 5, [1, "x"]]),
    )
    return root, answers


def _item(rng: Random, i: int) -> Any:
    made = Faulty.__new__(Faulty)
    made.__dict__.update(
        id=rng.choice([str(i), i]), name=f"n{i}", colour=rng.choice(list(Colour)),
        colour_or_not=rng.choice([None, "red", Colour.BLUE]), count=i, count_or_not=rng.choice([None, i]),
        ratio=rng.choice([0.5, 3]), flag=rng.choice([True, False]), price=Decimal("1.50"),
        at=rng.choice([None, dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC)]), day=dt.date(2024, 1, i + 1),
        key=uuid.UUID(int=i), raw=rng.choice([None, {"a": [1]}, "x"]), tags=["a", "b"][: i % 3],
        colours=rng.choice([None, [Colour.RED, None]]), matrix=[[1, None], []], parent=None,
        box=rng.choice([None, Box(label="x", size=None)]), picky=rng.choice([None, Picky(label="y")]),
        faults=frozenset(),
    )  # fmt: skip
    return made


def _spoil(rng: Random, x: Any, faults: float) -> None:
    if rng.random() >= faults:
        return
    x.__dict__["faults"] = frozenset(rng.sample(CALLED, k=rng.randint(1, 3)))
    for name in rng.sample(sorted(set(x.__dict__) - {"faults", "id"}), k=rng.randint(0, 2)):
        x.__dict__[name] = rng.choice([*ODD_VALUES, Thrower(LookupError(name))])


def context(answers: dict[Any, Any]) -> dict[str, Any]:
    """Fresh loaders of one operation."""

    async def load(keys: list[Any]) -> list[Any]:
        return [answers.get(key) for key in keys]

    async def load_lists(keys: list[Any]) -> list[Any]:
        found = [answers.get(key) for key in keys]
        return [x if isinstance(x, Exception) else [] if x is None else [x, x] for x in found]

    return {"loader": DataLoader(load_fn=load), "lists": DataLoader(load_fn=load_lists)}


# -- random documents ----------------------------------------------------------------------------------


def document(rng: Random, schema: Any, *, asynchronous: bool) -> str:
    """A random valid operation with aliases, fragments, directives and variables."""
    writer = _Documents(rng, schema._schema, asynchronous)
    body = writer.selection(schema._schema.query_type, 0)
    text = body + "".join(writer.fragments)
    declared = {"$yes": "Boolean = true", "$no": "Boolean!", "$n": "Int"}
    used = [f"{name}: {type_}" for name, type_ in declared.items() if re.search(rf"\{name}\b", text)]
    return f"query Q{'(' + ', '.join(used) + ')' if used else ''} {text}"


ASYNCHRONOUS = {"page", "streamed", "slow", "slowStrict", "loaded", "loadedStrict", "loadedList", "total"}


class _Documents:
    def __init__(self, rng: Random, schema: Any, asynchronous: bool) -> None:
        self.rng, self.schema, self.asynchronous = rng, schema, asynchronous
        self.fragments: list[str] = []

    def selection(self, type_: Any, depth: int) -> str:
        from graphql import is_abstract_type

        rng, parts = self.rng, []
        if is_abstract_type(type_):
            parts.append("__typename")
            parts.extend(
                f"... on {possible.name} {self.fields(possible, depth, possible.name)}"
                for possible in self.schema.get_possible_types(type_)
                if rng.random() < 0.8
            )
        else:
            parts.append(self.fields(type_, depth, "")[1:-1])
            for _ in range(rng.choice([0, 0, 1, 2])):
                inner = self.fields(type_, depth, "")
                if rng.random() < 0.5:
                    parts.append(f"...{self.directive()} {inner}")
                else:
                    name = f"F{len(self.fragments)}"
                    self.fragments.append("")
                    self.fragments[int(name[1:])] = f" fragment {name} on {type_.name} {inner}"
                    parts.append(f"...{name}{self.directive()}")
        return "{ " + " ".join(parts) + " }"

    def fields(self, type_: Any, depth: int, prefix: str) -> str:
        from graphql import get_named_type, is_leaf_type, is_required_argument

        rng = self.rng
        names = [
            name
            for name, field in type_.fields.items()
            if (self.asynchronous or name not in ASYNCHRONOUS)
            and not any(is_required_argument(argument) for argument in field.args.values())
            and (depth < 2 or is_leaf_type(get_named_type(field.type)))
        ]
        parts = ["__typename"] if rng.random() < 0.3 else []
        for name in rng.sample(names, k=min(len(names), rng.randint(1, 5))):
            named = get_named_type(type_.fields[name].type)
            variant = rng.choice(["", "", "A", "B"]) if is_leaf_type(named) else f"L{rng.randint(0, 99)}"
            alias = f"{prefix}{variant}{name}: " if prefix or variant else ""
            arguments = ""
            if name == "times":
                arguments = {"": "", "A": "(n: $n)", "B": '(n: 4, words: ["w"])'}[variant]
            below = "" if is_leaf_type(named) else self.selection(named, depth + 1)
            parts.append(f"{alias}{name}{arguments}{self.directive()} {below}")
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def directive(self) -> str:
        return self.rng.choice(
            [
                "",
                "",
                "",
                "",
                " @include(if: $yes)",
                " @skip(if: $no)",
                " @skip(if: $yes)",
                " @include(if: true)",
            ]
        )
