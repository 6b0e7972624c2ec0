"""The last stage on the way out: who must be told what, in whose format; delivered, tried again, or raised to a person."""

from hub.dispatch.courier import Courier
from hub.dispatch.planning import STAGE, Dispatch
from hub.dispatch.senders import sender_of

__all__ = ["STAGE", "Courier", "Dispatch", "sender_of"]
