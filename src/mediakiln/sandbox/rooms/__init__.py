"""Rooms: children that do one project's jobs one after the other, each in folders of its own."""

from mediakiln.sandbox.rooms.house import Rooms
from mediakiln.sandbox.rooms.lodger import Lodger, RoomRules

__all__ = ["Lodger", "RoomRules", "Rooms"]
