//! Aligned columns: plain text in a pipe, status words in colour on a terminal.

use console::{Style, measure_text_width};

use super::text::{clean, style_of};

/// Rows of equally many cells below a line of titles.
pub(super) struct Table {
    titles: &'static [&'static str],
    rows: Vec<Vec<(String, Style)>>,
}

impl Table {
    pub(super) fn new(titles: &'static [&'static str]) -> Self {
        Self { titles, rows: Vec::new() }
    }

    /// Adds a row. The words of a status take its colour.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        let cells = cells.into_iter().map(|cell| {
            let cell = clean(cell.as_ref()).into_owned();
            let style = style_of(&cell);
            (if cell.is_empty() { "-".to_owned() } else { cell }, style)
        });
        self.rows.push(cells.collect());
    }

    /// Draws the table, or says `empty` where it has no rows.
    pub(super) fn render(&self, empty: &str) -> String {
        if self.rows.is_empty() {
            return format!("{empty}\n");
        }
        let widths: Vec<usize> = (0..self.titles.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(&cell.0));
                cells.max().unwrap_or(0).max(self.titles[column].len())
            })
            .collect();
        let bold = Style::new().bold();
        let mut text = line(self.titles.iter().map(|title| (*title, &bold)), &widths);
        for row in &self.rows {
            text += &line(row.iter().map(|(cell, style)| (cell.as_str(), style)), &widths);
        }
        text
    }
}

fn line<'a>(cells: impl Iterator<Item = (&'a str, &'a Style)>, widths: &[usize]) -> String {
    let mut line = String::new();
    let mut gap = 0;
    for ((cell, style), width) in cells.zip(widths) {
        line.extend(std::iter::repeat_n(' ', gap));
        line += &style.apply_to(cell).to_string();
        gap = width - measure_text_width(cell).min(*width) + 2;
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_titles() {
        let mut table = Table::new(&["NAME", "STATUS", "AT"]);
        table.row(["größe", "succeeded", "now"]);
        table.row(["b", "", "la\u{1b}[2Jter"]);
        assert_eq!(
            console::strip_ansi_codes(&table.render("none")),
            "NAME   STATUS     AT\ngröße  succeeded  now\nb      -          later\n"
        );
        assert_eq!(Table::new(&["NAME"]).render("no projects"), "no projects\n");
    }
}
