"""Bad bytes: what users and faults leave in files, made by hypothesis from valid ones, given to the real commands.

One file a kind: sweep files, list files, image bytes, weight files, stored tables, kept states. A case ends well, or with an
error that names the file (or goes on where the setting says so): never with a traceback, never with other numbers.

`python -m tests.fuzz [KIND ...] [--cases 2000] [--seed 0]` runs them all and prints, of each kind, how many cases there were
and how many distinct messages. `make test` runs some hundred of each, always the same (`test_fuzz.py`).
"""
