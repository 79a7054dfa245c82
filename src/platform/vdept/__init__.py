"""The core of the platform: what the words mean, what the rules are, where the truth is kept.

Features stand in layers and import downwards only (see ``[tool.importlinter]``). The core knows no
transport: GraphQL, HTTP and the job queue are built on top of it, never the other way round.
"""
