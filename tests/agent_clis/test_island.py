"""On the island a server runs, its model answers, and the world cannot be reached."""

from tests.agent_clis.cli_house import CliHouse, texts

# Documentation addresses, which nobody has, and the model; `bash` because it opens sockets without another program.
REACH = 'for each in 192.0.2.1/80 2001:db8::1/80 "$MODEL"; do echo > "/dev/tcp/$each" && echo "$each"; done'


def test_nothing_but_loopback_is_reached_from_a_run(cli_house: CliHouse) -> None:
    model = cli_house.model([])
    place = model.url.removeprefix("http://").replace(":", "/")
    server = cli_house.serve()
    answer = server.http.post("/executions", json={"argv": ["bash", "-c", REACH], "env": {"MODEL": place}})
    assert answer.status_code == 202, answer.text
    execution_id = answer.json()["id"]
    server.end_of(execution_id)
    lines = server.log(execution_id)
    assert texts(lines, "stdout") == [place]
    assert sum("Network is unreachable" in text for text in texts(lines, "stderr")) >= 2
