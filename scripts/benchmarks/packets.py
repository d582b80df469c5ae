"""What the packet probes take per packet, and what they leave of a wire's throughput."""

import json

from benchmarks.building import bench, has_cargo
from benchmarks.observers import EhlFlows, EhlRows, TcpdumpNull
from benchmarks.pair import Pair
from benchmarks.processes import progress
from benchmarks.report import figure


def packets(options):
    """cli/benches/packets.rs. All its time is the kernel's."""
    if not has_cargo("packets"):
        return []
    progress("packets")
    measured = json.loads(bench("packets", options=options, is_optimised=False))["figures"]
    counting = {(one["hook"], one["packet"]): one["ns"] for one in measured if one["subject"] == "count"}
    figures = []
    for one in measured:
        subject = f"{one['hook']}, {one['subject']}"
        figures.append(figure("packets", subject, f"{one['packet']}, ns", one["ns"]))
        if one["subject"] not in ("empty", "count"):
            ratios = [ours / count for ours, count in zip(one["ns"], counting[one["hook"], one["packet"]])]
            figures.append(figure("packets", subject, f"{one['packet']}, times counting", ratios))
    return figures


def traffic(ehl, scratch, options):
    figures = []
    with Pair(scratch) as pair:
        near = pair.near
        flows = [EhlFlows(ehl, near), EhlFlows(ehl, near, "xdp-headers")]
        subjects = [None, *flows, EhlRows(ehl, near), TcpdumpNull(near)]
        for kind in ("tcp", "udp"):
            pair.load(kind, 1)
            runs = {}
            for number in range(options.rounds):
                for place in range(len(subjects)):
                    subject = subjects[(place + number) % len(subjects)]
                    name = subject.name if subject else "nothing"
                    progress(f"packets: {kind}: round {number + 1} of {options.rounds}: {name}")
                    runs.setdefault(name, {})[number] = pair.observed(subject, kind, options.seconds)
            figures += traffic_figures(kind, runs)
    return figures


def traffic_figures(kind, runs):
    nothing = runs["nothing"]
    unit = "Gbit/s" if kind == "tcp" else "thousand packets per second"
    figures = [figure("packets", "nothing", f"{kind}, {unit}", [run["rate"] for run in nothing.values()])]
    for name, of_name in runs.items():
        if name == "nothing":
            continue
        kept = [100 * run["rate"] / nothing[number]["rate"] for number, run in of_name.items()]
        figures.append(figure("packets", name, f"{kind}, throughput kept, %", kept))
        figures.append(figure("packets", name, f"{kind}, CPU, s", [run["cpu_s"] for run in of_name.values()]))
        lost = [100 * run["lost"] / max(run["packets"], 1) for run in of_name.values()]
        figures.append(figure("packets", name, f"{kind}, lost, % of packets", lost))
    return figures
