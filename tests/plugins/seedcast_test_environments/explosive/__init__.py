"""Packages that break when they are imported."""
