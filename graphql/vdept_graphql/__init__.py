"""The GraphQL API: thin over the core. Decode, call, wrap; nothing is decided here.

How a feature's modules look (``<feature>.py`` types and reads, ``<feature>_mutations.py`` verbs; ``units.py``
and ``unit_mutations.py`` are the example)::

    async def load_units(tx: Tx, ids: list[int]) -> dict[int, "Unit"]:      # a loader: one call per level
        return {id: Unit.from_row(row) for id, row in (await queries.units_by_ids(tx, ids)).items()}

    NODES["Unit"] = load_units                                              # node(id) finds it

    @strawberry.type(description="… (đơn vị).")
    class Unit(Node):
        name: str = field(description="…")                                  # plain attributes only
        parent_key: strawberry.Private[int | None]                          # numbers for relations
        @field(description="…")
        def parent(self, info: Info) -> "Unit | None":                      # relation: return what load gives
            return info.context.load(load_units, self.parent_key)
        @classmethod
        def from_row(cls, row: UnitRow) -> "Unit": …

* Types of other modules: ``Annotated["Person", strawberry.lazy("vdept_graphql.people")]``.
* Core enums: ``enums.described(UnitKind, "…", MINISTRY="…", …)``. Every type, field, argument and enum value
  has a description; types mention the Vietnamese term. A contract test holds it.
* Lists: ``async with info.context.reading() as tx: page = await queries.page_of_units(tx, …)`` then
  ``connection(page, Unit.from_row)``; arguments ``first: First = None, after: After = None, last: Last =
  None, before: Before = None``. Never ``load`` inside ``reading()``: its lock is held.
* One object: ``return await info.context.one(load_units, decode(id, "Unit", "id"))``.
* Lists below a list go through ``context.load(fetch, key, *args)``: ``fetch(tx, keys, *args)`` gets the keys
  of all siblings at once and returns a dict. The number of statements never depends on the number of rows.
* Global ids: ``ids.encode("Unit", row.id)``; ``ids.decode(input.unit_id, "Unit", "unitId")`` inside the verb.
* Mutations take one ``input`` with ``idempotency_key`` and return a payload whose object may be null::

    @strawberry.mutation(description="…")
    async def rename_unit(self, info: Info, input: In[RenameUnitInput]) -> UnitPayload | None:
        async def verb(tx: Tx) -> UnitRow:
            return await service.rename(tx, decode(input.unit_id, "Unit", "unitId"), input.name)
        return await perform(info, UnitPayload, input, verb, one("unit", load_units))

* Bulk verbs keep each item's refusal with ``remembered`` and answer it with ``told``; fields of a change that
  may be left out go through ``inputs.given`` and ``given_value``.
* A refusal raised in a query becomes a GraphQL error with ``extensions {code, path}``; an object that is not
  there or may not be seen is null.
* ``schema.py`` merges ``<Feature>Query`` and ``<Feature>Mutation``; ``python -m vdept_graphql.sdl --write``
  renews ``graphql/schema.graphql``; a new mutation takes its place in ``tests/api/matrix/table.py``.
"""
