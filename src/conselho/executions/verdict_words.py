"""Which words speak of a problem, and which words take that back?

Data for `phrases.py`, which says what each list does. English and Portuguese stand side by side, lower case and
without accents (`não` is `nao`), for people and programs mix and drop them. To teach it a phrase: add the word here
and the phrase to the table of the tests.
"""

from typing import Literal, NamedTuple

from conselho.executions.severity import Severity

Part = Literal["thing", "tally", "event", "cry", "goal"]


class Word(NamedTuple):
    """A word that may speak of a problem.

    thing: something that is bad to have. Merely mentioned it counts, unless the log gives a count.
    tally: too common to count when merely mentioned (`issues`); it takes a number.
    event: something bad that happened. Saying it is stating it.
    cry:   a problem only as programs shout it: in capitals, or before a colon.
    goal:  something good; the problem is that it was not reached, and that it is a build or tests that did not.
    """

    severity: Severity
    part: Part
    portuguese: bool = False


def _words(severity: Severity, part: Part, *, en: str = "", pt: str = "") -> dict[str, Word]:
    english = {word: Word(severity, part) for word in en.split()}
    return english | {word: Word(severity, part, portuguese=True) for word in pt.split()}


WORDS: dict[str, Word] = (
    _words(
        Severity.ERROR,
        "thing",
        en="error errors failure failures exception exceptions crash crashes critical",
        pt="erro erros falha falhas excecao excecoes critico critica criticos criticas",
    )
    | _words(
        Severity.ERROR,
        "event",
        en="traceback tracebacks segfault segfaults coredump outofmemory panicked notok "
        "failed fail fails failing crashed broke broken aborted",
        pt="falhou falharam falham falhando quebrou quebraram quebrado quebrada quebrados quebradas "
        "abortou abortado abortada travou travaram",
    )
    | _words(Severity.ERROR, "cry", en="fatal panic err emergency alert", pt="urgente")
    | _words(
        Severity.ERROR,
        "goal",
        en="pass passed passing compile compiled compiles succeed succeeded",
        pt="passa passam passou passaram compila compilam compilou compilaram",
    )
    | _words(
        Severity.WARNING,
        "thing",
        en="warning warnings deprecated deprecation deprecations vulnerability vulnerabilities vulnerable",
        pt="aviso avisos alerta alertas atencao obsoleto obsoleta obsoletos obsoletas depreciado depreciada "
        "vulnerabilidade vulnerabilidades vulneravel vulneraveis",
    )
    | _words(
        Severity.WARNING,
        "tally",
        en="issue issues problem problems bug bugs defect defects alerts",
        pt="problema problemas defeito defeitos",
    )
    | _words(Severity.WARNING, "cry", en="warn caution", pt="cuidado")
)

PHRASES = {
    "segmentation fault": "segfault",
    "core dumped": "coredump",
    "out of memory": "outofmemory",
    "sem memoria": "outofmemory",
    "not ok": "notok",  # the Test Anything Protocol
    "error free": "flawless",
    "exception of": "except",
    "with one exception": "except",
    "com excecao": "except",
    "critical for": "vital",
    "critico para": "vital",
    "critica para": "vital",
    "not found error": "error",
    "on error": "onfailure",
    "on failure": "onfailure",
    "fail fast": "failfast",
    "fail safe": "failsafe",
    "free of": "without",
    "livre de": "sem",
    "livres de": "sem",
    "isento de": "sem",
    "free from": "without",
    "lack of": "without",
    "absence of": "without",
    "inexistencia de": "sem",
    "ausencia de": "sem",
    "no longer": "not",
    "nao ha mais": "nao",
}
"""Words that mean something only together, and the one word each is read as."""


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- what says that there is none -------------------------------------------------------------------------------------

NONE_OF = _listed("no zero none nothing neither nenhum nenhuma nenhuns nenhumas nada ninguem")
"""They count: `no failures`, `nenhum dos testes falhou`. Nothing but the thing's own words may stand between."""

LACKING = _listed("without sem")
"""They lack a thing: `without warnings`. Before an event only at once: `sem a flag o build falhou`."""

NOT = _listed(
    "not never nor nao nunca nem jamais cannot dont didnt doesnt isnt arent wasnt werent hasnt havent cant wont"
)
"""They deny: `did not fail`, `não há erros`. Words on `n't` are among them."""

NOTHING_VALUES = _listed("none no nil null zero nothing false nenhum nenhuma nao nada")
"""After a colon, and alone there: `errors: none`, but not `error: no such file`."""

NOTHING_MARKS = ("[]", "{}", '""', "''", "-", "–", "—")
"""The same in signs: `"errors": []`."""

# --- what says that it is over, or was never there --------------------------------------------------------------------

SETTLED = _listed(
    "fixed fix fixes fixing resolved resolve resolves resolving solved solve corrected repaired removed removes "
    "eliminated handled suppressed addressed caught ignored "
    "corrigi corrigiu corrigimos corrigido corrigida corrigidos corrigidas corrigir corrige corrigindo resolvi "
    "resolveu resolvido resolvida resolvidos resolvidas resolver consertei consertou consertado consertada "
    "consertados consertar removi removeu removido removida removidos removidas tratado tratada tratados tratadas "
    "eliminado eliminada eliminados eliminadas"
)
"""`fixed the error`, `3 erros corrigidos`."""

UNSETTLED = _listed(
    "to be must should need needs needed can could would unable failed trying tried attempt attempted tente tentei "
    "tentar vou vai will going ser serem a para preciso precisa precisam deve devem falta faltam impossivel"
)
"""Before a word of the list above: it is wanted, not done (`errors to be fixed`, `erros a corrigir`)."""

SEEN = _listed(
    "found detected seen reported occurred encontrei encontramos encontrou "
    "observed present encountered raised exist exists "
    "encontrado encontrada encontrados encontradas detectado detectada detectados detectadas ocorreu ocorreram "
    "houve existe existem registrado registrados"
)
"""`errors were not found`; and a colon may stand after it: `erros encontrados: 0`."""

LEFT_OVER = _listed("remaining remain remains left restante restantes")
"""`3 errors (3 fixed, 0 remaining)`: the count of what is left replaces the others of its line."""

# --- what says that it is only talked about ---------------------------------------------------------------------------

TOPIC_AFTER = _listed(
    "handling handler handlers message messages page pages codes path paths case cases type types class classes "
    "boundary boundaries log logs logging recovery reporting report reports rate rates tolerance tolerant budget "
    "budgets margin prone correction checking checker tracking tracker object objects detection level levels bars "
    "scenario scenarios mode modes middleware field fields string strings text texts variable module modules hierarchy "
    "propagation condition conditions callback flag flags section css"
)
"""Straight after a thing: `error handling`, `failure mode`, `critical path`."""

EXTENT = _listed("count counts total rate code number quantidade contagem taxa")
"""Between a problem's word and its value: `error count: 0`."""

TOPIC_BEFORE = _listed(
    "tratamento tratar trata tratam mensagem mensagens pagina paginas codigos tolerancia tolerante gerenciamento "
    "gestao teste taxa margem deteccao prevencao relatorio handle handles handling catch catches avoid avoids "
    "avoiding prevent prevents preventing evita evitar evitam evitando prevenir previne check checks checked checking "
    "verifica verificar verificando verifiquei look looks looking looked search searching searched scan scanned "
    "scanning procura procurar procurando procurei busca buscando simulate simulates simulating simula simular "
    "raise raises raising throw throws return returns retorna retornar lanca lancar mostra mostrar exibe exibir show "
    "shows display displays obrigado obrigada"
)
"""Shortly before a thing: `tratamento de erros`, `checking for errors`, `it raises an error`."""

SUPPOSED_BEFORE = _listed(
    "if unless case caso se would could might may expected expectedly previously formerly anteriormente poderia pode "
    "podem poderiam whenever whether onde"
)
"""Shortly before anything: it did not happen, or is no news: `if the build failed`, `em caso de erro`."""

PORTUGUESE_VERBS = _listed("ha houve deu teve tem tinha existe existem ocorre ocorreu ocorreram aparece aparecem")
"""After a `no` they show that it means `in the`: `no build há warnings`."""

# --- how far the words above reach ------------------------------------------------------------------------------------

CLAUSE_ENDS = _listed(
    "because but since which that so then while although however despite after before due causing "
    "porque mas por pois que entao enquanto embora porem apesar apos depois antes devido causando"
)
"""What stands before them says nothing about what stands after: `não passou porque o build quebrou`."""

AND = {"and", "e", "&"}
OR = {"or", "nor", "ou", "nem"}
OF = {"of", "de", "dos", "das", "out"}
ARTICLES = _listed("the a an o a os as um uma this these that those este esta esse essa")
"""They begin a new thing: `with no network the tests failed`."""

NUMBERED = _listed(
    "step test job task worker shard attempt phase node line code exit port status stage retry case run pid after in "
    "within at on passo teste tarefa tentativa etapa fase linha codigo porta no em apos iteration build iteracao "
    "versao version"
)
"""Before a number: it is a name or a time, no count (`test 0 failed`, `in 0 seconds failed`)."""

MAY_FAIL = _listed(
    "test tests teste testes build suite ci check checks pipeline spec specs lint code codigo projeto "
    "project compilacao job jobs"
)
"""What must stand shortly before a goal that was not reached: `the tests did not pass`."""

IS = _listed("é is are was were foi foram sao era eram sendo")
"""Between a problem's word and its number: `errors were 0`."""

VALUE_MARKS = (":", "=", "|", "(", "->", "→", "..")
"""Between a problem's word and its value: `errors: 0`, `| Errors | 0 |`, `Errors ..... 0`."""

SEVERITY_FIELDS = {"level", "lvl", "severity", "levelname", "loglevel"}
"""A log level's name: after it and an equals sign or colon, a word is that line's level (`level=warn`)."""

PASS_SIGNS = ("✓", "✔", "√", "✅", "☑")
"""A line that begins with one names a test that passed; so does one that begins with `ok 3` or `PASS`."""
