"""The scheduler and the dispatcher among hundreds of virtual workers, in virtual time.

Everything follows from a seed. A failing one is replayed, with every event printed, by
``python -m tests.simulation scheduler SEED`` or ``python -m tests.simulation dispatcher SEED``.
"""
