"""The first stage: whatever arrives at a door is authenticated, identified, translated, triaged, committed and answered."""
