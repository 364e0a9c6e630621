"""Fault runs: a database, workers and a mail server that fail on purpose; then the promises are checked.

    python -m tests.faults                 all, quick: a few minutes
    python -m tests.faults --full          longer outages, more of everything
    python -m tests.faults F1 F4 --seed 7  some, with other random choices

Each run has a database cluster of its own (with fsync), processes of its own and a mail server that keeps
what it accepted. docs/reliability.md says what is run and what came of it.
"""
