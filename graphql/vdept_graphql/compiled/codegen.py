"""From a plan to one Python function that completes a value of that shape.

``complete(executor, value, path, info, call, slot)`` returns the response value. Fields that must be called
are left as ``None`` under their key (which keeps the order of keys) and announced, in the order in which
graphql-core would reach them, by ``call((calls, source, row, path, slot))``. A *slot* is a place in the
response: ``(container, key, nullable, path, slot of the parent)``. Paths and slots are only made for rows
that have something to call. No text of the document gets into the source: response keys go in as
``repr`` of GraphQL names, attributes as identifiers of the schema's own classes.
"""

import keyword
from typing import Any

from graphql.pyutils import Path

from vdept_graphql.compiled.calls import Generated
from vdept_graphql.compiled.leaves import GiveUp, check_class, enum_names, is_leaf_as_is, leaf_completer
from vdept_graphql.compiled.plan import Fields, Items, Leaf, Selected, Shape


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.names = 0
        self.scope: dict[str, Any] = {"GiveUp": GiveUp, "Path": Path, "check_class": check_class}

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def new(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def constant(self, value: object) -> str:
        name = f"c{len(self.scope)}"
        self.scope[name] = value
        return name

    # -- values ------------------------------------------------------------------------------------

    def value(self, shape: Shape, source: str, path: str, slot: str) -> str:
        """Write what completes the variable ``source``; the expression of the result."""
        if isinstance(shape, Leaf):
            return self.leaf(shape, source)
        result = self.new()
        if shape.nullable:
            self.put(f"if {source} is None:")
            self.put(f"    {result} = None")
            self.put("else:")
        else:
            self.put(f"if {source} is None:")
            self.put("    raise GiveUp")
            self.put("if True:")
        self.depth += 1
        if isinstance(shape, Items):
            self.items(shape, source, result, path, slot)
        else:
            self.fields(shape, source, result, path, slot)
        self.depth -= 1
        return result

    def leaf(self, leaf: Leaf, variable: str) -> str:
        """An expression over an already bound ``variable``."""
        complete = self.constant(leaf_completer(leaf.type, nullable=leaf.nullable))
        names = enum_names(leaf.type)
        if names is not None:
            cls, table = self.constant(names[0]), self.constant(names[1])
            return f"({table}[{variable}._name_] if type({variable}) is {cls} else {complete}({variable}))"
        condition = is_leaf_as_is(leaf.type, variable)
        if condition is None:
            return f"{complete}({variable})"
        if leaf.nullable:
            condition = f"{condition} or {variable} is None"
        return f"({variable} if {condition} else {complete}({variable}))"

    def items(self, items: Items, source: str, result: str, path: str, slot: str) -> None:
        self.put(f"if not isinstance({source}, (list, tuple)):")
        self.put("    raise GiveUp")
        item = self.new()
        if isinstance(items.item, Leaf):
            self.put(f"{result} = [{self.leaf(items.item, item)} for {item} in {source}]")
            return
        self.put(f"{result} = []")
        append = self.new()
        self.put(f"{append} = {result}.append")
        item_path, item_slot = "path", "slot"
        if items.has_calls:
            index, item_path, item_slot = self.new(), self.new(), self.new()
            self.put(f"for {index}, {item} in enumerate({source}):")
            self.depth += 1
            self.put(f"{item_path} = Path({path}, {index}, None)")
            self.put(f"{item_slot} = ({result}, {index}, {items.item.nullable}, {item_path}, {slot})")
        else:
            self.put(f"for {item} in {source}:")
            self.depth += 1
        self.put(f"{append}({self.value(items.item, item, item_path, item_slot)})")
        self.depth -= 1

    # -- objects -----------------------------------------------------------------------------------

    def fields(self, shape: Fields, source: str, result: str, path: str, slot: str) -> None:
        known = self.constant(set())
        self.put(f"if type({source}) not in {known}:")
        self.put(f"    check_class(type({source}), {known})")
        if shape.is_type_of is not None:
            check = self.constant(shape.is_type_of)
            self.put(f"if {check}({source}, {'info' if shape.wants_info else 'None'}) is not True:")
            self.put("    raise GiveUp")
        entries = [f"{field.key!r}: {self.entry(field, source)}" for field in shape.fields]
        self.put(f"{result} = {{{', '.join(entries)}}}")
        run: list[Selected] = []
        for field in shape.fields:
            if field.call is not None:
                run.append(field)
            elif field.has_calls:
                self.announce(run, source, result, path, slot)
                run = []
                self.nested(field, shape.type.name, source, result, path, slot)
        self.announce(run, source, result, path, slot)

    def entry(self, field: Selected, source: str) -> str:
        """The expression that stands under the key in the dict display; ``None`` holds the place."""
        if field.typename is not None:
            return repr(field.typename)
        if field.has_calls or field.shape is None:
            return "None"
        attribute = self.attribute(field, source)
        variable = self.new()
        if isinstance(field.shape, Leaf):
            condition = self.leaf(field.shape, variable)
            return self.bind_first(condition, variable, attribute)
        self.put(f"{variable} = {attribute}")
        return self.value(field.shape, variable, "path", "slot")

    def bind_first(self, expression: str, variable: str, attribute: str) -> str:
        """``expression`` with the first evaluated use of ``variable`` reading the attribute."""
        first = f"type({variable})"
        if first in expression:
            return expression.replace(first, f"type({variable} := {attribute})", 1)
        return expression.replace(f"({variable})", f"({attribute})", 1)

    def attribute(self, field: Selected, source: str) -> str:
        name = field.attribute or ""
        if name.isidentifier() and not keyword.iskeyword(name):
            return f"{source}.{name}"
        return f"getattr({source}, {name!r})"

    def announce(self, run: list[Selected], source: str, row: str, path: str, slot: str) -> None:
        if run:
            calls = self.constant(tuple(field.call for field in run))
            self.put(f"call(({calls}, {source}, {row}, {path}, {slot}))")

    def nested(self, field: Selected, type_name: str, source: str, row: str, path: str, slot: str) -> None:
        """A plain field below which something must be called: it needs a path and a slot of its own."""
        if field.shape is None:
            return
        variable, field_path, field_slot = self.new(), self.new(), self.new()
        key = repr(field.key)
        self.put(f"{field_path} = Path({path}, {key}, {type_name!r})")
        self.put(f"{field_slot} = ({row}, {key}, {field.shape.nullable}, {field_path}, {slot})")
        self.put(f"{variable} = {self.attribute(field, source)}")
        self.put(f"{row}[{key}] = {self.value(field.shape, variable, field_path, field_slot)}")


def generate(shape: Shape) -> Generated:
    """The function for a value of ``shape``."""
    writer = _Writer()
    result = writer.value(shape, "value", "path", "slot")
    writer.put(f"return {result}")
    lines = ["def complete(executor, value, path, info, call, slot):", *writer.lines]
    code = compile("\n".join(lines), "<compiled selection set>", "exec")
    exec(code, writer.scope)  # noqa: S102 - the source is made above from the schema's own names only
    inner = shape
    while isinstance(inner, Items):
        inner = inner.item
    return Generated(writer.scope["complete"], wants_info=isinstance(inner, Fields) and inner.wants_info)
