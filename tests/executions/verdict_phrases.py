"""What must a line of plain text, alone in a log, be taken for?

The table that the words of `conselho.executions.verdict` answer to, with the lines that speak of no problem in
`verdict_phrases_harmless.py`. A line that was judged wrongly is added to one of them. One line, one row.
"""

from tests.executions.verdict_phrases_harmless import HARMLESS

ERRORS = """
12 errors
1 error
2 errors
1 erro
2 erros
Found 3 errors in 2 files
Foram encontrados 2 erros
Encontrei um erro no arquivo de configuração
1,234 errors
1.234 erros
10 errors
100 errors, 0 warnings
errors: 3
Errors = 2
Erros encontrados: 2
erros: 1
failed=1
ok=3 changed=0 unreachable=0 failed=1 skipped=0
Passed: 12 Failed: 3
failed: 1 passed: 12
Tests run: 12, Failures: 1, Errors: 0, Skipped: 0
| Errors | 4 |
"errors": 2
12 passed, 3 failed
3 failed, 9 passed in 0.31s
0 passed, 3 failed
1 of 12 tests failed
3/12 tests failed
3 de 12 testes falharam
3 testes falharam
o build quebrou
build quebrou
O build falhou
Build failed
BUILD FAILED in 3s
[INFO] BUILD FAILURE
the tests are failing
os testes estão falhando
tests fail on main
Traceback
Traceback (most recent call last):
Traceback (most recent call last)
ValueError: invalid literal for int() with base 10: 'x'
java.lang.IllegalStateException: already closed
Uncaught TypeError: x is undefined
FAILED tests/x.py
FAILED tests/x.py::test_a - AssertionError
ERROR tests/test_x.py
--- FAIL: TestAdd (0.00s)
FAIL src/error.test.ts
test result: FAILED. 1 passed; 1 failed; 0 ignored
not ok 3 - adds numbers
error: cannot open
error: cannot open shared object file: No such file or directory
error: no such file
error: 0 is not a valid port
error: none of the hosts responded
error[E0308]: mismatched types
src/a.c:12:5: error: expected ';' before '}' token
src/index.ts(3,7): error TS2304: Cannot find name 'x'.
gcc: fatal error: no input files
fatal: not a git repository
fatal: no upstream configured
panic: runtime error: index out of range
thread 'main' panicked at src/main.rs:2:5
Segmentation fault
Segmentation fault (core dumped)
Aborted (core dumped)
Out of memory
ERRO: não foi possível conectar
Erro ao conectar com o banco
erro: arquivo inexistente
Falha ao publicar
falha de segmentação
Nao consegui corrigir o erro
Não consegui corrigir o erro
could not fix the error
the error was not fixed
the error is still not fixed
3 errors to be fixed
2 erros a corrigir
fixed 2 errors, 3 errors remain
fixed 2 of 5 errors
Found 3 errors (2 fixed, 1 remaining).
CRITICAL: disk full
Problema crítico encontrado
2 critical vulnerabilities
3 vulnerabilities (1 moderate, 2 critical)
Unhandled exception in worker
exceção não tratada
Exception in thread "main"
npm ERR! code ELIFECYCLE
make: *** [all] Error 2
2026-11-21 12:30:00 ERROR worker: connection refused
2026-11-21 12:30:00,123 ERROR boom
May  3 12:30:00 ERROR connection lost
12:30:00 ERROR boom
[    0.000000] error: no root device
level=error msg="connection refused"
level=error msg=boom
{"level":"error","msg":"boom"}
{"status":"failed"}
"error": "timeout"
[ERROR] Failed to execute goal
\x1b[31mERROR\x1b[0m something broke
\x1b[1;31merror\x1b[0m: could not compile
**Error:** the deployment stopped
- 2 **errors** in the report
`2 errors`
API Error: Request rejected (429) · mock limit
o processo não terminou porque o build quebrou
não compila: 3 erros
no arquivo de log há erros
no passo de testes ocorreu um erro
A etapa no servidor falhou
with no network the tests failed
sem a flag o build falhou
No, the build failed
Não, o build falhou
0 tests passed, all failed
test 0 failed
step 0 failed
Shard 0 failed
teste 0 falhou
failed in 0 seconds
it crashed
o serviço travou
link quebrado
The tests did not pass
os testes não passaram
não passaram todos os testes
the code does not compile
o código não compila
errors and no warnings
2 errors: 0 fixable
Found 2 errors (0 fixed)
✖ 3 problems (2 errors, 1 warning)
✓ lint ran, 2 errors
1 error fixed, 1 error remains
Não há avisos, mas há 2 erros
no warnings but 2 errors
sem avisos, 1 erro
nenhum aviso e 3 falhas
não passou: 3 testes falharam
3 errors!
(2 errors)
2 error(s)
2 ERRORS
DOIS ERROS
FALHOU
erro
error
Error
errors
FAILED (failures=1, errors=2)
12 examples, 2 failures
Found 1 error in 1 file (checked 3 source files)
concluído com erros
O erro não foi corrigido
não passou nos testes
{"failed": 2, "passed": 12}
error: true
the checks found errors
module not found error
it returned an error
erro 404
Tests failed
exit status 1: error
3 tests failed
12 erros
build broke
the build is broken
a build está quebrada
1 teste falhou
1 test failed
Falha de segmentação
build failed
a build falhou
the deploy failed
o deploy falhou
erro: arquivo não encontrado
"""

WARNINGS = """
1 warning
2 warnings
1 aviso
3 avisos
0 errors, 2 warnings
0 erros e 2 avisos
no errors but 2 warnings
nenhum erro, 1 aviso
✖ 1 problem (0 errors, 1 warning)
12 passed, 1 warning in 0.20s
0 failed, 1 warning
warnings: 3
Avisos: 2
warning
aviso
alerta
atenção
Atenção: disco quase cheio
ATENÇÃO
ATENCAO: disco
alerta: cobertura caiu
Alertas encontrados
deprecated
DeprecationWarning is shown: use of a deprecated API
this function is deprecated
npm WARN deprecated inflight@1.0.6
warning: unused variable: `x`
[WARN] slow query
[warn] slow query
level=warn msg=slow
2026-11-21 12:30:00,123 WARNING slow
3 vulnerabilities
found 3 vulnerabilities
vulnerabilidade encontrada
2 vulnerabilidades
Found 3 issues
5 problems
issues: 4
issues found
Encontrei 2 problemas
2 bugs
cuidado: o arquivo é grande
Caution: hot
fixed the error, 1 warning left
concluído com avisos
no build há warnings
Errors: 0 | Warnings: 2
alerta: 2 dependências desatualizadas
with warnings
2 vulnerabilities found
2 vulnerabilidades encontradas
3 warnings
"""


def _rows(text: str) -> list[str]:
    return [row for row in text.replace("\\x1b", "\x1b").split("\n") if row]


TABLE: list[tuple[str, str]] = [
    *((phrase, "error") for phrase in _rows(ERRORS)),
    *((phrase, "warning") for phrase in _rows(WARNINGS)),
    *((phrase, "success") for phrase in _rows(HARMLESS)),
]
"""Phrase and expected severity, each phrase once."""
