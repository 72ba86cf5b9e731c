//! A temporary folder that survives the failure of a test, so that its logs can be read.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::guard;

/// A folder below the system's temporary one. It is removed on drop, unless the thread panics: then it
/// stays, and its path is printed.
pub(crate) struct Scratch {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// A folder that stays when the process is killed: a test runner that stops a slow test leaves its
    /// logs.
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            // It holds tokens.
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let path = folder.path().to_owned();
        Ok(Self {
            folder: Some(folder),
            path,
        })
    }

    /// A folder that goes when the process is killed: for what is big, such as a database.
    pub(crate) fn removed_when_killed(prefix: &str) -> io::Result<Self> {
        let scratch = Self::new(prefix)?;
        guard::remove_later(&scratch.path);
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder for good.
    pub(crate) fn keep(&mut self) {
        if let Some(folder) = self.folder.take() {
            let _ = folder.keep();
            guard::keep(&self.path);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() && self.folder.is_some() {
            self.keep();
            // Not eprintln!, which the test runner captures and shows elsewhere.
            let _ = writeln!(io::stderr(), "logs are kept in {}", self.path.display());
        } else if let Some(folder) = self.folder.take() {
            let _ = folder.close();
            guard::keep(&self.path);
        }
    }
}
