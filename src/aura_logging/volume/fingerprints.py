"""Tell which records say the same thing: one template, one exception raised in one place."""

from __future__ import annotations

from types import TracebackType

from aura_logging.plain_data import plain_text

__all__ = ["Fingerprint", "exception_fingerprint", "template_fingerprint"]

Fingerprint = tuple[object, ...]

_LONGEST_TEMPLATE = 300
"""A longer text is known by its beginning and its hash, so that a table of them holds no megabytes."""


def template_fingerprint(template: object) -> str | Fingerprint:
    """Return what tells a message's template from others: itself, unless it is long.

    For an object that is logged instead of a text: its type and its text.
    """
    if type(template) is str:
        if len(template) <= _LONGEST_TEMPLATE:
            return template
        return (template[:_LONGEST_TEMPLATE], hash(template))
    text = plain_text(template)
    return (type(template).__qualname__, text[:_LONGEST_TEMPLATE], hash(text))


def exception_fingerprint(exc_info: object, exc_text: str | None = None) -> Fingerprint:
    """Return the exception's class and the line that raised it; of a record that has only its text left, the same.

    What the exception says is left out: it holds ids and addresses, and so is new each time.
    """
    if type(exc_info) is tuple and len(exc_info) == 3 and exc_info[0] is not None:
        kind, _, traceback = exc_info
        return (getattr(kind, "__qualname__", type(kind).__qualname__), *_raised_at(traceback))
    if exc_text:
        return _fingerprint_of_text(exc_text)
    return ()


def _raised_at(traceback: object) -> Fingerprint:
    if not isinstance(traceback, TracebackType):
        return ()
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)


def _fingerprint_of_text(text: str) -> Fingerprint:
    last_frame = text.rfind('\n  File "')
    if last_frame < 0:
        return (hash(text),)
    end = text.find("\n", last_frame + 1)
    kind = text.rstrip().rpartition("\n")[2].partition(":")[0]
    return (kind[:_LONGEST_TEMPLATE], text[last_frame + 1 : end if end > 0 else None][:_LONGEST_TEMPLATE])
