"""Cleartext HTTP: nginx as fast as it goes, and at a fixed rate."""

from benchmarks.load import by_subject, cost_figures, interleaved, interleaved_with_nothing, kept_figures
from benchmarks.observers import Ehl, EhlEverywhere, Ngrep, Tcpdump, Tshark
from benchmarks.report import figure
from benchmarks.servers import Nginx


def clear(ehl, scratch, captures, options):
    with Nginx(scratch) as nginx:
        port = str(nginx.port)
        subjects = [
            # As the others, who are told which interface; and once as it is without being told.
            *(Ehl(ehl, report, "-i", "lo", "--port", port) for report in ("capture", "stats", "top-headers")),
            EhlEverywhere(ehl, "capture", "--port", port),
            Tcpdump(port, captures),
            Tshark(port),
            Ngrep(port),
        ]
        nothing, full = interleaved_with_nothing("clear", nginx.load, subjects, captures, options)
        steady = interleaved("clear, fixed rate", nginx.steady_load, subjects, captures, options)
    figures = kept_figures("clear", nothing, full)
    for name, of_name in by_subject(full):
        figures.append(figure("clear", name, "peak resident, MiB", [run.peak_mib for run in of_name]))
    return figures + fixed_rate_figures(steady)


def fixed_rate_figures(runs):
    mark = "clear, fixed rate"
    tshark = {run.round: run.cpu_s / run.requests for run in runs if run.subject == Tshark.name}
    figures = []
    for name, of_name in by_subject(runs):
        figures += cost_figures(mark, name, of_name)
        if name != Tshark.name:
            ratios = [tshark[run.round] / (run.cpu_s / run.requests) for run in of_name]
            figures.append(figure(mark, name, "CPU per request, tshark's times less", ratios))
    return figures
