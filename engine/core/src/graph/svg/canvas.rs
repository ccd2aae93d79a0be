//! What the layout is drawn on: plain SVG without styles and scripts, in which text is text and nothing else.

use std::fmt::Write as _;

use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;

/// Space around everything, in pixels.
const MARGIN: f64 = 12.0;
/// From one line of text to the next, in sizes of its letters.
const LINE_HEIGHT: f64 = 1.3;

/// A drawing that grows with what is drawn on it.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

impl Canvas {
    /// Returns the document.
    pub(super) fn finish(self, title: &str) -> String {
        let Self { body, width, height } = self;
        let (width, height) = (width + MARGIN, height + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" role=\"img\">\n\
             <title>{}</title>\n\
             <defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"10\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"#696969\"/></marker></defs>\n\
             {body}</svg>\n",
            escape(title)
        )
    }

    fn cover(&mut self, corner: Point) {
        self.width = self.width.max(corner.x);
        self.height = self.height.max(corner.y);
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(
        &mut self,
        xy: Point,
        size: Point,
        look: &StyleAttr,
        properties: Option<String>,
        _clip: Option<ClipHandle>,
    ) {
        self.cover(xy.add(size));
        let _ = writeln!(
            self.body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\" {}/>",
            xy.x,
            xy.y,
            size.x,
            size.y,
            look.rounded,
            paint(look, properties)
        );
    }

    fn draw_line(&mut self, start: Point, stop: Point, look: &StyleAttr, properties: Option<String>) {
        self.cover(start);
        self.cover(stop);
        let _ = writeln!(
            self.body,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {}/>",
            start.x,
            start.y,
            stop.x,
            stop.y,
            paint(look, properties)
        );
    }

    fn draw_circle(&mut self, xy: Point, size: Point, look: &StyleAttr, properties: Option<String>) {
        self.cover(xy.add(size.scale(0.5)));
        let _ = writeln!(
            self.body,
            "<ellipse cx=\"{:.1}\" cy=\"{:.1}\" rx=\"{:.1}\" ry=\"{:.1}\" {}/>",
            xy.x,
            xy.y,
            size.x / 2.0,
            size.y / 2.0,
            paint(look, properties)
        );
    }

    fn draw_text(&mut self, xy: Point, text: &str, look: &StyleAttr) {
        let height = look.font_size as f64 * LINE_HEIGHT;
        let last = text.lines().count().saturating_sub(1);
        let first = xy.y - height * last as f64 / 2.0;
        for (place, line) in text.lines().enumerate() {
            let y = first + height * place as f64;
            // Letters are about as wide as half their size.
            let half = line.chars().count() as f64 * look.font_size as f64 / 4.0;
            self.cover(Point::new(xy.x + half, y + height / 2.0));
            let _ = writeln!(
                self.body,
                "<text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"{}\" text-anchor=\"middle\" \
                 dominant-baseline=\"central\">{}</text>",
                xy.x,
                look.font_size,
                escape(line)
            );
        }
    }

    fn draw_arrow(
        &mut self,
        // The first pair leaves the beginning, each other one arrives at the next point.
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        look: &StyleAttr,
        properties: Option<String>,
        // Labels have nodes of their own by now.
        _text: &str,
    ) {
        let [(start, leaving), (arriving, next), rest @ ..] = path else { return };
        path.iter().flat_map(|(one, other)| [one, other]).for_each(|point| self.cover(*point));
        let mut curve = format!(
            "M{:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
            start.x, start.y, leaving.x, leaving.y, arriving.x, arriving.y, next.x, next.y
        );
        for (arriving, next) in rest {
            let _ = write!(curve, "S{:.1} {:.1} {:.1} {:.1}", arriving.x, arriving.y, next.x, next.y);
        }
        let dashes = if dashed { " stroke-dasharray=\"5 5\"" } else { "" };
        let tail = if head.0 { " marker-start=\"url(#head)\"" } else { "" };
        let tip = if head.1 { " marker-end=\"url(#head)\"" } else { "" };
        let _ = writeln!(self.body, "<path d=\"{curve}\" {}{dashes}{tail}{tip}/>", paint(look, properties));
    }

    fn create_clip(&mut self, _xy: Point, _size: Point, _rounded_px: usize) -> ClipHandle {
        // Only records are clipped, and there are none.
        0
    }
}

/// Returns the attributes of a look, and those that come with it.
fn paint(look: &StyleAttr, properties: Option<String>) -> String {
    let fill = look.fill_color.map_or_else(|| "none".to_owned(), colour);
    let mut paint =
        format!("fill=\"{fill}\" stroke=\"{}\" stroke-width=\"{}\"", colour(look.line_color), look.line_width);
    if let Some(properties) = properties {
        paint += &format!(" {properties}");
    }
    paint
}

/// Returns a colour without its opacity, which not everything that reads SVG understands.
fn colour(colour: Color) -> String {
    colour.to_web_color().chars().take("#rrggbb".len()).collect()
}

/// Writes text so that it is text; characters that no XML document may hold are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}
