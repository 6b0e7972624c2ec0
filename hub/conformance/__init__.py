"""Beside the flow: plays a sender against any deployment, from outside and by its doors alone, and says what was expected and what was heard."""
