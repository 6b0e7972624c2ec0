"""Beside the flow: what `hub bench` measures. It looks at a real hub from outside: its doors, its stages as processes, its record."""
