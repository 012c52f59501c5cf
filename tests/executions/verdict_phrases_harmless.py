"""Which lines speak of no problem, though they have the words for it, or something like them?"""

HARMLESS = """
0 errors
0 erros
no errors
No errors.
no failures
no errors found
0 errors found
Found 0 errors
Nenhum erro encontrado
nenhum erro encontrado
nenhum erro
Nenhuma falha
nenhuma falha detectada
sem falhas
sem erros
sem nenhum erro
Build concluído sem erros
no vulnerabilities found
found 0 vulnerabilities
nenhuma vulnerabilidade
0 failed, 12 passed
12 passed, 0 failed
12 passed
errors: 0
Errors: 0
errors=0
errors: none
errors: none found
error: none
error: null
"error": null
"errors": []
"errors":[],"warnings":[]
{"error":null,"is_error":false}
"error": ""
Erros: nenhum
erros encontrados: 0
Erros encontrados: nenhum
erro(s): 0
0 error(s), 0 warning(s)
| Errors | 0 |
error count: 0
error rate: 0%
error rate: 0.0%
0% errors
0.0% errors
0/12 tests failed
0 of 12 tests failed
0 out of 12 tests failed
none of the tests failed
nenhum dos testes falhou
nenhum teste falhou
no tests failed
nothing failed
nada falhou
zero errors
zero erros
errors were 0
errors were not found
erros não encontrados
erros não foram encontrados
não há erros
nao ha erros
não houve falhas
não foram encontrados erros
Não encontrei erros
não ocorreram erros nem avisos
não é um erro
isn't an error
not an error
could not find any errors
didn't find any errors
did not fail
didn’t fail
has not yet failed
não falhou
never failed
error-free
error free
free of errors
livre de erros
without warnings
without any errors
without errors or warnings
no errors or warnings
no errors, warnings or failures
no errors and no warnings
nenhum erro ou aviso
sem erros e avisos
sem avisos
sem alertas
sem vulnerabilidades
no longer deprecated
0 errors and 0 warnings
0 errors, 0 warnings
0 avisos
Tests run: 12, Failures: 0, Errors: 0, Skipped: 0
ok=3 changed=0 unreachable=0 failed=0
Passed: 12 Failed: 0
failed: 0 passed: 12
test result: ok. 3 passed; 0 failed; 0 ignored
Tests: 0 failed, 12 passed
Success: no issues found in 12 source files
no issues
nenhum problema encontrado
sem problemas
issue #12
All checks passed!
fixed the error
Fixed 3 errors
fix: error in the parser
I fixed an error in the parser
3 errors fixed
Found 3 errors (3 fixed, 0 remaining).
corrigi o erro
Corrigi 2 erros
2 erros corrigidos
erro de digitação corrigido
os erros foram corrigidos
the error has been resolved
removed deprecated calls
error handling
added error handling to the client
improved error messages
3 error messages reworded
tratamento de erros
TRATAMENTO DE ERROS
mensagem de erro melhorada
página de erro
tolerância a falhas
test_error_path PASSED
tests/test_errors.py::test_error_path PASSED [ 10%]
test_failures (tests.X) ... ok
errors.py
src/conselho/errors.py
edited src/errors.py and tests/test_errors.py
error_count
$error
--no-error
console.error(x)
std::error::Error
on_error
is_error=false
terrorismo
mirror
errorless
terror
failsafe
fail-safe
fail fast
unfailing
prewarning
pass/fail
mirrors: 12
✓ shows an error when it fails (3 ms)
ok 3 - returns an error
PASS src/error.test.ts
--- PASS: TestErrorPath (0.00s)
✅ sem erros
if an error occurs, it is retried
if the build failed we would know
se ocorrer um erro, avise
em caso de erro, tente de novo
in case of failure call us
this may cause errors
pode causar erros
avoids errors
checking for errors
verificando erros
critical path
everything passes, with the exception of nothing
Obrigado pela atenção
Model metadata for `mock-model` not found. Defaulting to fallback; this can degrade performance and cause issues.
All done: OK
hi-from-tool
os testes passaram
we did not pass the flag
VERDICT: {"severity": "success|warning|error", "summary": "…"}
severity success
Build concluído
Errors........: 0
Errors → 0
{"errors": 0, "warnings": 0}
{"failed": 0, "passed": 12}
free from errors
inexistência de erros
nothing is broken
not failing
no exceptions were raised
não existem erros
there were neither errors nor warnings
nem erros nem avisos
sem "erros"
**0** errors
**0 errors**
não quebrou
o build não quebrou
não introduz erros
no new errors introduced
0 critical, 0 high, 0 moderate
12 examples, 0 failures
0 problems (0 errors, 0 warnings)
Errors: 0 | Warnings: 0
100% passed, 0% failed
Fixed all 3 errors
Resolved: error in the parser
non-fatal
without a single error
No tests failed and no errors were reported
it raises an error when the input is empty
a função retorna um erro nesse caso
checking for any errors
I hit an error and fixed it
the error was caught
retries on failure
the main error path looks fine
its status is `failed` then
the `error` field
all were read, with one exception
todos passaram, com exceção do último
nenhuma falha
nenhuma vulnerabilidade encontrada
terrorism
0 falhas
0 failures
without errors
without failures
todos os testes passaram
all tests passed
no warnings
nenhum aviso
0 warnings
errors were fixed
no problems detected
nenhum problema detectado
não houve erros
there were no errors
not a single failure
não encontrei nenhuma falha
"""
