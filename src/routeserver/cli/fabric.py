"""``routeserver attach``, ``detach`` and ``show fabric``: network interfaces into namespaces and
out of them again, in the running server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import BAD, FAINT, STRONG
from routeserver.cli.show import show

Eni = Annotated[str, typer.Argument(metavar="ENI", help="The network interface's id.")]


def attach(  # noqa: PLR0917 - one for each flag
    eni: Eni,
    netns: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="The network namespace, as ip netns names it."),
    ] = None,
    pid: Annotated[
        int | None, typer.Option(min=1, metavar="PID", help="Or a process that is in it.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its name there. [default: the first free ethN]"),
    ] = None,
    default_route: Annotated[
        bool,
        typer.Option(
            "--default-route/--no-default-route",
            help="Route everything to the VPC router where there is no default route.",
        ),
    ] = True,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Plug a network interface into a network namespace: its address, MTU and route go there."""
    if (netns is None) == (pid is None):
        raise typer.BadParameter("give either --netns or --pid")
    params: dict[str, Any] = {"eni": eni, "default_route": default_route}
    params |= {"netns": netns} if netns is not None else {"pid": pid}
    if device is not None:
        params["device"] = device
    answer = Operator.of(data_dir, config).ask("attach", **params)
    if json:
        printing.as_json(answer)
    else:
        typer.echo(
            f"{answer['eni']} is {answer['device']} in {answer['netns']}: "
            f"{', '.join(answer['addresses'])}"
        )


def detach(
    eni: Eni,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Unplug a network interface from the namespace that it was attached to."""
    answer = Operator.of(data_dir, config).ask("detach", eni=eni)
    if json:
        printing.as_json(answer)
    else:
        typer.echo(f"{answer['eni']} is no longer {answer['device']} in {answer['netns']}")


@show.command("fabric")
def show_fabric(
    vpc: Annotated[
        str | None, typer.Argument(metavar="[VPC]", help="Only this VPC; all by default.")
    ] = None,
    json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Show what stands in the kernel for each VPC, by which names, and what is wrong with it."""
    answer = Operator.of(data_dir, config).ask("show-fabric", vpc=vpc)
    if json:
        printing.as_json(answer)
        return
    console = printing.console()
    console.print(printing.line("fabric ", (answer["fabric"], STRONG)))
    for each in answer["vpcs"]:
        cidrs = ", ".join(each["cidrs"])
        console.print()
        console.print(printing.line((each["vpc"], STRONG), f"  {cidrs}") + _fault(each))
        console.print(printing.table(("", "id", "device", "addresses", ""), _rows(each)))
    shown = {vpc["vpc"] for vpc in answer["vpcs"]}
    shown |= {str(row[1]) for vpc in answer["vpcs"] for row in _rows(vpc)}
    for resource_id, reason in answer["faults"].items():
        if resource_id not in shown:  # a VPC or gateway that is not there for this reason
            console.print()
            console.print(printing.line((resource_id, STRONG), "  ", (reason, BAD)))


def _rows(vpc: Mapping[str, Any]) -> Iterator[list[Text | str]]:
    for subnet in vpc["subnets"]:
        endpoints = "".join(f"  endpoint {address}" for address in subnet["endpoints"])
        where = f"{', '.join(subnet['routers'])}{endpoints}"
        yield ["subnet", subnet["subnet"], subnet["bridge"], where, _fault(subnet)]
    for port in vpc["ports"]:
        is_in = f"{port['device']} in {port['netns']}" if port["netns"] else "not attached"
        at = printing.line(
            f"{', '.join(port['addresses'])}  {is_in}",
            ("" if port["source_dest_check"] else "  no source/destination check", FAINT),
        )
        yield ["interface", port["eni"], port["port"] if port["netns"] else "", at, _fault(port)]
    if (gateway := vpc["gateway"]) is not None:
        yield [
            "gateway",
            gateway["gateway"],
            gateway["port"],
            f"outside {', '.join(gateway['outside'])}",
            _fault(gateway),
        ]
    for table in vpc["tables"]:
        yield ["table", table["route_table"], "", f"kernel table {table['number']}", _fault(table)]


def _fault(thing: Mapping[str, Any]) -> Text:
    return Text("" if thing["fault"] is None else f"  {thing['fault']}", style=BAD)
