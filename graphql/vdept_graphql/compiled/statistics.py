"""What the compiled executor did, for tests, benchmarks and the metrics page."""

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """Counted since the process started (or :meth:`reset`)."""

    compiled: int = 0  # functions generated
    completed: int = 0  # values built by a generated function
    given_up: int = 0  # values handed back to graphql-core after the generated function gave up
    refused: int = 0  # selection sets for which no function can be generated

    def reset(self) -> None:
        self.compiled = self.completed = self.given_up = self.refused = 0


STATISTICS = Statistics()
