"""Raises."""

raise RuntimeError("the licence has run out")
