"""The second stage: reads facts, runs decide(), takes the prescriber's place, commits. Nobody is assigned by arrival order alone."""
