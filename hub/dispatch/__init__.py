"""The last stage on the way out: who must be told what, in whose format; delivered, tried again, or raised to a person."""

from hub.dispatch.courier import Courier
from hub.dispatch.planning import STAGE, Dispatch

__all__ = ["STAGE", "Courier", "Dispatch"]
