# The specification's union loads every registered strategy, each of which imports `base`, which imports the
# specification: whatever is imported first, the specification has to begin.
import shared.spec.strategy  # noqa: F401
