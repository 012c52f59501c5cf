"""Which arguments of its own may be handed to an agent CLI beside those that its provider gives it?"""

from collections.abc import Mapping, Sequence

from conselho import errors


def allowed(program: str, given: Sequence[str], known: Mapping[str, bool]) -> list[str]:
    """The given arguments, each of which is known; a flag that takes a value must have one.

    `known`: flag → whether it takes a value, as the next argument or behind `=`.
    Raises: errors.Invalid naming the first that is not.
    """
    left = list(given)
    while left:
        flag, has_value, _ = left.pop(0).partition("=")
        takes_value = known.get(flag)
        if takes_value is None:
            raise errors.Invalid(f"options.extra_args: {flag[:50]!r} is not let through to {program}: {_named(known)}")
        if has_value and not takes_value:
            raise errors.Invalid(f"options.extra_args: {flag} takes no value")
        if takes_value and not has_value:
            if not left or left[0].startswith("-"):
                raise errors.Invalid(
                    f"options.extra_args: {flag} takes a value: put it behind it, or write {flag}=VALUE"
                )
            left.pop(0)
    return list(given)


def _named(known: Mapping[str, bool]) -> str:
    return f"only {', '.join(sorted(known))} are" if known else "it takes none"
