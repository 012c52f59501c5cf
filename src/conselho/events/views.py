"""How are the events told to those who watch? Plainly, each as one message; a room above may bring another view.

A ring holds what one view makes of the events, so it is made once for all who watch. In a view an event may be no
message or several: places are numbers of its own then, which rise with the events.
"""

from collections.abc import Callable
from dataclasses import dataclass

from conselho.db.session import Tx
from conselho.events import messages, tail
from conselho.events.places import Place
from conselho.events.tail import News


@dataclass(frozen=True, slots=True)
class View:
    """What a ring and a stream ask of it; the functions of a `Tx` are reads."""

    place: Callable[[str, int], Place]  # of an epoch and a number, as it is named outside
    end: Callable[[Tx], Place]
    behind: Callable[[Tx, int, int], News]  # a number, and how many events are looked at
    why_not: Callable[[Tx, Place], str | None]
    beat: Callable[[Place], bytes]
    beats: int  # of the server, from one `beat` to the next


PLAIN = View(place=Place, end=tail.end, behind=tail.behind, why_not=tail.why_not, beat=messages.beat, beats=1)
