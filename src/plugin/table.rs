//! Tables for people: columns as wide as what is in them. Pure.

use crate::wording::one_line;

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Doubtful,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// The text in its colour, where there are colours.
    pub(super) fn paint(self, text: &str, colour: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
        };
        if colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// One cell; empty is shown as a dash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in a tone.
    pub(super) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: one_line(text.as_ref()),
            tone,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

const GAP: usize = 3;

/// Header and rows, each ended by a newline, without blanks at the ends of lines. A row that is too short is filled up;
/// what is beyond the header is left out.
pub(super) fn table(header: &[&str], rows: &[Vec<Cell>], colour: bool) -> String {
    let shown = |cell: Option<&Cell>| match cell {
        Some(cell) if !cell.text.is_empty() => cell.clone(),
        _ => Cell::from("-"),
    };
    let head: Vec<Cell> = header.iter().map(Cell::from).collect();
    let body = rows.iter().map(|row| {
        let cells = (0..header.len()).map(|column| shown(row.get(column)));
        cells.collect::<Vec<_>>()
    });
    let all: Vec<Vec<Cell>> = std::iter::once(head).chain(body).collect();
    let width = |column: usize| {
        let widths = all.iter().map(|row| row[column].text.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(&cell.tone.paint(&cell.text, colour));
            if column + 1 < row.len() {
                let blanks = widths[column] - cell.text.chars().count() + GAP;
                text.extend(std::iter::repeat_n(' ', blanks));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_colours_have_no_width() {
        let rows = [
            vec![Cell::from("crm"), Cell::toned("Healthy", Tone::Good)],
            vec![Cell::from("a-longer-name"), Cell::from("")],
        ];
        let plain = "NAME            HEALTH\ncrm             Healthy\na-longer-name   -\n";
        assert_eq!(table(&["NAME", "HEALTH"], &rows, false), plain);
        let coloured = table(&["NAME", "HEALTH"], &rows, true);
        assert!(
            coloured.contains("crm             \u{1b}[32mHealthy\u{1b}[0m\n"),
            "{coloured}"
        );
    }

    proptest! {
        #[test]
        fn a_table_has_a_line_a_row_whatever_is_in_it(
            rows in prop::collection::vec(prop::collection::vec(".{0,12}", 0..5), 0..6),
        ) {
            let cells: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(Cell::from).collect()).collect();
            let text = table(&["A", "B", "C"], &cells, false);
            prop_assert_eq!(text.lines().count(), rows.len() + 1);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
