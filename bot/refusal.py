"""Why an event of a customer is not stored: raised inside its transaction, which is rolled back, and answered as ``Refused``."""

from __future__ import annotations


class Refusal(Exception):
    """``code`` and ``field`` as in :class:`bot.Refused`; ``message`` is a sentence for people: what is wrong and what to do."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(code)
        self.code, self.message, self.field = code, message, field
