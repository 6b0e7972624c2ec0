"""A stage at the HTTP door: the pages for people. They ask, show, and hand what was filled in to intake like any other sender."""

from hub.web.own_client import FORM_CLIENT
from hub.web.parts import Desk, Shown
from hub.web.places import pages, routes
from hub.web.tokens import Link, link_path

__all__ = ["FORM_CLIENT", "Desk", "Link", "Shown", "link_path", "pages", "routes"]
