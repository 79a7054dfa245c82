"""The cursor of live inboxes, against every order in which transactions may number and commit."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from vdept.notifications.live import OVERLAP, Cursor, Look


@dataclass
class Database:
    """Just enough of one: rows are numbered when written, seen when committed; ids of transactions grow."""

    next_row: int = 1
    next_transaction: int = 100
    running: dict[int, list[int]] = field(default_factory=dict)
    committed: list[int] = field(default_factory=list)

    def begin(self) -> None:
        self.running[self.next_transaction] = []
        self.next_transaction += 1

    def write(self, place: int) -> None:
        if self.running:
            self.running[sorted(self.running)[place % len(self.running)]].append(self.next_row)
            self.next_row += 1

    def end(self, place: int, *, commit: bool) -> None:
        if self.running:
            rows = self.running.pop(sorted(self.running)[place % len(self.running)])
            self.committed += rows if commit else []

    def look(self, after: int | None) -> Look:
        newest = max(self.committed, default=0)
        above = newest - OVERLAP if after is None else after
        return Look(
            rows=[(row, 7) for row in self.committed if row > above],
            newest=newest,
            oldest_running=min(self.running, default=self.next_transaction),
            next_id=self.next_transaction,
        )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.just(0)),
        st.tuples(st.sampled_from(["write", "write", "commit", "abort"]), st.integers(0, 5)),
        st.tuples(st.just("look"), st.just(0)),
    ),
    max_size=120,
)


@given(STEPS)
@settings(max_examples=500)
def test_whatever_is_committed_is_told_once_in_whatever_order(steps: list[tuple[str, int]]) -> None:
    database, cursor, told = Database(), Cursor(), list[int]()
    for step, place in [*steps, ("look", 0)]:
        match step:
            case "begin":
                database.begin()
            case "write":
                database.write(place)
            case "look":
                fresh = cursor.note(database.look(cursor.after))
                told += [number for number, _ in fresh]
                assert sorted(told) == sorted(database.committed)
            case _:
                database.end(place, commit=step == "commit")
    assert len(set(told)) == len(told)


@given(STEPS)
def test_once_nothing_runs_any_more_nothing_need_be_remembered(steps: list[tuple[str, int]]) -> None:
    database, cursor = Database(), Cursor()
    for step, place in steps:
        match step:
            case "begin":
                database.begin()
            case "write":
                database.write(place)
            case "look":
                cursor.note(database.look(cursor.after))
            case _:
                database.end(place, commit=step == "commit")
    while database.running:
        database.end(0, commit=True)
    cursor.note(database.look(cursor.after))
    assert cursor.note(database.look(cursor.after)) == []
    assert cursor.seen == set()
    assert cursor.after == max(database.committed, default=0)


def test_a_transaction_that_still_runs_holds_the_cursor_back() -> None:
    cursor = Cursor(after=10)
    assert cursor.note(Look([(12, 1)], newest=12, oldest_running=5, next_id=9)) == [(12, 1)]
    assert (cursor.after, cursor.seen) == (10, {12})
    assert cursor.note(Look([(11, 2), (12, 1)], newest=12, oldest_running=9, next_id=9)) == [(11, 2)]
    assert (cursor.after, cursor.seen) == (12, set())
