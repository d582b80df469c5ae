"""The same within TLS."""

from benchmarks.load import by_subject, interleaved, kept_figures
from benchmarks.observers import BpftraceTls, EhlTls, Sslsnoop, attachable
from benchmarks.report import figure
from benchmarks.servers import NginxTls


def tls(ehl, scratch, captures, options):
    with NginxTls(scratch) as nginx:
        peers = [BpftraceTls(nginx.worker), Sslsnoop()]
        subjects = [None, EhlTls(ehl, nginx.master), *attachable(peers, scratch)]
        runs = interleaved("tls", nginx.load, subjects, captures, options)
    figures = kept_figures("tls", runs)
    nothing = {run.round: run.nginx_ns for run in runs if run.subject == "nothing"}
    figures.insert(1, figure("tls", "nothing", "nginx's CPU per request, ns", nothing.values()))
    ours = {run.round: run.requests_per_s for run in runs if run.subject == EhlTls.name}
    for name, of_name in by_subject(runs):
        added = [run.nginx_ns - nothing[run.round] for run in of_name]
        figures.append(figure("tls", name, "nginx's CPU added per request, ns", added))
        if name != EhlTls.name:
            factors = [ours[run.round] / run.requests_per_s for run in of_name]
            figures.append(figure("tls", EhlTls.name, f"requests, times those under {name}", factors))
    subjects = list(dict.fromkeys(one["subject"] for one in figures))
    return sorted(figures, key=lambda one: subjects.index(one["subject"]))
