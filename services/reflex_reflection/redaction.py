"""Takes secrets and personal data out of what will be stored."""

from collections.abc import Callable, Iterable

from reflex_routing.capture import RedactionRule, Redactor


def redactor(
    rule: RedactionRule | None = None, *, secrets: Iterable[str] = ()
) -> Callable[[str], str]:
    """Return a function that replaces each secret by its kind in brackets, such as `[key]`.

    Args:
        rule: what is removed besides well-known formats; the default is that of the decision
            records, so that one list of formats serves both.
        secrets: removed wherever they stand, such as the keys in use.

    Raises:
        re.error: a pattern of the rule is no regular expression.
    """
    found = Redactor(rule or RedactionRule(), secrets=secrets)
    return lambda text: found.redact(text)[0]
