"""How does the line read that closes the log of a run, alike for every CLI? What it took, as far as its CLI tells."""


def line(
    *,
    is_good: bool,
    turns: int | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_usd: float | None = None,
    counts_session: bool = False,
) -> str:
    """`Done after 2 turns: 5,210 tokens in, 88 out, $0.0193`; what is None is left out.

    `counts_session`: the tokens are those of the whole session.
    """
    told = "Done" if is_good else "Failed"
    if turns is not None:
        told += f" after {turns:,} turn{'' if turns == 1 else 's'}"
    counted = []
    if input_tokens is not None:
        counted.append(f"{input_tokens:,} tokens in")
    if output_tokens is not None:
        counted.append(f"{output_tokens:,} {'tokens out' if input_tokens is None else 'out'}")
    if counted and counts_session:
        counted.append("in this session so far")
    if cost_usd is not None:
        counted.append(f"${cost_usd:.4f}")
    return f"{told}: {', '.join(counted)}" if counted else told
