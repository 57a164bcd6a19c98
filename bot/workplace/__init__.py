"""The workplace: everything of an agent's day beside the threads. Each file is a room; ``rooms`` knows which name is whose.

A room is a module with any of these tables:

- ``PAGES``: name of a page → ``(Visit) -> Page``, inside a read.
- ``PRESSES``: name of a deed → ``(Deed) -> Done``, inside the write that also remembers the event, so that it happens once.
- ``LOOKS``: those of them that change only what their person sees, so that viewers may do them, too.
- ``OPENED``: name of a page → ``(Wanted) -> None``, after it was made for somebody; in no transaction.
- ``OPTIONS``: ``page/choice`` → ``(Visit, query) -> list[Option]``, inside a read.
- ``COMMANDS``: first word after ``/desk`` → :class:`bot.workplace.deeds.Command`.
- ``ENDED``: kind of a personal post → ``(ref, outcome, reason)``: ``sent``, ``dead`` (never any more) or ``held`` (perhaps).
- ``POSTS``: kind of a personal post → ``(ref) -> Said | None``, inside the write of a claim.
"""
