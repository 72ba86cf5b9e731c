//! Where results and progress go. The entry point owns both streams.

use std::fmt;
use std::io::{self, Write};

use crate::wording::one_line;

/// Results for standard output, progress for standard error.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    notes: &'a mut dyn Write,
    colour: bool,
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("colour", &self.colour)
            .finish_non_exhaustive()
    }
}

impl<'a> Screen<'a> {
    /// `colour` says whether results are read by a person at a terminal.
    pub fn new(out: &'a mut dyn Write, notes: &'a mut dyn Write, colour: bool) -> Self {
        Self { out, notes, colour }
    }

    /// Whether results may be coloured.
    pub(super) const fn colour(&self) -> bool {
        self.colour
    }

    /// Prints a result.
    ///
    /// # Errors
    /// What the system says; that a reader has gone, as `head` does, is no error.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Tells a person what is going on. Where nobody listens nothing is lost.
    pub(super) fn note(&mut self, text: &str) {
        let _ = writeln!(self.notes, "{}", one_line(text));
        let _ = self.notes.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31mb\nc\u{9b}d"), "a [31mb c d");
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut notes, false);
        screen.print("whole\n").unwrap();
        screen.note("a\nb");
        assert_eq!(
            (out.as_slice(), notes.as_slice()),
            (&b"whole\n"[..], &b"a b\n"[..])
        );
    }
}
