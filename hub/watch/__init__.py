"""Beside the flow: silence is an event. Every open referral has an owner and a deadline; what passes it is acted on and never passed over."""

from hub.watch.watching import Watch

__all__ = ["Watch"]
