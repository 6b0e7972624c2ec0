"""The record: the one place that writes. Everything else asks it to `commit` a change, and reads what stands."""
