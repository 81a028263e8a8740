"""The Harbour Courier as a website: the demo's newspaper, to click around in and see oneself appear in Activity.

It behaves as a publisher's site with Pelcro's interface does (a meter, modals, the DOM events of docs/wire.md), with
the snippet in its head and no other line for tracking. Nothing in it is real, and it asks no other host for anything.
"""

from pipeline.demo.website.routes import routes

__all__ = ["routes"]
