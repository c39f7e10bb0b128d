"""``routeserver lab``: a lab from a file: build it, send packets, make appliances fail, heal them,
look, take it down."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer
from rich.text import Text

from routeserver.cli import flags, printing
from routeserver.cli.api_client import ApiClient
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import BAD, FAINT, GOOD, ODD, STRONG
from routeserver.lab import building, examples, journal, looking, server, taking_down, traffic
from routeserver.lab.errors import LabError
from routeserver.lab.failing import How, Patient, appliance_named
from routeserver.lab.failing import fail as fail_appliance
from routeserver.lab.failing import heal as heal_appliance
from routeserver.lab.interfaces import Access
from routeserver.lab.journal import Journal
from routeserver.lab.model import Flow, Lab
from routeserver.lab.probing import Journey
from routeserver.lab.reading import read_file
from routeserver.lab.reference import markdown

ACCESS: Final = Access(
    (sys.executable, "-P", "-m", "routeserver", "serve"),
    lambda path: ApiClient(path, "ec2"),
    Operator,
)

lab = typer.Typer(
    help="A VPC with appliances and clients in network namespaces, from one file (as root).",
    no_args_is_help=True,
)

Name = Annotated[
    str | None, typer.Option("--lab", metavar="NAME", help="Which lab, where there are several.")
]
Appliance = Annotated[str, typer.Argument(metavar="APPLIANCE", help="Its name in the file.")]


def _tell(what: str, detail: str = "") -> None:
    printing.console().print(Text.assemble(("✓ ", GOOD), (f"{what}  ", STRONG), detail))


@lab.command("up")
def up(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The lab's file, or an example's name.")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another name than the file's.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave what was built when it cannot be finished.")
    ] = False,
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="D", help="Build it in the running server of this data directory."),
    ] = None,
) -> None:
    """Build the lab, and wait until its sessions are up and its packets arrive."""
    path = examples.path_of(file)
    wanted = read_file(path, name)
    building.need_root()
    running = None if data_dir is None else Path(data_dir).absolute()
    text, said = path.read_text(), str(path)
    began = time.monotonic()
    with _ending_by_signals(), journal.opened(wanted.name) as opened:
        building.refuse(wanted, opened, ACCESS, running)
        try:
            building.build(wanted, opened, ACCESS, _tell, text=text, file=said, data_dir=running)
        except BaseException:
            if not keep:
                taking_down.take_down(opened, ACCESS, lambda *_: None)
            raise
    _tell("up", f"in {time.monotonic() - began:.1f} s; state in {opened.folder}")


@contextmanager
def _ending_by_signals() -> Iterator[None]:
    """A lab that is being built is taken down again on SIGTERM, as on Ctrl-C."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@lab.command("down")
def down(name: Name = None) -> None:
    """Take a lab down, whole or half-built; nothing of it is left. Twice is fine."""
    building.need_root()
    if name is None and not journal.known():
        typer.echo("no lab is up; nothing to do")
        return
    if name is not None and name not in journal.known():
        typer.echo(f"no lab is called {name}; nothing to do")
        return
    with journal.opened(journal.chosen(name)) as opened:
        called = opened.name
        taking_down.take_down(opened, ACCESS, _tell)
    _tell("down", f"nothing is left of {called}")


@contextmanager
def _built(name: str | None) -> Iterator[tuple[Lab, Journal]]:
    building.need_root()
    with journal.opened(journal.chosen(name)) as opened:
        if not opened.notes.is_up:
            raise LabError(
                f"the lab {opened.name} was left half-built, at: {opened.notes.last}; "
                "remove it with routeserver lab down"
            )
        yield opened.lab(), opened


@lab.command("fail")
def fail(
    appliance: Appliance,
    how: Annotated[How, typer.Option(help="In which way.")] = How.KILL,
    name: Name = None,
) -> None:
    """Make an appliance fail."""
    with _built(name) as (built, opened):
        fail_appliance(Patient(built, appliance_named(built, appliance), opened), how)
    _tell(
        f"{appliance} has failed", f"({how.value}); heal it with routeserver lab heal {appliance}"
    )


@lab.command("heal")
def heal(appliance: Appliance, name: Name = None) -> None:
    """Make a failed appliance well, and wait until its sessions are up again."""
    with _built(name) as (built, opened):
        patient = Patient(built, appliance_named(built, appliance), opened)
        operator = Operator(opened.data_dir)
        heal_appliance(patient, operator)
        building.wait_until_settled(built, opened, operator, lambda *_: None)
    _tell(f"{appliance} is well", "its sessions are up")


@lab.command("ping")
def ping(  # noqa: PLR0917 - one for each flag
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Who sends.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="To whom.")],
    count: Annotated[
        int,
        typer.Option("--count", "-c", min=0, metavar="N", help="How many packets; 0 is no end."),
    ] = 5,
    interval_s: Annotated[
        float, typer.Option("--interval", "-i", min=0.001, metavar="S", help="Seconds in between.")
    ] = 0.2,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only where the way changes.")
    ] = False,
    name: Name = None,
) -> None:
    """Send UDP packets and say by which appliance each went, there and back."""
    building.need_root()
    with journal.opened(journal.chosen(name)) as opened:
        # The lab may be changed meanwhile; that is what this command is for.
        built = opened.lab()
    journeys: list[Journey] = []
    with traffic.path(built, Flow(client, target)) as path:
        told: list[str] = []
        try:
            number = 0
            following = time.monotonic()
            while count == 0 or number < count:
                number += 1
                journeys.append(path.send(number))
                following += interval_s
                path.collect(max(0.0, following - time.monotonic()))
                _say(journeys, told, quiet, last=False)
        except KeyboardInterrupt:
            pass
        traffic.finish(path)
        _say(journeys, told, quiet, last=True)
    summary = traffic.Summary.of(journeys)
    typer.echo(str(summary))
    if summary.answered < summary.sent:
        raise typer.Exit(1)


LATE: Final = 1.0


def _say(journeys: list[Journey], told: list[str], quiet: bool, *, last: bool) -> None:
    """A line for each journey that is over; `told` has them."""
    console = printing.console()
    for journey in journeys[len(told) :]:
        if journey.returned_at is None and not last and time.time() - journey.sent_at < LATE:
            return
        way = traffic.way(journey) if journey.returned_at is not None else "lost"
        if not quiet or not told or told[-1] != way:
            console.print(_line(journey))
        told.append(way)


def _line(journey: Journey) -> Text:
    number = f"{journey.number:>5}  "
    if journey.returned_at is None:
        got = f"reached {journey.appliance}" if journey.there else "no appliance passed it on"
        if journey.arrived_at is not None:
            got = f"arrived by {traffic.way(journey)}, the answer was lost"
        return Text.assemble(number, ("lost  ", BAD), (got, FAINT))
    took_ms = (journey.returned_at - journey.sent_at) * 1000
    there = " → ".join(journey.there) or "direct"
    back = " → ".join(journey.back) or "direct"
    return Text.assemble(
        number,
        f"{took_ms:7.3f} ms  there ",
        (there, STRONG),
        "  back ",
        (back, STRONG),
        (f"  answered by {journey.answered_by}", FAINT),
    )


@lab.command("show")
def show(
    routes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Propagated routes of a table, at most.")
    ] = 20,
    as_json: flags.Json = False,
    name: Name = None,
) -> None:
    """Show sessions, routes, counters, and where packets flow now."""
    with _built(name) as (built, opened):
        api, operator = ACCESS.api(opened.data_dir), ACCESS.operator(opened.data_dir)
        seen = looking.look(built, opened, api, operator, most_routes=routes)
        folder, log = opened.folder, opened.folder / server.LOG
    if as_json:
        printing.as_json(asdict(seen))
        return
    console = printing.console()
    console.print(Text.assemble((seen.name, STRONG), (f"  {folder}, log in {log.name}", FAINT)))
    console.print()
    headings = ["appliance", "daemon", "address", "asn", "bgp", "bfd", "routes", "in", "out", ""]
    console.print(
        printing.table(
            headings,
            [
                (
                    each.name,
                    each.daemon,
                    each.address,
                    str(each.asn),
                    _state(each.bgp),
                    _state(each.bfd),
                    f"{each.routes:,}",
                    f"{each.received:,}",
                    f"{each.sent:,}",
                    Text(f"failed: {each.failed}" if each.failed else each.last_error, ODD),
                )
                for each in seen.appliances
            ],
        )
    )
    console.print()
    rows = [(r.table, r.destination, r.target, r.origin, _state(r.state)) for r in seen.routes]
    console.print(printing.table(["table", "destination", "target", "origin", "state"], rows))
    for table, number in seen.more_routes.items():
        console.print(Text(f"{table}: {number:,} propagated routes more", FAINT))
    if seen.flows:
        console.print()
        flows = [(f"{each.client} → {each.target}", each.packets) for each in seen.flows]
        console.print(printing.table(["traffic", "packets"], flows))


def _state(state: str) -> Text:
    colours = {"up": GOOD, "active": GOOD, "down": BAD, "blackhole": BAD}
    return Text(state, colours.get(state, FAINT))


@lab.command("examples")
def examples_(
    as_markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:
    """List the ready files, which 'lab up' takes by name."""
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    for example in examples.names():
        typer.echo(f"{example}  {examples.path_of(example)}")
