//! A child process in a group of its own, with its output in files, that never outlives this process.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::iter;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::guard;
use crate::procfs;
use crate::wait::{TimedOut, wait_for};

/// Why a program is not running, or not as asked.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its output file could not be made.
    #[error("create the log {}", path.display())]
    Log {
        /// Path of the log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for its output could not be made.
    #[error("create a folder for logs")]
    Folder(#[source] io::Error),
    /// The program could not be started.
    #[error("start {}", program.display())]
    Spawn {
        /// Its path.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its state could not be read.
    #[error("ask the system about {name}")]
    Inspect {
        /// Name of the process.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended ({status}) before it was ready; the end of its log:\n{log}")]
    Ended {
        /// Name of the process.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Last lines of its log.
        log: String,
    },
    /// It did not do in time what it should.
    #[error("{source}; the end of the log of {name}:\n{log}")]
    Late {
        /// Name of the process.
        name: String,
        /// What was waited for.
        source: TimedOut,
        /// Last lines of its log.
        log: String,
    },
}

/// A running program. Dropping it kills it.
pub(crate) struct ChildProcess {
    name: String,
    child: Child,
    log: PathBuf,
    /// Some once it ended and was waited for.
    ended: Option<ExitStatus>,
    detached: bool,
}

impl ChildProcess {
    /// Starts `command` with both outputs in `log`, or standard output in a file of its own.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        stdout: Option<&Path>,
    ) -> Result<Self, ProcessError> {
        let errors = create(log)?;
        let output = match stdout {
            Some(path) => create(path)?,
            None => errors.try_clone().map_err(|source| ProcessError::Log {
                path: log.to_owned(),
                source,
            })?,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|source| ProcessError::Spawn {
                program: command.get_program().into(),
                source,
            })?;
        guard::watch(child.id());
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
            detached: false,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        if self.ended.is_none() {
            let status = self.child.try_wait();
            self.ended = status.map_err(|source| ProcessError::Inspect {
                name: self.name.clone(),
                source,
            })?;
            if self.ended.is_some() {
                guard::release(self.child.id());
            }
        }
        Ok(self.ended)
    }

    /// An error with the end of its log when it has ended.
    pub(crate) fn still_running(&mut self) -> Result<(), ProcessError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(ProcessError::Ended {
                name: self.name.clone(),
                status,
                log: tail(&self.log),
            }),
        }
    }

    /// Looks until `look` finds something; an error at once when the process ends before that.
    pub(crate) fn wait_until<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, ProcessError> {
        let found = wait_for(deadline, what, || match self.still_running() {
            Err(error) => Some(Err(error)),
            Ok(()) => look().map(Ok),
        });
        found.map_err(|source| self.late(source))?
    }

    fn late(&self, source: TimedOut) -> ProcessError {
        ProcessError::Late {
            name: self.name.clone(),
            source,
            log: tail(&self.log),
        }
    }

    /// SIGTERM, then waits for its end.
    pub(crate) fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        signal(self.child.id(), Signal::TERM);
        let ended = wait_for(deadline, &format!("{} to end on SIGTERM", self.name), || {
            self.ended().transpose()
        });
        ended.map_err(|source| self.late(source))?
    }

    /// SIGKILL to its whole group; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        signal(self.child.id(), Signal::KILL);
        self.ended = self.child.wait().ok();
        guard::release(self.child.id());
    }

    /// Lets the process outlive this one.
    pub(crate) fn detach(&mut self) {
        guard::release(self.child.id());
        self.detached = true;
    }

    /// Largest resident set so far, in KiB.
    pub(crate) fn rss_peak_kib(&self) -> Result<u64, ProcessError> {
        procfs::rss_peak_kib(self.id()).map_err(|source| self.inspect(source))
    }

    /// CPU time so far, user and system, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, ProcessError> {
        procfs::cpu_seconds(self.id()).map_err(|source| self.inspect(source))
    }

    fn inspect(&self, source: io::Error) -> ProcessError {
        ProcessError::Inspect {
            name: self.name.clone(),
            source,
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if !self.detached {
            self.kill();
        }
    }
}

/// Sends a signal to a process group; it may be gone already.
pub(crate) fn signal(group: u32, signal: Signal) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

fn create(path: &Path) -> Result<File, ProcessError> {
    File::create(path).map_err(|source| ProcessError::Log {
        path: path.to_owned(),
        source,
    })
}

/// The last lines of a log, to be shown in an error.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// What `ps` shows of a process; empty when there is none.
pub(crate) fn command_line(pid: u32) -> String {
    let shown = Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .output();
    shown.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into(),
    )
}

/// An error with everything that caused it, in one line, as a person should see it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
