//! Which libraries are found to be probed, and whose TLS is said to be invisible, with real processes.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ehl::process::Proc;
use ehl::tls::target::{Found, Kind, Library, Wanted, find, running};
use support::can_run;
use support::process::Running;
use tempfile::TempDir;

/// Starts a command that says a line when it is ready, and waits for that.
fn start(command: &mut Command) -> Running {
    let mut started = Running::start(command.stdout(Stdio::piped()).stdin(Stdio::piped()));
    let mut line = String::new();
    let stdout = started.child().stdout.take().expect("stdout is a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line can be read");
    assert!(!line.is_empty(), "{command:?} ended before it was ready");
    started
}

/// Debian's own Python, which uses Debian's libssl, running `script` until its stdin ends.
fn python(script: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", &format!("{script}\nprint(flush=True)\nimport sys; sys.stdin.read()")]);
    command
}

/// Builds `program` in `folder`, which has functions of the right names inside.
fn ssl_program(folder: &Path, options: &[&str]) -> PathBuf {
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    let text = "#include <stdio.h>
        int SSL_read(void) { return 0; }
        int SSL_write(void) { return 0; }
        int main(void) { puts(\"\"); fflush(stdout); return getchar(); }";
    fs::write(&source, text).expect("it can be written");
    support::netns::run(Command::new("cc").args(options).arg("-o").arg(&program).arg(&source));
    program
}

fn of_pid(pid: u32) -> Wanted {
    Wanted { pids: vec![pid], ..Wanted::default() }
}

fn libssl(found: &Found) -> &Library {
    let libssl: Vec<_> = found.libraries.iter().filter(|library| library.shown.contains("libssl")).collect();
    assert_eq!(libssl.len(), 1, "{found:?}");
    libssl[0]
}

/// The system's libssl, wherever it is.
fn system_libssl() -> PathBuf {
    let found = find(&Wanted::default()).expect("processes can be listed");
    let library = found.libraries.iter().find(|library| library.shown.starts_with("/usr/lib/") && library.shown.contains("/libssl.so.3"));
    PathBuf::from(&library.unwrap_or_else(|| panic!("no libssl: {found:?}")).shown)
}

#[test]
fn the_library_of_a_running_process_is_found() {
    if !can_run(&["python3"]) {
        return;
    }
    let process = start(&mut python("import ssl"));
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let library = libssl(&found);
    // Others on this host may use it too.
    assert!(library.kind == Kind::SharedLibrary && library.users.contains(&process.pid()), "{library:?}");
    let opened = fs::metadata(&library.open).expect("the path can be opened");
    assert_eq!((opened.dev(), opened.ino()), (library.device, library.inode));
    let names = running(&Proc::of_this_host(), &found.libraries).names;
    assert!(names.iter().any(|(name, count)| name == "python3" && *count >= 1), "{names:?}");
}

#[test]
fn children_are_looked_into_as_well() {
    if !can_run(&["python3"]) {
        return;
    }
    let script = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import ssl; print(flush=True); import sys; sys.stdin.read()'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\nchild.stdout.readline()";
    let process = start(&mut python(script));
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let users = &libssl(&found).users;
    assert!(!users.is_empty() && !users.contains(&process.pid()), "{found:?}");
}

#[test]
fn a_deleted_library_is_found_as_deleted() {
    if !can_run(&["python3"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let copy = folder.path().join("libssl.so.3");
    fs::copy(system_libssl(), &copy).expect("libssl can be copied");
    let process = start(&mut python(&format!("import ctypes; ctypes.CDLL({:?})", copy.display().to_string())));
    fs::remove_file(&copy).expect("it can be removed");
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let library = libssl(&found);
    assert_eq!(library.shown, format!("{} (deleted)", copy.display()));
    assert_eq!(fs::read(&library.open).expect("it can be read"), fs::read(system_libssl()).expect("it can be read"));
}

#[test]
fn a_library_in_another_mount_namespace_is_found() {
    if !can_run(&["python3", "unshare", "mount"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let inside = folder.path().join("libssl.so.3");
    let script = format!(
        "mount -t tmpfs none {0} && cp {1} {2} && exec /usr/bin/python3 -c 'import ctypes, sys; ctypes.CDLL(\"{2}\"); print(flush=True); sys.stdin.read()'",
        folder.path().display(),
        system_libssl().display(),
        inside.display()
    );
    let process = start(Command::new("unshare").args(["-m", "sh", "-c", &script]));
    assert!(!inside.exists(), "nobody sees it outside");
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let library = libssl(&found);
    assert_eq!(library.shown, inside.display().to_string());
    assert_eq!(fs::read(&library.open).expect("it can be read"), fs::read(system_libssl()).expect("it can be read"));
}

/// Mounts are made in the namespace of the process alone, so that nothing that cleans up outside can reach through them.
#[test]
fn a_library_in_a_changed_root_of_another_mount_namespace_is_found() {
    if !can_run(&["python3", "unshare", "mount", "chroot"]) {
        return;
    }
    let jail = TempDir::new().expect("a folder");
    for name in ["usr", "lib", "lib64", "own"] {
        fs::create_dir(jail.path().join(name)).expect("a folder");
    }
    let copy = jail.path().join("own/libssl.so.3");
    fs::copy(system_libssl(), &copy).expect("libssl can be copied");
    let script = "for name in usr lib lib64; do mount --bind /$name $0/$name || exit; done
        exec chroot $0 /usr/bin/python3 -c 'import ctypes, sys; ctypes.CDLL(\"/own/libssl.so.3\"); print(flush=True); sys.stdin.read()'";
    let process = start(Command::new("unshare").args(["-m", "sh", "-c", script]).arg(jail.path()));
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    assert_eq!(libssl(&found).inode, fs::metadata(&copy).expect("the copy is there").ino(), "{found:?}");
}

#[test]
fn a_program_in_a_changed_root_is_found() {
    if !can_run(&["cc", "chroot"]) {
        return;
    }
    let jail = TempDir::new().expect("a folder");
    let program = ssl_program(jail.path(), &["-static"]);
    let process = start(Command::new("chroot").arg(jail.path()).arg("/program"));
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let [library] = &found.libraries[..] else { panic!("{found:?}") };
    assert_eq!((library.kind, library.inode), (Kind::Executable, fs::metadata(&program).expect("it is there").ino()));
}

#[test]
fn one_layer_under_two_overlays_is_one_library() {
    if !can_run(&["python3", "unshare", "mount"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let lower = folder.path().join("lower");
    fs::create_dir(&lower).expect("a folder");
    fs::copy(system_libssl(), lower.join("libssl.so.3")).expect("libssl can be copied");
    let merged = folder.path().join("merged");
    fs::create_dir(&merged).expect("a folder");
    let script = format!(
        "mount -t overlay none -o lowerdir={0}:/usr/share/man {1} && exec /usr/bin/python3 -c 'import ctypes, sys; ctypes.CDLL(\"{1}/libssl.so.3\"); print(flush=True); sys.stdin.read()'",
        lower.display(),
        merged.display()
    );
    let both = [(); 2].map(|()| start(Command::new("unshare").args(["-m", "sh", "-c", &script])));
    let pids = both.each_ref().map(Running::pid);
    let found = find(&Wanted { pids: pids.to_vec(), ..Wanted::default() }).expect("processes can be listed");
    let mut users = pids.to_vec();
    users.sort_unstable();
    assert_eq!(libssl(&found).users, users);
}

#[test]
fn an_executable_with_the_functions_inside_is_found() {
    if !can_run(&["cc"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let program = ssl_program(folder.path(), &[]);
    let process = start(&mut Command::new(&program));
    let found = find(&of_pid(process.pid())).expect("processes can be listed");
    let [library] = &found.libraries[..] else { panic!("{found:?}") };
    assert_eq!((library.kind, &library.users[..]), (Kind::Executable, &[process.pid()][..]));
    assert_eq!(library.shown, program.display().to_string());
}

#[test]
fn a_given_library_is_the_only_one_and_has_its_users() {
    if !can_run(&["python3"]) {
        return;
    }
    let process = start(&mut python("import ssl"));
    let libssl = system_libssl();
    let found = find(&Wanted { libs: vec![libssl.clone()], ..Wanted::default() }).expect("it is a library");
    let [library] = &found.libraries[..] else { panic!("{found:?}") };
    assert_eq!((library.kind, &library.shown), (Kind::Given, &libssl.display().to_string()));
    assert!(library.users.contains(&process.pid()), "{found:?}");
}

#[test]
fn names_keep_what_others_use_out_but_not_the_systems_copies() {
    if !can_run(&["python3"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let copy = folder.path().join("libssl.so.3");
    fs::copy(system_libssl(), &copy).expect("libssl can be copied");
    let load = format!("import ctypes; ctypes.CDLL({:?})", copy.display().to_string());
    let process = start(&mut python(&format!("open('/proc/self/comm', 'w').write('a_very_long_name')\n{load}")));
    let of = |name: &str| find(&Wanted { comm: vec![name.into()], ..Wanted::default() }).expect("processes can be listed");
    let has_copy = |found: &Found| found.libraries.iter().any(|library| library.users == [process.pid()]);
    let has_system = |found: &Found| found.libraries.iter().any(|library| Path::new(&library.shown) == system_libssl());
    for name in ["a_very_long_nam", "a_very_long_name_that_goes_on"] {
        let found = of(name);
        assert!(has_copy(&found) && has_system(&found), "{name}: {found:?}");
    }
    let found = of("another");
    assert!(!has_copy(&found) && has_system(&found), "{found:?}");
}

#[test]
fn a_scan_of_the_host_is_bounded() {
    if !can_run(&[]) {
        return;
    }
    let since = Instant::now();
    let found = find(&Wanted::default()).expect("processes can be listed");
    // Without optimisation, on a busy machine; what it takes otherwise is for the benchmarks.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}: {found:?}", since.elapsed());
}
