"""Which dialects does the scripted model speak?"""

from tests.scripted_model.chat import Chat
from tests.scripted_model.dialects import Dialect
from tests.scripted_model.gemini import Gemini
from tests.scripted_model.messages import Messages
from tests.scripted_model.responses import Responses

DIALECTS: tuple[Dialect, ...] = (Messages(), Chat(), Gemini(), Responses())
