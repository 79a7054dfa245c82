"""The leak hunt: random worlds and readers, what the platform shows them, and what the policy says.

``world`` makes a world and writes it to a database; ``policy`` says who sees what of it, in plain Python and
from the design alone; ``answers`` answers GraphQL by that policy; ``documents`` makes random questions;
``hunter`` asks the platform and the policy the same, and compares. ``python -m hunt`` runs it at length.
"""
