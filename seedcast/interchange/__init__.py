"""Models in other files than ours: what others read, and what our ancestors wrote."""
