"""What is a run told? The agent's prompt with the caller's in its place.

`{prompt}` in an agent's prompt is where the caller's text goes. A prompt without it is what the agent is told when
the caller says nothing; who says something replaces it.
"""

from conselho import errors
from conselho.agents import limits

PLACE = "{prompt}"


def filled(template: str | None, said: str | None) -> str | None:
    """The prompt of one run, None where neither has any.

    Raises: errors.Invalid for what would be too long, before it is made: a template may repeat its place.
    """
    if template is None or PLACE not in template:
        return template if said is None else said
    text = said or ""
    if len(template) + template.count(PLACE) * (len(text) - len(PLACE)) > limits.PROMPT_BYTES_MAX:
        raise errors.Invalid("the prompt is longer than 512 KiB once it stands in that of the agent: shorten it")
    return template.replace(PLACE, text)
