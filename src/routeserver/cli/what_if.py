"""``routeserver what-if``: what would move, and what would be lost, if peers or endpoints went."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import BAD, FAINT, ODD, STRONG


def what_if(  # noqa: PLR0917 - one for each flag
    peer_down: Annotated[
        list[str] | None,
        typer.Option(metavar="RSP", help="As if this peer were gone; may be given repeatedly."),
    ] = None,
    endpoint_down: Annotated[
        list[str] | None,
        typer.Option(metavar="RSE", help="As if all peers of this endpoint were gone."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, max=100_000, metavar="N", help="How many prefixes to list.")
    ] = 20,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Say what would happen without anything happening: counts first, then prefixes."""
    if not peer_down and not endpoint_down:
        raise typer.BadParameter("name a peer with --peer-down or an endpoint with --endpoint-down")
    answer = Operator.of(data_dir, config).ask(
        "what-if", peers_down=peer_down, endpoints_down=endpoint_down, limit=limit
    )
    if json:
        printing.as_json(answer)
        return
    console = printing.console()
    down = ", ".join(answer["down"]) or "nobody"
    console.print(printing.line("Without ", (down, STRONG), ":"))
    for server in answer["route_servers"]:
        _print_server(console, server)


def _print_server(console: Console, server: Any) -> None:
    console.print()
    console.print(
        printing.line(
            (server["route_server"], STRONG),
            "  ",
            (f"{server['moved']:,} would move", ODD if server["moved"] else FAINT),
            ", ",
            (f"{server['lost']:,} would be lost", BAD if server["lost"] else FAINT),
            f", {server['unaffected']:,} would stay",
        )
    )
    for note in server["notes"]:
        console.print(Text(f"  {note}", FAINT))
    for move in server["moves"]:
        console.print(
            printing.line(
                f"  {move['prefixes']:,}  {move['from']} → ",
                (move["to"], ODD) if move["to"] else ("lost", BAD),
            )
        )
    for table in server["route_tables"]:
        console.print(
            printing.line(
                (f"  {table['route_table']}", STRONG),
                f"  {table['moved']:,} would move to another interface, {table['lost']:,} would "
                f"be lost, {table['kept']:,} would keep theirs",
            )
        )
    rows = [
        (
            f"  {each['prefix']}",
            each["from"],
            Text(each["to"], ODD) if each["to"] else Text("lost", BAD),
            Text(_behind(each), FAINT),
        )
        for each in server["prefixes"]
    ]
    if rows:
        console.print(printing.table(("  prefix", "from", "to", ""), rows))
    rest = server["moved"] + server["lost"] - len(rows)
    if rest:
        console.print(Text(f"  and {rest:,} more; --limit shows more of them", FAINT))


def _behind(moved: Any) -> str:
    behind = moved.get("was_behind_at")
    if not behind or not behind["step"]:
        return ""
    return (
        f"is behind at step {behind['step']}, {behind['name']}: "
        f"{behind['own']} against {behind['winner']}"
    )
