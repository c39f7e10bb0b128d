"""``routeserver show``: routes and why they are what they are, peers, the FIB; from the running
server."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import BAD, FAINT, GOOD, ODD, STRONG

ROUTE_COUNTS: Final = (
    ("routes", "in all"),
    ("held", "held"),
    ("rejected", "rejected"),
    ("discarded", "discarded over the limit"),
)

show = typer.Typer(help="Look at routes and peers of the running server.", no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many lines at most.")]
After = Annotated[
    str | None,
    typer.Option(metavar="POSITION", help="Go on behind this line; the list before says it."),
]
Peer = Annotated[str | None, typer.Option(metavar="RSP", help="Only the routes of this peer.")]


@show.command("route")
def show_route(  # noqa: PLR0917 - one for each flag
    prefix: Annotated[
        str | None,
        typer.Argument(metavar="[PREFIX|ADDRESS]", help="A prefix, or an address to look up."),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Every path: which won, where the others lost.")
    ] = False,
    longer: Annotated[
        bool, typer.Option("--longer", help="The prefix and all longer ones inside it.")
    ] = False,
    route_server: flags.RouteServer = None,
    peer: Peer = None,
    limit: Limit = 100,
    after: After = None,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Show the routes of a prefix or an address, or list all."""
    operator = Operator.of(data_dir, config)
    if prefix is None and why:
        raise typer.BadParameter("--why needs a prefix or an address")
    if prefix is None or longer or peer is not None:
        if prefix is not None and not longer:
            raise typer.BadParameter("--peer lists routes; give --longer to list inside a prefix")
        _list(
            operator,
            as_json=json,
            route_server=route_server,
            peer=peer,
            within=prefix,
            limit=limit,
            after=after,
        )
        return
    answer = operator.ask("show-route", prefix=prefix, route_server=route_server)
    if json:
        printing.as_json(answer)
    else:
        _print_routes(answer, why=why)
    if not answer["routes"]:
        raise typer.Exit(1)


@show.command("fib")
def show_fib(  # noqa: PLR0917 - one for each flag
    prefix: Annotated[
        str | None, typer.Argument(metavar="[PREFIX]", help="Only what lies inside this prefix.")
    ] = None,
    route_server: flags.RouteServer = None,
    peer: Peer = None,
    limit: Limit = 100,
    after: After = None,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """List the best path of each prefix."""
    _list(
        Operator.of(data_dir, config),
        as_json=json,
        fib=True,
        route_server=route_server,
        peer=peer,
        within=prefix,
        limit=limit,
        after=after,
    )


@show.command("peers")
def show_peers(
    route_server: flags.RouteServer = None,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """List the peers: sessions, routes, the last error."""
    answer = Operator.of(data_dir, config).ask("show-peers", route_server=route_server)
    if json:
        printing.as_json(answer)
        return
    headings = ["peer", "address", "asn", "bgp", "bfd", "since"]
    headings += ["routes", "held", "rejected", "agreed", "last error"]
    rows = [
        (
            peer["id"],
            peer["address"],
            str(peer["asn"]),
            _state(peer["bgp"]),
            _state(peer["bfd"]),
            "never" if peer["since"] is None else printing.duration(answer["now"] - peer["since"]),
            f"{peer['routes']:,}",
            f"{peer['held']:,}",
            f"{peer['rejected']:,}",
            Text(" ".join(peer["agreed"]), FAINT),
            Text(peer["last_error"] or "", FAINT if peer["bgp"] == "up" else BAD),
        )
        for peer in answer["peers"]
    ]
    printing.console().print(printing.table(headings, rows))


@show.command("peer")
def show_peer(
    peer: Annotated[str, typer.Argument(metavar="RSP", help="The peer's id.")],
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Show everything of one peer: session, capabilities, settings in force."""
    answer = Operator.of(data_dir, config).ask("show-peer", peer=peer)
    if json:
        printing.as_json(answer)
        return
    _print_peer(printing.console(), answer["peer"], answer["now"])


def _state(state: str | None) -> Text:
    return Text(state or "-", {"up": GOOD, "down": BAD}.get(state or "", FAINT))


# --- routes ---------------------------------------------------------------------------------------


def _list(operator: Operator, *, as_json: bool, **params: object) -> None:
    answer = operator.ask("list-routes", **params)
    if as_json:
        printing.as_json(answer)
        return
    rows = [
        (
            Text("*" if row["in_fib"] else " ", GOOD),
            row["prefix"],
            row["next_hop"],
            "-" if row["med"] is None else str(row["med"]),
            printing.as_path(row["as_path"]),
            row["origin"],
            row["peer"],
            row["route_server"],
            Text("stale" if row["stale"] else "", ODD),
        )
        for row in answer["routes"]
    ]
    console = printing.console()
    headings = ("", "prefix", "next hop", "med", "as path", "origin", "peer", "route server", "")
    console.print(printing.table(headings, rows))
    if answer["next"] is not None:
        console.print(Text(f"There is more: --after '{answer['next']}'", FAINT))


def _print_routes(answer: Any, *, why: bool) -> None:
    console = printing.console()
    if not answer["routes"]:
        console.print(f"No route server has a path for {answer['asked']}.")
    for number, route in enumerate(answer["routes"]):
        if number:
            console.print()
        _print_route(console, route, answer["now"], why=why)


def _print_route(console: Console, route: Any, now: float, *, why: bool) -> None:
    console.print(printing.line((route["prefix"], STRONG), "  ", (route["route_server"], FAINT)))
    if why and route["changed_at"] is not None:
        changed = printing.ago(route["changed_at"], now)
        console.print(Text(f"  best path last changed {changed}", FAINT))
    if route["refused"] is not None:
        console.print(printing.line("  ", ("not in the FIB: ", BAD), route["refused"]))
    for path in route["paths"]:
        if why or path["state"] == "best":
            _print_path(console, path)
            if why:
                console.print(Text(f"      {_verdict(path, route['refused'])}", FAINT))
    hidden = len(route["paths"]) - 1
    if not why and hidden > 0:
        console.print(Text(f"  {hidden} more path(s); --why explains them", FAINT))
    for place in route["route_tables"]:
        if place["installed"]:
            console.print(printing.line("  ", ("installed", GOOD), f" in {place['route_table']}"))
        else:
            console.print(
                printing.line(
                    "  ", ("not installed", BAD), f" in {place['route_table']}: {place['reason']}"
                )
            )


def _print_path(console: Console, path: Any) -> None:
    mark, style = {"best": ("▶", GOOD), "rejected": ("✗", BAD)}.get(path["state"], (" ", ""))
    med = "-" if path["med"] is None else path["med"]
    text = printing.line(
        "  ",
        (mark, style),
        " ",
        (path["peer"], style),
        f" via {path['next_hop']}, AS path {printing.as_path(path['as_path'])}, {path['origin']}, ",
        f"MED {med}",
    )
    if path["preference"] != 100:
        text.append(f", preference {path['preference']}")
    if path["communities"]:
        text.append(f", communities {' '.join(path['communities'])}")
    if path["stale"]:
        text.append(", held: its session is gone", ODD)
    console.print(text)


def _verdict(path: Any, refused: str | None) -> str:
    match path["state"]:
        case "best":
            return "the best path"
        case "rejected":
            return f"rejected: {path['reason']}"
        case "lost":
            lost = path["lost_at"]
            if not lost["step"]:
                return "not decided yet"
            return (
                f"lost at step {lost['step']}, {lost['name']}: "
                f"{lost['own']} against {lost['winner']}"
            )
        case _:
            return "refused: the FIB is full" if refused else "not decided yet"


# --- one peer -------------------------------------------------------------------------------------


def _print_peer(console: Console, peer: Any, now: float) -> None:
    console.print(
        printing.line((peer["id"], STRONG), f"  {peer['address']}  AS {peer['asn']}  ")
        + _state(peer["bgp"])
    )
    since = "never" if peer["since"] is None else printing.ago(peer["since"], now)
    rows = [
        ("route server", peer["route_server"]),
        ("endpoint", f"{peer['endpoint']} ({peer['endpoint_address']})"),
        ("resource state", peer["resource_state"]),
        ("bgp", f"{peer['bgp']} since {since}, {peer['times_down']} time(s) down"),
        ("bfd", peer["bfd"] or "not used"),
        ("routes", ", ".join(f"{peer[name]:,} {what}" for name, what in ROUTE_COUNTS)),
    ]
    if peer["last_error"] is not None:
        rows.append(
            ("last error", f"{peer['last_error']}, {printing.ago(peer['last_error_at'], now)}")
        )
    if peer["failure_reason"] is not None:
        rows.append(("failure", peer["failure_reason"]))
    if peer["import_pending"]:
        rows.append(("policy", "pending: new import rules are being applied to its routes"))
    if peer["refresh_asked_at"] is not None:
        asked = printing.ago(peer["refresh_asked_at"], now)
        rows.append(("policy", f"pending: it was asked for its routes again, {asked}"))
    if peer["recorded"]:
        rows.append(("record", "its sessions are being recorded"))
    if peer["settings_problem"] is not None:
        rows.append(("settings", peer["settings_problem"]))
    if not peer["settings_in_force"]:
        rows.append(("settings", "being brought into force"))
    negotiated = peer["negotiated"] or {}
    rows += [(f"  {name}", printing.plain(value)) for name, value in negotiated.items()]
    console.print(printing.table((), rows))
    print_settings(console, peer["settings"])


def print_settings(console: Console, settings: Any) -> None:
    rows = [
        (
            name,
            printing.plain(found["value"]),
            Text(found["from"], FAINT if found["from"].startswith("profile") else GOOD),
        )
        for name, found in settings.items()
    ]
    console.print(printing.table(("setting", "value", "from"), rows))
