//! What a person sees: steps, commands as typed, answers, and what was checked. Colour only on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// Standard output. A reader who has gone away does not stop the demo: what is written is lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    coloured: bool,
}

const BOLD: &str = "1";
const CYAN: &str = "36";
const GREEN: &str = "32";
const RED: &str = "31";

impl Screen {
    /// Colours when standard output is a terminal and `NO_COLOR` is unset, or when it leads to one.
    pub(crate) fn new(leads_to_terminal: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            coloured: wanted && (leads_to_terminal || io::stdout().is_terminal()),
        }
    }

    pub(crate) fn is_coloured(self) -> bool {
        self.coloured
    }

    /// The title of a step.
    pub(crate) fn title(self, text: &str) {
        say("");
        say(&self.paint(BOLD, text));
    }

    /// A command, as a person would type it in the checkout.
    pub(crate) fn command(self, text: &str) {
        say(&format!("  {} {}", self.paint(CYAN, "$"), self.paint(CYAN, text)));
    }

    /// Something that was checked and is as it should be.
    pub(crate) fn checked(self, text: impl Display) {
        say(&format!("  {} {text}", self.paint(GREEN, "✓")));
    }

    /// What is not as it should be.
    pub(crate) fn failed(self, text: &str) {
        say(&format!("  {} {text}", self.paint(RED, "✗")));
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What a command or the simulator answered.
pub(crate) fn answer(text: &str) {
    for line in text.trim_end().lines() {
        say(&format!("    {}", line.trim_end()));
    }
}

/// Writes a line as it is.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A command line that a shell reads as these arguments.
pub(crate) fn typed(program: &str, arguments: &[&str]) -> String {
    let quoted = arguments.iter().map(|argument| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
        if !argument.is_empty() && argument.chars().all(plain) {
            (*argument).to_owned()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    });
    let words: Vec<String> = std::iter::once(program.to_owned()).chain(quoted).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_command_quotes_what_a_shell_would_read_otherwise() {
        let line = typed("kubectl", &["get", "-o", "jsonpath={.a[?(@.b)]}", "it's"]);
        assert_eq!(line, r"kubectl get -o 'jsonpath={.a[?(@.b)]}' 'it'\''s'");
        assert_eq!(
            typed("kubectl", &["apply", "-f", "crds/"]),
            "kubectl apply -f crds/"
        );
    }
}
