"""The same within TLS."""

from benchmarks.load import by_subject, interleaved_with_nothing, kept_figures
from benchmarks.observers import BpftraceTls, EhlTls, Sslsnoop, attachable
from benchmarks.report import figure
from benchmarks.servers import NginxTls


def tls(ehl, scratch, captures, options):
    with NginxTls(scratch) as nginx:
        peers = [BpftraceTls(nginx.worker), Sslsnoop()]
        subjects = [EhlTls(ehl, nginx.master), *attachable(peers, scratch)]
        nothing, runs = interleaved_with_nothing("tls", nginx.load, subjects, captures, options)
    figures = kept_figures("tls", nothing, runs)
    figures.insert(1, figure("tls", "nothing", "nginx's CPU per request, ns", [run["nginx_ns"] for run in nothing]))
    ours = {run.round: run.kept() for run in runs if run.subject == EhlTls.name}
    for name, of_name in by_subject(runs):
        figures.append(figure("tls", name, "nginx's CPU added per request, ns", [run.added_ns() for run in of_name]))
        if name != EhlTls.name:
            factors = [ours[run.round] / run.kept() for run in of_name]
            figures.append(figure("tls", EhlTls.name, f"requests kept, times those under {name}", factors))
    subjects = list(dict.fromkeys(one["subject"] for one in figures))
    return sorted(figures, key=lambda one: subjects.index(one["subject"]))
