"""The zoo: awkward inputs of every kind, each through every connector, whatever its format: what arrives at a door need not be meant for it."""
