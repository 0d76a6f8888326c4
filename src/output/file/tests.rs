use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

/// A folder in which `old.csv` holds `old`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.csv"), "old").unwrap();
    folder
}

fn names(folder: &TempDir) -> Vec<OsString> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// The ways to make a temporary: the system's best, and the one that works everywhere.
const WAYS: [OpenUnnamed; 2] = [disk::open_unnamed, |_| Ok(None)];

fn written(path: &Path, content: &str, way: OpenUnnamed) -> OutputFile {
    let mut output = OutputFile::create_with(path, way).unwrap();
    output.write_all(content.as_bytes()).unwrap();
    output
}

#[test]
fn a_persisted_output_replaces_the_old_file_and_leaves_nothing_else() {
    for way in WAYS {
        let folder = folder();
        let path = folder.path().join("old.csv");
        let output = written(&path, "new", way);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        output.persist().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(&folder), ["old.csv"]);
    }
}

#[test]
fn a_dropped_output_leaves_no_trace() {
    for way in WAYS {
        let folder = folder();
        let mut replacing = written(&folder.path().join("old.csv"), "new", way);
        replacing.flush().unwrap();
        drop(replacing);
        drop(written(&folder.path().join("new.csv"), "new", way));
        assert_eq!(names(&folder), ["old.csv"]);
        assert_eq!(fs::read_to_string(folder.path().join("old.csv")).unwrap(), "old");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_unfinished_output_has_no_name_where_the_file_system_can_do_that() {
    let folder = folder();
    if !matches!(disk::open_unnamed(folder.path()), Ok(Some(_))) {
        return;
    }
    let _output = written(&folder.path().join("new.csv"), "new", disk::open_unnamed);
    assert_eq!(names(&folder), ["old.csv"]);
}

#[test]
fn content_of_any_size_arrives_in_order() {
    let folder = folder();
    let path = folder.path().join("large.csv");
    let mut expected = Vec::new();
    let mut output = OutputFile::create(&path).unwrap();
    for size in [1, BUFFER_BYTES, 10, BUFFER_BYTES - 1, BUFFER_BYTES + 1, 0, 7] {
        let chunk = vec![u8::try_from(size % 251).unwrap(); size];
        output.write_all(&chunk).unwrap();
        expected.extend(chunk);
    }
    output.persist().unwrap();
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[test]
fn permissions_are_those_of_the_old_file_or_of_any_new_one() {
    for way in WAYS {
        let folder = folder();
        let path = folder.path().join("old.csv");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        written(&path, "new", way).persist().unwrap();
        assert_eq!(mode(&path), 0o640);

        let (made, plain) = (folder.path().join("made"), folder.path().join("plain"));
        written(&made, "new", way).persist().unwrap();
        File::create(&plain).unwrap();
        assert_eq!(mode(&made), mode(&plain));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_replaced() {
    for way in WAYS {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("links")).unwrap();
        symlink("../old.csv", at("links/link")).unwrap();
        written(&at("links/link"), "new", way).persist().unwrap();
        assert!(at("links/link").is_symlink());
        assert_eq!(fs::read_to_string(at("old.csv")).unwrap(), "new");

        symlink("made.csv", at("dangling")).unwrap();
        written(&at("dangling"), "made", way).persist().unwrap();
        assert!(at("dangling").is_symlink());
        assert_eq!(fs::read_to_string(at("made.csv")).unwrap(), "made");
    }
}

#[test]
fn names_that_are_long_or_not_utf8_work() {
    let long = "n".repeat(255);
    let accents = "\u{e9}".repeat(127);
    for name in [long.as_bytes(), accents.as_bytes(), b"\xff\xfe.csv", b"-", b" "] {
        for way in WAYS {
            let folder = folder();
            let path = folder.path().join(OsStr::from_bytes(name));
            written(&path, "new", way).persist().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        }
    }
    let folder = folder();
    let too_long = folder.path().join("n".repeat(256));
    assert!(matches!(OutputFile::create(&too_long), Err(CreateError::Open { .. })));
}

#[test]
fn a_cut_name_keeps_whole_characters() {
    let name = format!("{}{}", "a".repeat(MAX_NAME_BYTES - 1), "\u{20ac}");
    let prefix = hidden_prefix(OsStr::new(&name));
    assert_eq!(prefix.to_str().unwrap(), format!(".{}.millrace-", "a".repeat(MAX_NAME_BYTES - 1)));
    assert_eq!(hidden_prefix(OsStr::new("out.csv")), ".out.csv.millrace-");
}

#[test]
fn an_output_that_cannot_be_is_refused_with_a_message_that_helps() {
    let folder = folder();
    let error = OutputFile::create(folder.path()).unwrap_err();
    assert!(matches!(error, CreateError::IsDirectory { .. }));
    assert!(error.to_string().ends_with(": is a directory; name a file in it"));
    let path = folder.path().join("missing\n/out.csv");
    let error = OutputFile::create(&path).unwrap_err();
    assert!(matches!(error, CreateError::NoDirectory { .. }));
    assert!(error.to_string().contains(r"missing\x0a; create it"), "{error}");
}

#[test]
fn a_directory_that_takes_no_file_is_refused() {
    let folder = folder();
    let refuse: OpenUnnamed = |_| Err(io::ErrorKind::ReadOnlyFilesystem.into());
    let error = OutputFile::create_with(&folder.path().join("new.csv"), refuse).unwrap_err();
    assert!(matches!(error, CreateError::Temporary { .. }));
    assert!(error.to_string().contains("make the directory writable"), "{error}");
}

#[test]
fn devices_and_pipes_are_written_to_directly() {
    let null = written(Path::new("/dev/null"), "gone", disk::open_unnamed);
    assert!(null.is_stream());
    null.persist().unwrap();

    let folder = folder();
    let path = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let reader = {
        let path = path.clone();
        thread::spawn(move || fs::read_to_string(path).unwrap())
    };
    written(&path, "streamed", disk::open_unnamed).persist().unwrap();
    assert_eq!(reader.join().unwrap(), "streamed");
    assert_eq!(names(&folder), ["fifo", "old.csv"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_fails_the_output() {
    let full = written(Path::new("/dev/full"), "lost", disk::open_unnamed);
    let error = full.persist().unwrap_err();
    assert!(matches!(error, WriteError::Write { .. }));
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("/dev/full: writing failed: "), "{error}");

    let mut full = written(Path::new("/dev/full"), "lost", disk::open_unnamed);
    full.flush().unwrap_err();
}

#[cfg(target_os = "linux")]
#[test]
fn a_failed_write_is_not_forgotten() {
    let mut full = written(Path::new("/dev/full"), "lost", disk::open_unnamed);
    full.flush().unwrap_err();
    assert!(full.buffer.is_empty());
    assert_eq!(full.persist().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[cfg(target_os = "linux")]
#[test]
fn one_failing_output_keeps_all_old_files() {
    for way in WAYS {
        let folder = folder();
        fs::write(folder.path().join("second.csv"), "old").unwrap();
        let outputs = vec![
            written(&folder.path().join("old.csv"), "new", way),
            written(Path::new("/dev/full"), "lost", way),
            written(&folder.path().join("second.csv"), "new", way),
        ];
        let error = persist_all(outputs).unwrap_err();
        assert!(matches!(error, WriteError::Write { .. }));
        assert_eq!(names(&folder), ["old.csv", "second.csv"]);
        for name in ["old.csv", "second.csv"] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "old");
        }
    }
}

#[test]
fn several_outputs_appear_together() {
    for way in WAYS {
        let folder = folder();
        let paths = ["a.csv", "b.csv", "old.csv"].map(|name| folder.path().join(name));
        let outputs = paths.iter().map(|path| written(path, "new", way)).collect();
        persist_all(outputs).unwrap();
        for path in &paths {
            assert_eq!(fs::read_to_string(path).unwrap(), "new");
        }
        assert_eq!(names(&folder), ["a.csv", "b.csv", "old.csv"]);
    }
    persist_all(Vec::new()).unwrap();
}

#[test]
fn a_target_that_became_a_directory_is_left_alone() {
    for way in WAYS {
        let folder = folder();
        let path = folder.path().join("new.csv");
        let output = written(&path, "new", way);
        fs::create_dir(&path).unwrap();
        let error = output.persist().unwrap_err();
        assert!(matches!(error, WriteError::Replace { .. }));
        assert!(path.is_dir());
        assert_eq!(names(&folder), ["new.csv", "old.csv"]);
    }
}

#[test]
fn a_large_output_is_whole_though_the_disk_begins_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let mut output = OutputFile::create(&path).unwrap();
    let mut expected = Vec::new();
    for round in 0..40_u8 {
        // Pieces that are gathered, and pieces that are handed over at once.
        for length in [50_000, LONG_BYTES, BUFFER_BYTES + 7] {
            let piece = vec![round; length];
            output.write_all(&piece).unwrap();
            expected.extend_from_slice(&piece);
        }
        let waiting = output.written_bytes - output.begun_bytes;
        assert!(waiting < *BEGIN_BYTES.start() || waiting < output.written_bytes / 4);
        assert!(waiting < *BEGIN_BYTES.end());
    }
    assert!(output.begun_bytes > *BEGIN_BYTES.end());
    output.persist().unwrap();
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn a_device_is_not_asked_to_begin() {
    let mut output = OutputFile::create(Path::new("/dev/null")).unwrap();
    output.write_all(&vec![b'x'; 5 << 20]).unwrap();
    assert_eq!((output.written_bytes, output.begun_bytes), (5 << 20, 0));
    output.persist().unwrap();
}

mod failing;
