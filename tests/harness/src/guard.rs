//! A watchman for everything this process starts: when the process ends in any way, SIGKILL included,
//! its children are killed and its throw-away folders removed.
//!
//! It is one small shell per process that reads commands from a pipe. The kernel closes the pipe when
//! the process dies; the shell then cleans up. That works for any program, needs no unsafe code, and
//! does not depend on Linux.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reads `verb value` lines: `kill`/`free` a process group, `ask`/`free` a process to end, `remove`/`keep`
/// a folder. At the end of its input it ends and removes what is left. Lists are separated by newlines, so that paths may have
/// spaces; `sleep` gives the kernel time to end processes that still write into the folders.
const SCRIPT: &str = r#"
IFS='
'
groups= asked= folders=
without() { for item in $1; do [ "$item" = "$2" ] || echo "$item"; done; }
while IFS=' ' read -r verb value; do
  case $verb in
    kill) groups="$groups
$value";;
    ask) asked="$asked
$value";;
    free) groups=$(without "$groups" "$value"); asked=$(without "$asked" "$value");;
    remove) folders="$folders
$value";;
    keep) folders=$(without "$folders" "$value");;
  esac
done
for process in $asked; do kill -15 "$process"; done 2>/dev/null
for group in $groups; do kill -9 "-$group"; done 2>/dev/null
for folder in $folders; do
  rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
done 2>/dev/null
"#;

/// Adds a process group to what is killed when this process ends.
pub(crate) fn watch(group: u32) {
    tell("kill", &group.to_string());
}

/// Sends SIGTERM to a child when this process ends without [`release_child`], however it ends.
pub fn end_with_this_process(child: &Child) {
    tell("ask", &child.id().to_string());
}

/// Undoes [`end_with_this_process`], once the child has ended.
pub fn release_child(child: &Child) {
    release(child.id());
}

/// Takes a process group off the list: it has ended and been waited for, or is meant to live on.
pub(crate) fn release(group: u32) {
    tell("free", &group.to_string());
}

/// Removes a folder when this process ends, however it ends. It may be gone by then.
pub fn remove_with_this_process(folder: &Path) {
    remove_later(folder);
}

/// Adds a folder to what is removed when this process ends.
pub(crate) fn remove_later(folder: &Path) {
    tell("remove", &folder.to_string_lossy());
}

/// Takes a folder off the list: it is gone already, or a person wants to read it.
pub(crate) fn keep(folder: &Path) {
    tell("keep", &folder.to_string_lossy());
}

/// Best effort: without a shell the tests still run, and `Drop` still cleans up.
fn tell(verb: &str, value: &str) {
    static GUARD: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    let Some(pipe) = GUARD.get_or_init(start) else {
        return;
    };
    let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writeln!(pipe, "{verb} {value}");
}

/// In a process group of its own, because test runners kill the group of a test that takes too long.
fn start() -> Option<Mutex<ChildStdin>> {
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    shell.stdin.take().map(Mutex::new)
}
