"""Answer tests: questions with what a good answer to them must cite, say and not say. ``docs/answers.md`` explains them to an admin.

``reading`` reads files of them, ``scratch`` makes an installation for a moment, ``rehearsal`` asks a question in it on the very path of
customers, ``judging`` compares, ``trials`` runs many, ``recordings`` keeps what providers said, and ``commands`` is ``deskhand eval``.
"""
