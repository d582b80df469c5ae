use std::time::Duration;

use clap::{CommandFactory, error::ErrorKind};

use super::*;

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn no_arguments_print_help_and_exit_2() {
    let error = Cli::try_parse_from(["ehl"]).expect_err("help");
    assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("top-headers"), "{error}");
}

#[test]
fn the_version_is_printed_with_exit_0() {
    let error = Cli::try_parse_from(["ehl", "--version"]).expect_err("version");
    assert_eq!(error.exit_code(), 0);
    assert_eq!(error.to_string(), concat!("ehl ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn only_subcommands_of_this_version_exist() {
    let cli = Cli::command();
    let names: Vec<_> = cli.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(
        names,
        ["capture", "sock-http", "ssl-uprobe", "xdp-headers", "tc-headers", "flows", "top-headers", "stats", "latency", "probes", "demo"]
    );
}

#[test]
fn a_bare_capture_watches_everything_for_ten_seconds() {
    let Capture { probe, exchanges, packets, sampling } = capture(&[]);
    assert_eq!(probe, ProbeName::SockHttp);
    let ExchangeCapture { http, headers, output, limits, gates } = exchanges;
    let Http { watch, events, processes, selection, secrets } = http;

    let Watch { run_time, read, interfaces, netns, ports, nets, probe_cost } = watch;
    assert_eq!((run_time, read, netns), (None, None, None));
    let Events { count, ring_size } = events;
    assert_eq!(ring_size, RingSize(8 << 20));
    assert!(count.is_none() && interfaces.is_empty() && ports.is_empty() && nets.is_empty());
    assert!(!probe_cost);
    let Processes { pids, comms, libs } = processes;
    assert!(pids.is_empty() && comms.is_empty() && libs.is_empty());

    let Packets { protocols, tcp_flags, direction, mode } = packets;
    assert!(protocols.is_empty() && tcp_flags.is_none() && direction.is_none() && mode.is_none());
    assert_eq!(sampling.sample.get(), 1);

    let Selection { methods, paths, hosts, statuses, slower_than } = selection;
    assert!(methods.is_empty() && paths.is_empty() && hosts.is_empty() && statuses.is_empty());
    assert!(slower_than.is_none());

    let Output { format, file, columns, sort, no_heading, quiet, color, verbose } = output;
    assert_eq!((format, secrets.redact, color), (Format::Table, Redact::Mask, Color::Auto));
    assert!(file.is_none() && columns.is_empty() && sort.is_none());
    assert!(!no_heading && !quiet && !verbose);

    let Gates { expect_min, fail_on_loss, fail_if } = gates;
    assert!(expect_min.is_none() && !fail_on_loss && fail_if.is_empty());
    assert!(headers.is_empty() && limits.top.is_none());
    assert_eq!(limits.max_rows.0.get(), 100_000);
}

#[test]
fn lists_add_up_over_commas_and_repetition() {
    let Capture { exchanges, .. } = capture(&[
        "--port=80,8000-8999",
        "--port=443",
        "--net=10.0.0.0/8",
        "--net=::1",
        "-ilo",
        "--interface=eth0",
        "--method=GET,post",
        "--status=404,5xx",
        "--status=200-299",
        "--path=/v1/*,/health",
        "--host=api,*.internal",
        "--header=x-request-id",
        "--header=response:Server",
        "--columns=time,path",
        "--columns=status",
    ]);
    let ExchangeCapture { http: Http { watch, selection, .. }, headers, output, .. } = exchanges;
    assert_eq!(watch.ports.len(), 3);
    assert_eq!(watch.ports[1], PortRange(8000..=8999));
    assert_eq!(watch.nets.len(), 2);
    assert_eq!(watch.interfaces, ["lo", "eth0"]);
    assert_eq!(selection.methods, ["GET", "post"].map(|m| Method(m.to_owned())));
    assert_eq!(selection.statuses, [404..=404, 500..=599, 200..=299].map(StatusRange));
    assert_eq!(selection.paths, ["/v1/*", "/health"].map(|p| PathPattern(p.to_owned())));
    assert_eq!(selection.hosts, ["api", "*.internal"].map(|h| HostPattern(h.to_owned())));
    assert_eq!(headers[1].to_string(), "response:server");
    assert_eq!(output.columns, ["time", "path", "status"]);
}

#[test]
fn sock_http_is_a_capture_without_the_choice_of_probe() {
    let Command::SockHttp(exchanges) = parse(&["sock-http", "--for=1s", "--count=3"]) else {
        panic!("another command");
    };
    assert_eq!(exchanges.http.watch.run_time, Some(RunTime(Duration::from_secs(1))));
    assert_eq!(exchanges.http.events.count.map(|n| n.0.get()), Some(3));
    refused(&["sock-http", "--probe=sock-http"], "unexpected argument '--probe'");
}

#[test]
fn top_headers_ranks_twenty_elements_with_five_values_each() {
    let Command::TopHeaders(typed) = parse(&["top-headers"]) else { panic!("another command") };
    assert_eq!((typed.top.0.get(), typed.values, typed.direction), (20, 5, Messages::Both));
}

#[test]
fn short_names_of_packet_probes_take_what_is_about_packets() {
    let Command::TcHeaders(typed) = parse(&["tc-headers", "--protocol=tcp,47", "--protocol=arp", "--tcp-flags=syn,!ack", "--sample=10"])
    else {
        panic!("another command")
    };
    assert_eq!(
        (typed.packets.protocols, typed.packets.tcp_flags.as_deref()),
        (["tcp", "47", "arp"].map(str::to_owned).to_vec(), Some("syn,!ack"))
    );
    assert_eq!((typed.sampling.sample.get(), typed.packets.direction), (10, None));
    for typed in ["--method=GET", "--pid=1", "--redact=off", "--header=x"] {
        refused(&["tc-headers", typed], "unexpected argument");
    }
    refused(&["sock-http", "--protocol=tcp"], "unexpected argument");
    refused(&["xdp-headers", "--sample=0"], "invalid value '0' for '--sample <N>'");
    refused(&["tc-headers", "--read=x", "--direction=ingress"], "cannot be used with");
}

#[test]
fn flows_are_told_apart_by_their_tuple() {
    let Command::Flows(typed) = parse(&["flows"]) else { panic!("another command") };
    assert_eq!((typed.probe, typed.by, typed.max_flows), (ProbeName::TcHeaders, By::Tuple, 65_536));
    refused(&["flows", "--by=host"], "invalid value 'host' for '--by <KEY>'");
    refused(&["flows", "--max-flows=0"], "invalid value '0' for '--max-flows <N>'");
    refused(&["flows", "--count=1"], "unexpected argument");
}

#[test]
fn a_demo_is_short_and_chooses_its_port() {
    let Command::Demo(demo) = parse(&["demo"]) else { panic!("another command") };
    assert_eq!(demo.run_time, RunTime(Duration::from_secs(5)));
    assert_eq!((demo.port, demo.format, demo.quiet), (None, Format::Table, false));
}

#[test]
fn probes_prints_a_table_or_json() {
    let Command::Probes(probes) = parse(&["probes", "--format=json", "-v"]) else {
        panic!("another command");
    };
    assert_eq!((probes.format, probes.verbose), (ListFormat::Json, true));
    refused(&["probes", "--format=csv"], "invalid value 'csv'");
}

#[test]
fn bad_usage_exits_2_and_names_option_value_and_remedy() {
    for (typed, expected) in [
        (&["capture", "--for", "0s"][..], "invalid value '0s' for '--for <DURATION>': this would watch for no time; write 30s"),
        (&["capture", "--for", "soon"], "invalid value 'soon' for '--for <DURATION>': not a duration; write 30s"),
        (&["capture", "--net", "10.0.0.0/33"], "invalid value '10.0.0.0/33' for '--net <CIDR>': no such prefix length; write 10.0.0.0/8"),
        (&["capture", "--port", "80,http"], "invalid value 'http' for '--port <LIST>': not a port; write ports from 1 to 65535"),
        (&["capture", "--port", "80,"], "invalid value '' for '--port <LIST>': not a port"),
        (&["capture", "--probe", "tc"], "invalid value 'tc' for '--probe <NAME>': there is no such probe; write sock-http"),
        (&["capture", "--redact", "hash"], "invalid value 'hash' for '--redact <MODE>'\n  [possible values: mask, off]"),
        (&["capture", "--format", "html"], "invalid value 'html' for '--format <FORMAT>'\n  [possible values: table, csv, json, ndjson]"),
        (&["capture", "--count", "0"], "invalid value '0' for '--count <N>': not a number of rows"),
        (&["top-headers", "--values", "101"], "invalid value '101' for '--values <N>'"),
        (&["demo", "--port", "0"], "invalid value '0' for '--port <PORT>'"),
        (&["capture", "--columns", "time,,path"], "a value is required for '--columns <LIST>'"),
        (&["capture", "--sort="], "a value is required for '--sort <COL>'"),
        (&["audit"], "unrecognized subcommand 'audit'"),
        (&["capture", "eth0"], "unexpected argument 'eth0'"),
    ] {
        refused(typed, expected);
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    refused(&["capture", "--quiet", "--verbose"], "the argument '--quiet' cannot be used with '--verbose'");
    refused(&["capture", "--for=1s", "--for=2s"], "the argument '--for <DURATION>' cannot be used multiple times");
}

#[test]
fn short_help_is_one_line_per_option() {
    for subcommand in Cli::command().get_subcommands() {
        for option in subcommand.get_arguments() {
            let help = option.get_help().expect("every option has help").to_string();
            let name = option.get_id();
            assert!(help.len() <= 64 && !help.contains('\n'), "{subcommand} {name}: {help}");
        }
    }
}

fn capture(options: &[&str]) -> Capture {
    let mut line = vec!["capture"];
    line.extend(options);
    let Command::Capture(capture) = parse(&line) else { panic!("another command") };
    capture
}

fn parse(line: &[&str]) -> Command {
    Cli::try_parse_from(["ehl"].iter().chain(line)).expect("accepted").command
}

fn refused(line: &[&str], expected: &str) {
    let error = Cli::try_parse_from(["ehl"].iter().chain(line)).expect_err("refused");
    assert_eq!(error.exit_code(), 2, "{line:?}");
    let message = error.to_string();
    assert!(message.contains(expected), "{line:?} gives:\n{message}");
}
