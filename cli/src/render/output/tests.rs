use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::unprivileged::unprivileged;
use super::*;

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn write(output: &Output, text: &str) {
    output.writer().write_all(text.as_bytes()).expect("written");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

fn names(dir: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path()).expect("readable");
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").file_name().into()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_appears_as_a_whole_and_is_private() {
    let dir = dir();
    let path = dir.path().join("rows.csv");
    let output = Output::file(&path).expect("opened");
    write(&output, "a,b\n");
    assert!(names(&dir).is_empty());
    output.commit().expect("committed");
    assert_eq!(read(&path), "a,b\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(&dir), [PathBuf::from("rows.csv")]);
}

#[test]
fn an_output_that_is_not_committed_leaves_everything_as_it_was() {
    let dir = dir();
    let old = dir.path().join("old");
    fs::write(&old, "old").expect("written");
    for name in ["old", "new"] {
        let output = Output::file(&dir.path().join(name)).expect("opened");
        write(&output, "half a resu");
        drop(output);
    }
    assert_eq!(names(&dir), [PathBuf::from("old")]);
    assert_eq!(read(&old), "old");
}

#[test]
fn a_file_that_is_there_is_replaced_and_keeps_its_mode() {
    let dir = dir();
    let path = dir.path().join("rows.csv");
    fs::write(&path, "something longer than what comes").expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
    let mut reader = File::open(&path).expect("opened");
    let output = Output::file(&path).expect("opened");
    write(&output, "new\n");
    output.commit().expect("committed");
    assert_eq!(read(&path), "new\n");
    assert_eq!(mode(&path), 0o640);
    let mut seen = String::new();
    reader.read_to_string(&mut seen).expect("read");
    assert_eq!(seen, "something longer than what comes", "who has it open still reads the old one");
}

#[test]
fn a_symbolic_link_is_followed_and_stays() {
    let dir = dir();
    fs::create_dir(dir.path().join("far")).expect("created");
    fs::write(dir.path().join("far/old"), "old").expect("written");
    for target in ["far/old", "far/new"] {
        let link = dir.path().join("link");
        symlink(target, &link).expect("linked");
        let output = Output::file(&link).expect("opened");
        assert!(!dir.path().join("far/new").exists());
        write(&output, target);
        output.commit().expect("committed");
        assert_eq!(read(&dir.path().join(target)), target);
        assert_eq!(fs::read_link(&link).expect("still a link"), Path::new(target));
        fs::remove_file(&link).expect("removed");
    }
}

#[test]
fn a_device_is_written_in_place() {
    let before = fs::metadata("/dev/null").expect("there").ino();
    let output = Output::file(Path::new("/dev/null")).expect("opened");
    write(&output, "gone");
    output.commit().expect("committed");
    assert_eq!(fs::metadata("/dev/null").expect("there").ino(), before);
}

#[test]
fn a_full_device_is_named_at_the_write_that_fails() {
    let output = Output::file(Path::new("/dev/full")).expect("opened");
    let error = output.writer().write_all(b"x").expect_err("full");
    assert_eq!(error.to_string(), "cannot write to /dev/full: No space left on device");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

#[test]
fn a_pipe_is_written_in_place() {
    let dir = dir();
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("made");
    let reader = path.clone();
    let reader = std::thread::spawn(move || read(&reader));
    let output = Output::file(&path).expect("opened");
    write(&output, "rows\n");
    output.commit().expect("committed");
    assert_eq!(reader.join().expect("read"), "rows\n");
    assert_eq!(names(&dir), [PathBuf::from("pipe")]);
}

#[test]
fn a_reader_that_went_away_is_recognised() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let output = Output::duplicate(&writer, "standard output").expect("duplicated");
    drop(reader);
    let error = output.writer().write_all(b"x").expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(error.to_string(), "cannot write to standard output: Broken pipe");
}

#[test]
fn a_full_pipe_that_does_not_block_is_waited_for() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).expect("set");
    let output = Output::duplicate(&writer, "standard output").expect("duplicated");
    drop(writer);
    let text = "x".repeat(300_000);
    let expected = text.clone();
    let writing = std::thread::spawn(move || write(&output, &text));
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut seen = String::new();
    reader.read_to_string(&mut seen).expect("read");
    writing.join().expect("written");
    assert_eq!(seen, expected);
}

#[test]
fn what_cannot_be_written_is_known_at_open() {
    let dir = dir();
    let refused = |path: &Path| {
        let error = Output::file(path).err().expect("refused").to_string();
        error.replace(&dir.path().display().to_string(), "DIR")
    };
    assert_eq!(refused(dir.path()), "cannot write to DIR: Is a directory");
    assert_eq!(refused(&dir.path().join("new/")), "cannot write to DIR/new/: Is a directory");
    assert_eq!(refused(&dir.path().join("no/rows")), "cannot write to DIR/no/rows: No such file or directory");
    let long = dir.path().join("x".repeat(300));
    assert!(refused(&long).ends_with(": File name too long"));
    fs::write(dir.path().join("file"), "").expect("written");
    assert_eq!(refused(&dir.path().join("file/rows")), "cannot write to DIR/file/rows: Not a directory");
}

#[test]
fn what_only_privileges_allow_is_done_at_open() {
    let dir = dir();
    let old = dir.path().join("old");
    fs::write(&old, "something longer than what comes").expect("written");
    let inode = fs::metadata(&old).expect("there").ino();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o500)).expect("set");
    let new = dir.path().join("new");

    let error = unprivileged(|| Output::file(&new).err().expect("refused"));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().ends_with("/new: Permission denied"), "{error}");

    let mut paths = vec![&old];
    // Who has no privileges to lose can still fill a file, but not make one.
    paths.extend(rustix::process::geteuid().is_root().then_some(&new));
    for path in paths {
        let output = Output::file(path).expect("opened");
        unprivileged(|| {
            write(&output, "rows\n");
            output.commit().expect("committed");
        });
        assert_eq!(read(path), "rows\n");
    }
    assert_eq!(fs::metadata(&old).expect("there").ino(), inode);
    if new.exists() {
        assert_eq!(mode(&new), 0o600);
    }
}

#[test]
fn a_file_of_another_user_stays_theirs() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = dir();
    let path = dir.path().join("rows");
    fs::write(&path, "old").expect("written");
    std::os::unix::fs::chown(&path, Some(12_345), Some(12_345)).expect("changed");
    let output = Output::file(&path).expect("opened");
    write(&output, "rows\n");
    assert_eq!(read(&path), "old");
    unprivileged(|| output.commit()).expect("committed");
    assert_eq!(read(&path), "rows\n");
    assert_eq!(fs::metadata(&path).expect("there").uid(), 12_345);
}

#[test]
fn a_hidden_name_is_removed_on_drop_and_renamed_on_commit() {
    let dir = dir();
    let path = dir.path().join("rows");
    for commits in [false, true] {
        let (staged_dir, name) = staged::split(&path).expect("split");
        let staged = Staged::hidden(staged_dir, name).expect("made");
        staged.file().as_ref().write_all(b"rows\n").expect("written");
        assert_eq!(names(&dir).len(), 1);
        assert!(!path.exists());
        if commits {
            staged.commit().expect("committed");
        }
    }
    assert_eq!(names(&dir), [PathBuf::from("rows")]);
    assert_eq!(read(&path), "rows\n");
}
