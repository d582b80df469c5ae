//! The runbook of the README and of ehl(1): each line is run as it stands there, in each situation that it names, and ends with the
//! exit status that is shown. Only the time is shorter.

mod support;

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use support::can_run;
use support::capture::{Capture, binary};
use support::heads::get;
use support::netns::Netns;
use support::nginx::Nginx;
use support::pcap::pcap;
use support::segment::Conversation;

/// A question, what is typed, and how it ends in which situations.
#[derive(Debug, PartialEq)]
struct Entry {
    question: String,
    command: String,
    ends: Vec<(i32, Situation)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Situation {
    /// Requests are answered.
    Normal,
    Silence,
    Failures,
    Damage,
    OrdinaryUser,
}

impl Situation {
    fn named(words: &str) -> Self {
        match words {
            "" => Self::Normal,
            "without traffic" => Self::Silence,
            "when requests fail" => Self::Failures,
            "of a damaged file" => Self::Damage,
            "as an ordinary user" => Self::OrdinaryUser,
            _ => panic!("no test makes the situation {words:?}"),
        }
    }
}

impl Entry {
    /// Of `QUESTION [STATUS; STATUS SITUATION]` and what follows it.
    fn new(heading: &str, command: &str) -> Self {
        let (question, ends) = heading.trim_end_matches(']').rsplit_once(" [").unwrap_or_else(|| panic!("no exit status: {heading}"));
        let end = |end: &str| {
            let (status, situation) = end.split_once(' ').unwrap_or((end, ""));
            (status.parse().expect("a number"), Situation::named(situation))
        };
        Self { question: question.to_owned(), command: command.to_owned(), ends: ends.split("; ").map(end).collect() }
    }
}

fn repository_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn in_readme() -> Vec<Entry> {
    let readme = repository_file("README.md");
    let (_, section) = readme.split_once("\n## Runbook\n").expect("a section");
    let code = section.split("```").nth(1).expect("code");
    let lines: Vec<_> = code.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.chunks(2).map(|pair| Entry::new(pair[0].trim_start_matches("# "), pair[1])).collect()
}

fn in_manual() -> Vec<Entry> {
    let manual = repository_file("man/ehl.1").replace("\\-", "-").replace("\\(aq", "'");
    let (_, section) = manual.split_once("\n.SH RUNBOOK\n").expect("a section");
    let section = section.split("\n.SH ").next().unwrap_or(section);
    let lines: Vec<_> = section.lines().filter(|line| !line.starts_with('.')).skip_while(|line| !line.ends_with(']')).collect();
    lines.chunks(2).map(|pair| Entry::new(pair[0], pair[1])).collect()
}

#[test]
fn readme_and_manual_have_the_same_ten_questions() {
    assert_eq!(in_readme(), in_manual());
    assert_eq!(in_readme().len(), 10);
}

#[test]
fn each_line_ends_as_it_says() {
    if !can_run(&["nginx", "setpriv"]) {
        return;
    }
    for Entry { question, command, ends } in in_readme() {
        for (status, situation) in ends {
            let outcome = run(&command, situation);
            assert_eq!(outcome.code, Some(status), "{question} {command:?} in {situation:?}:\n{outcome}");
        }
    }
}

/// Runs a line in a folder of its own, with `night.pcap` in it, while a client talks to nginx or is silent.
fn run(line: &str, situation: Situation) -> support::outcome::Outcome {
    let netns = Netns::new();
    let _nginx = Nginx::start(&netns, "");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the folder is ours");
    let program = folder.path().join("ehl");
    std::fs::copy(binary(), &program).expect("the program can be copied");
    std::fs::write(folder.path().join("night.pcap"), night(situation)).expect("a file");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if situation != Situation::Silence {
            scope.spawn(|| netns.run(|| talk(situation, &over)));
        }
        let mut command = in_shell(&netns, situation);
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
        command.current_dir(folder.path()).env("PATH", path).args(["sh", "-c", &shortened(line)]);
        let outcome = Capture::spawn(&mut command).finish();
        over.store(true, Relaxed);
        outcome
    })
}

/// Two seconds instead of whatever it says.
fn shortened(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let is_time = |place: usize| place > 0 && words[place - 1] == "--for";
    let kept = words.iter().enumerate().map(|(place, word)| if is_time(place) { "2s" } else { word });
    let line = kept.collect::<Vec<_>>().join(" ");
    if line.contains("--for ") || line.contains("--read ") { line } else { format!("{line} --for 2s") }
}

fn in_shell(netns: &Netns, situation: Situation) -> Command {
    if situation == Situation::OrdinaryUser {
        let mut command = netns.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        return command;
    }
    netns.command("env")
}

/// A request every few milliseconds.
fn talk(situation: Situation, over: &AtomicBool) {
    let status = if situation == Situation::Failures { 503 } else { 200 };
    let mut client = TcpStream::connect("127.0.0.1:8080").expect("nginx listens");
    let mut answer = [0; 4096];
    while !over.load(Relaxed) {
        write!(client, "GET /s{status}/1 HTTP/1.1\r\nHost: api.example\r\nX-Tenant: acme\r\n\r\n").expect("nginx reads");
        assert!(client.read(&mut answer).expect("nginx answers") > 0);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn night(situation: Situation) -> Vec<u8> {
    let mut talk = Conversation::new(2000);
    let mut segments = talk.open().to_vec();
    segments.extend([talk.request(get("/users/1")), talk.response(support::heads::answer(200))]);
    let mut file = pcap(&segments);
    if situation == Situation::Damage {
        file.truncate(file.len() - 10);
    }
    file
}
